/**
 * Checks what a peer tells of itself before anything else sees it: those who read a status (board, rebalancer, operators' page)
 * rely on its form, and a hint from another build, or from a program that is none of ours, must not end this process.
 *
 * Members that this build does not know pass unchecked and unread. A status that is not as described here is dropped whole.
 */
import type { ProcessStatus } from './status.ts'

export const statusLimits = {
  textCharactersMax: 256,
  rolesMax: 16,
  reasonsMax: 64,
  /** Shards of a cluster, or more. */
  shardsMax: 65_536,
  hottestMax: 64,
  /** Moves and take-overs, each. */
  recordsMax: 50,
  connectionsMax: 256,
  /** Processes that a node tells of. */
  gatewaysMax: 256,
} as const

/** The status in `body`, or undefined where it is none. */
export function readStatus(body: unknown): ProcessStatus | undefined {
  return isProcess(body) && (body['nodeStatus'] === undefined || isNode(body['nodeStatus']))
    ? (body as unknown as ProcessStatus)
    : undefined
}

type Fields = Readonly<Record<string, unknown>>

function isProcess(value: unknown): value is Fields {
  return (
    isFields(value) &&
    isIncarnation(value) &&
    isList(value['roles'], statusLimits.rolesMax, isText) &&
    isText(value['build']) &&
    isText(value['address']) &&
    typeof value['draining'] === 'boolean' &&
    isList(value['reasons'], statusLimits.reasonsMax, isText) &&
    areNumbers(value, ['startedAt', 'cpu', 'loopDelayMs', 'residentBytes', 'answeredPerSecond', 'unavailablePerSecond'])
  )
}

function isNode(value: unknown): boolean {
  const { shardsMax, hottestMax, recordsMax, connectionsMax, gatewaysMax } = statusLimits
  return (
    isFields(value) &&
    areNumbers(value, [
      'shards',
      'uncertain',
      'entities',
      'pending',
      'commandsPerSecond',
      'durablePerSecond',
      'flushMs',
    ]) &&
    isList(value['stuck'], shardsMax, (each) => isFields(each) && isShard(each['shard']) && isText(each['reason'])) &&
    isList(
      value['hottest'],
      hottestMax,
      (each) => isFields(each) && isShard(each['shard']) && areNumbers(each, ['perSecond']),
    ) &&
    isList(value['moves'], recordsMax, isMove) &&
    isList(value['takeovers'], recordsMax, isTakeover) &&
    (value['readSide'] === undefined || isReadSide(value['readSide'])) &&
    (value['connections'] === undefined || isList(value['connections'], connectionsMax, isText)) &&
    // what a node heard of others; none of those has heard of anybody
    (value['gateways'] === undefined ||
      isList(value['gateways'], gatewaysMax, (each) => isProcess(each) && each['nodeStatus'] === undefined))
  )
}

function isReadSide(value: unknown): boolean {
  return isFields(value) && areNumbers(value, ['behind']) && isList(value['parked'], statusLimits.shardsMax, isShard)
}

function isMove(value: unknown): boolean {
  return (
    isFields(value) &&
    isShard(value['shard']) &&
    isText(value['from']) &&
    isText(value['to']) &&
    isText(value['reason']) &&
    areNumbers(value, ['epoch', 'at', 'blackoutMs'])
  )
}

function isTakeover(value: unknown): boolean {
  return (
    isFields(value) &&
    isFields(value['from']) &&
    isIncarnation(value['from']) &&
    isText(value['by']) &&
    areNumbers(value, ['shards', 'at', 'tookMs'])
  )
}

function isIncarnation({ node, incarnation }: Fields): boolean {
  return isText(node) && isText(incarnation)
}

function isShard(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < statusLimits.shardsMax
}

function areNumbers(value: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === 'number' && Number.isFinite(value[name]))
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= statusLimits.textCharactersMax
}

function isList(value: unknown, max: number, isRight: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= max && value.every(isRight)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

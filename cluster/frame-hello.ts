/**
 * The hello: who is at this end, what it speaks, how much it takes at once, and, from the dialler, whom it meant to reach.
 * Fields are added, never changed; a reader ignores what it does not know.
 */
import type { Peer } from './link.ts'
import type { Incarnation, Role } from './member.ts'

export interface Hello {
  readonly peer: Peer
  /** Unix ms by the peer's own clock: orders the incarnations of one node, compared with nothing else. */
  readonly startedAt: number
  /** Calls, and bytes of calls, that this end takes at once. */
  readonly calls: number
  readonly callBytes: number
  /** Of the dialler: whom it dialled, and the number of the attempt, which rises with every dial of that process. */
  readonly to?: Incarnation
  readonly dial: number
}

const names = /^[a-z0-9-]{1,24}$/
const incarnations = /^[a-z0-9]{1,20}$/
const builds = /^[\x21-\x7e]{1,64}$/
const knownRoles: readonly Role[] = ['node', 'gateway', 'operator']
const rolesMax = 16

export function helloBody({ peer, startedAt, calls, callBytes, to, dial }: Hello): unknown {
  return {
    protocol: peer.protocol,
    build: peer.build,
    node: peer.node,
    incarnation: peer.incarnation,
    roles: [...peer.roles],
    startedAt,
    calls,
    callBytes,
    dial,
    ...(to !== undefined && { toNode: to.node, toIncarnation: to.incarnation }),
  }
}

/** The hello in `body`, or undefined where it is none. A peer of another protocol version has at least that field. */
export function readHello(body: unknown): Hello | { readonly protocol: number } | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const fields = body as Readonly<Record<string, unknown>>
  const protocol = fields['protocol']
  if (!isWhole(protocol)) return undefined
  const { build, node, incarnation, startedAt, calls, callBytes, dial, toNode, toIncarnation } = fields
  const roles = readRoles(fields['roles'])
  const wellFormed =
    matches(build, builds) &&
    matches(node, names) &&
    matches(incarnation, incarnations) &&
    roles !== undefined &&
    isWhole(startedAt) &&
    isWhole(calls) &&
    isWhole(callBytes) &&
    isWhole(dial)
  if (!wellFormed) return { protocol }
  const peer = { node, incarnation, roles, build, protocol }
  const hello = { peer, startedAt, calls, callBytes, dial }
  if (toNode === undefined) return hello
  return matches(toNode, names) && matches(toIncarnation, incarnations)
    ? { ...hello, to: { node: toNode, incarnation: toIncarnation } }
    : { protocol }
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

/** Roles of newer builds are left out; undefined where no known one is left. */
function readRoles(value: unknown): readonly Role[] | undefined {
  if (!Array.isArray(value) || value.length > rolesMax) return undefined
  const roles = knownRoles.filter((role) => value.includes(role))
  return roles.length > 0 ? roles : undefined
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

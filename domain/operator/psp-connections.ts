/**
 * The register of PSP connections: which exist, for which mode, and under which setting a process finds their secret. Pure.
 * The secret itself never gets here, nor into any request: operators name a setting that names a file.
 *
 * Test and live stay apart: a connection's name ends with its mode, and its secret's setting carries the mode, so that a
 * live secret cannot be read by a connection that is called a test.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision, RowMeta } from '../decision.ts'
import type { Mode } from '../ids.ts'

export const pspConnectionsMax = 64

/** Providers that a connector is built for. */
export const connectablePsps = ['stripe'] as const

export type ConnectablePsp = (typeof connectablePsps)[number]

export interface PspConnection {
  /** `stripe-test`, `stripe-eu-live`: what merchants' routes name. */
  readonly name: string
  readonly psp: ConnectablePsp
  readonly mode: Mode
  /** Environment variable with the path of the file that holds the secret: `SHARDPAY_STRIPE_LIVE_SECRET_KEY_FILE`. */
  readonly secretSetting: string
}

export type PspConnectionsCommand =
  | {
      readonly type: 'AddPspConnection'
      readonly connection: PspConnection
      readonly operator: string
      readonly reason: string
    }
  | { readonly type: 'ReadPspConnections' }

export interface PspConnectionAdded extends PspConnection {
  readonly type: 'PspConnectionAdded'
  readonly operator: string
  readonly reason: string
}

export type PspConnectionsRejection =
  | { readonly code: 'parameter_invalid'; readonly param: string }
  | { readonly code: 'psp_connection_exists' }
  | { readonly code: 'psp_connection_limit_reached'; readonly limit: number }

export interface RegisteredConnection extends PspConnection {
  /** Unix ms. */
  readonly addedAt: number
  readonly addedBy: string
}

export interface PspConnections {
  readonly connections: readonly RegisteredConnection[]
  readonly seq: number
  readonly updatedAt: number
}

export type PspConnectionsAnswer =
  | { readonly kind: 'connections'; readonly connections: readonly RegisteredConnection[] }
  | { readonly kind: 'rejected'; readonly rejection: PspConnectionsRejection }

/** Name of the register's one entity. */
export const pspConnectionsName = 'psp-connections'

const namePattern = /^[a-z0-9][a-z0-9_-]{0,57}$/
const secretSettingPattern = /^SHARDPAY_[A-Z0-9_]{1,80}_FILE$/

type PspConnectionsDecision = Decision<PspConnectionAdded, PspConnectionsRejection>

export function decide(state: PspConnections | undefined, command: PspConnectionsCommand): PspConnectionsDecision {
  switch (command.type) {
    case 'AddPspConnection': {
      const { connection, operator, reason } = command
      const param = invalidParam(connection)
      if (param !== undefined) return rejected({ code: 'parameter_invalid', param })
      const known = state?.connections.find(({ name }) => name === connection.name)
      if (known !== undefined) {
        return isSame(known, connection)
          ? { kind: 'ignored', reason: 'psp_connection_known' }
          : rejected({ code: 'psp_connection_exists' })
      }
      if ((state?.connections.length ?? 0) >= pspConnectionsMax) {
        return rejected({ code: 'psp_connection_limit_reached', limit: pspConnectionsMax })
      }
      const { name, psp, mode, secretSetting } = connection
      const event = { type: 'PspConnectionAdded', name, psp, mode, secretSetting, operator, reason } as const
      return { kind: 'accepted', events: [event] }
    }
    case 'ReadPspConnections':
      return { kind: 'ignored', reason: 'query' }
    default:
      return unreachable(command)
  }
}

function invalidParam({ name, psp, mode, secretSetting }: PspConnection): string | undefined {
  if (!connectablePsps.includes(psp)) return 'psp'
  if (mode !== 'test' && mode !== 'live') return 'mode'
  if (!namePattern.test(name) || !name.endsWith(`-${mode}`)) return 'name'
  const other = mode === 'test' ? 'LIVE' : 'TEST'
  const words = secretSetting.split('_')
  if (!secretSettingPattern.test(secretSetting)) return 'secret_setting'
  return words.includes(mode.toUpperCase()) && !words.includes(other) ? undefined : 'secret_setting'
}

function isSame(a: PspConnection, b: PspConnection): boolean {
  return a.psp === b.psp && a.mode === b.mode && a.secretSetting === b.secretSetting
}

function rejected(rejection: PspConnectionsRejection): PspConnectionsDecision {
  return { kind: 'rejected', rejection }
}

export function applyDecision(
  state: PspConnections | undefined,
  events: readonly PspConnectionAdded[],
  { seq, at }: RowMeta,
): PspConnections {
  const added = events.map(({ name, psp, mode, secretSetting, operator }): RegisteredConnection => {
    return { name, psp, mode, secretSetting, addedAt: at, addedBy: operator }
  })
  const connections = [...(state?.connections ?? []), ...added]
  assert(new Set(connections.map(({ name }) => name)).size === connections.length, 'a connection is registered once')
  return { connections, seq, updatedAt: at }
}

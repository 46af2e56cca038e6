/**
 * The register of PSP connections: which exist, for which mode, where they lead, and under which settings a process finds
 * their secrets. Pure. A secret itself never gets here, nor into any request: operators name a setting that names a file.
 *
 * Test and live stay apart: a connection's name ends with its mode, and its secrets' settings carry the mode, so that a
 * live secret cannot be read by a connection that is called a test.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision, RowMeta } from '../decision.ts'
import type { Mode } from '../ids.ts'

export const pspConnectionsMax = 64

/** Providers that a connector is built for. */
export const connectablePsps = ['stripe', 'adyen'] as const

export type ConnectablePsp = (typeof connectablePsps)[number]

/** What of a connection may change. Every setting names an environment variable with the path of a file. */
export interface PspConnectionSettings {
  /** Of the API key: `SHARDPAY_STRIPE_LIVE_SECRET_KEY_FILE`. */
  readonly secretSetting: string
  /** Of what webhooks are signed with, one per line while they are rotated: Stripe's `whsec_…`, Adyen's HMAC keys. Absent: no webhooks are taken. */
  readonly webhookSecretSetting?: string
  /** Adyen: of the logins `user:password` that its webhooks come with, one per line. */
  readonly webhookLoginSetting?: string
  /** Adyen: the merchant account that payments are made for. Never changes. */
  readonly merchantAccount?: string
  /** Scheme, host and port that requests go to, where it is not the PSP's own: Adyen's live address with the account's prefix, a simulator. Never changes in live mode. */
  readonly url?: string
  /** Adyen: whether the account lets one authorization be captured several times. Default false. */
  readonly multicapture?: boolean
}

export interface PspConnection extends PspConnectionSettings {
  /** `stripe-test`, `stripe-eu-live`: what merchants' routes name. */
  readonly name: string
  readonly psp: ConnectablePsp
  readonly mode: Mode
}

interface Audited {
  readonly operator: string
  readonly reason: string
}

export type PspConnectionsCommand =
  | ({ readonly type: 'AddPspConnection'; readonly connection: PspConnection } & Audited)
  /** Replaces its settings, all of them. */
  | ({
      readonly type: 'ChangePspConnection'
      readonly name: string
      readonly settings: PspConnectionSettings
    } & Audited)
  | { readonly type: 'ReadPspConnections' }

export type PspConnectionsEvent =
  | ({ readonly type: 'PspConnectionAdded' } & PspConnection & Audited)
  | ({
      readonly type: 'PspConnectionChanged'
      readonly name: string
      readonly settings: PspConnectionSettings
    } & Audited)

export type PspConnectionsRejection =
  | { readonly code: 'parameter_invalid'; readonly param: string }
  | { readonly code: 'psp_connection_exists' }
  | { readonly code: 'psp_connection_unknown' }
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
const merchantAccountPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$/
const urlPattern = /^https?:\/\/[A-Za-z0-9.:[\]-]{1,200}$/

type PspConnectionsDecision = Decision<PspConnectionsEvent, PspConnectionsRejection>

export function decide(state: PspConnections | undefined, command: PspConnectionsCommand): PspConnectionsDecision {
  switch (command.type) {
    case 'AddPspConnection':
      return add(state, command)
    case 'ChangePspConnection': {
      const { name, operator, reason } = command
      const known = state?.connections.find((each) => each.name === name)
      if (known === undefined) return rejected({ code: 'psp_connection_unknown' })
      const { psp, mode } = known
      const settings = settingsOf(command.settings)
      const param = invalidParam({ ...settings, name, psp, mode }) ?? fixedParam(known, settings)
      if (param !== undefined) return rejected({ code: 'parameter_invalid', param })
      if (isSame(settingsOf(known), settings)) return { kind: 'ignored', reason: 'psp_connection_known' }
      return { kind: 'accepted', events: [{ type: 'PspConnectionChanged', name, settings, operator, reason }] }
    }
    case 'ReadPspConnections':
      return { kind: 'ignored', reason: 'query' }
    default:
      return unreachable(command)
  }
}

function add(
  state: PspConnections | undefined,
  { connection, operator, reason }: Extract<PspConnectionsCommand, { type: 'AddPspConnection' }>,
): PspConnectionsDecision {
  const { name, psp, mode } = connection
  const param = invalidParam(connection)
  if (param !== undefined) return rejected({ code: 'parameter_invalid', param })
  const known = state?.connections.find((each) => each.name === name)
  if (known !== undefined) {
    return known.psp === psp && known.mode === mode && isSame(settingsOf(known), settingsOf(connection))
      ? { kind: 'ignored', reason: 'psp_connection_known' }
      : rejected({ code: 'psp_connection_exists' })
  }
  if ((state?.connections.length ?? 0) >= pspConnectionsMax) {
    return rejected({ code: 'psp_connection_limit_reached', limit: pspConnectionsMax })
  }
  const added = { type: 'PspConnectionAdded', name, psp, mode, ...settingsOf(connection), operator, reason } as const
  return { kind: 'accepted', events: [added] }
}

/** The request's name of the member that cannot be. */
function invalidParam(connection: PspConnection): string | undefined {
  const { name, psp, mode, url, merchantAccount } = connection
  if (!connectablePsps.includes(psp)) return 'psp'
  if (mode !== 'test' && mode !== 'live') return 'mode'
  if (!namePattern.test(name) || !name.endsWith(`-${mode}`)) return 'name'
  const settings = [
    ['secret_setting', connection.secretSetting],
    ['webhook_secret_setting', connection.webhookSecretSetting],
    ['webhook_login_setting', connection.webhookLoginSetting],
  ] as const
  const wrong = settings.find(([, setting]) => setting !== undefined && !isSettingOf(mode, setting))
  if (wrong !== undefined) return wrong[0]
  const isAdyen = psp === 'adyen'
  if (isAdyen ? !merchantAccountPattern.test(merchantAccount ?? '') : merchantAccount !== undefined) {
    return 'merchant_account'
  }
  if (!isAdyen && connection.multicapture === true) return 'multicapture'
  // Adyen's messages come with a login and a signature, Stripe's with a signature alone.
  const hasLogin = connection.webhookLoginSetting !== undefined
  const needsLogin = isAdyen && connection.webhookSecretSetting !== undefined
  if (hasLogin !== needsLogin) return 'webhook_login_setting'
  const needsUrl = isAdyen && mode === 'live'
  if (url === undefined ? needsUrl : !urlPattern.test(url)) return 'url'
  return undefined
}

/**
 * The request's name of the member that never changes. A PSP keeps idempotency keys and references by account, and Adyen's live
 * keys by address: elsewhere the repeat of a request in doubt would be a second charge. A test connection may follow its
 * simulator. That a new API key is of the same account, no process can see.
 */
function fixedParam(known: PspConnection, settings: PspConnectionSettings): string | undefined {
  if (settings.merchantAccount !== known.merchantAccount) return 'merchant_account'
  return known.mode === 'live' && settings.url !== known.url ? 'url' : undefined
}

/** Whether a connection could name this environment variable: which do, is known once the register was read. */
export function mayNameSecret(variable: string): boolean {
  return isSettingOf('test', variable) || isSettingOf('live', variable)
}

function isSettingOf(mode: Mode, setting: string): boolean {
  const words = setting.split('_')
  const other = mode === 'test' ? 'LIVE' : 'TEST'
  return secretSettingPattern.test(setting) && words.includes(mode.toUpperCase()) && !words.includes(other)
}

/** The settings alone, in one order, without what is absent. */
function settingsOf(from: PspConnectionSettings): PspConnectionSettings {
  const { secretSetting, webhookSecretSetting, webhookLoginSetting, merchantAccount, url, multicapture } = from
  return {
    secretSetting,
    ...(webhookSecretSetting !== undefined && { webhookSecretSetting }),
    ...(webhookLoginSetting !== undefined && { webhookLoginSetting }),
    ...(merchantAccount !== undefined && { merchantAccount }),
    ...(url !== undefined && { url }),
    ...(multicapture === true && { multicapture }),
  }
}

function isSame(a: PspConnectionSettings, b: PspConnectionSettings): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function rejected(rejection: PspConnectionsRejection): PspConnectionsDecision {
  return { kind: 'rejected', rejection }
}

export function applyDecision(
  state: PspConnections | undefined,
  events: readonly PspConnectionsEvent[],
  { seq, at }: RowMeta,
): PspConnections {
  let connections = state?.connections ?? []
  for (const event of events) {
    switch (event.type) {
      case 'PspConnectionAdded': {
        const { name, psp, mode, operator } = event
        connections = [...connections, { name, psp, mode, ...settingsOf(event), addedAt: at, addedBy: operator }]
        break
      }
      case 'PspConnectionChanged':
        connections = connections.map((each) => {
          if (each.name !== event.name) return each
          const { name, psp, mode, addedAt, addedBy } = each
          return { name, psp, mode, ...settingsOf(event.settings), addedAt, addedBy }
        })
        break
      default:
        unreachable(event)
    }
  }
  assert(new Set(connections.map(({ name }) => name)).size === connections.length, 'a connection is registered once')
  return { connections, seq, updatedAt: at }
}

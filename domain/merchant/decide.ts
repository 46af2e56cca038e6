/**
 * Merchant configuration: which commands change it. Pure; the journal row that its events go into says when and under
 * which epoch. A command that asks for what is so already is ignored, so a repeat is always safe; what it cannot be told
 * from (an id or a key with other content) is refused.
 *
 * A suspended merchant is still configured: its keys must be revocable, and it is made ready before it is resumed.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { Decision } from '../decision.ts'
import {
  type AddApiKey,
  activeKeysMax,
  type ChangeLimits,
  type ChangeRateTier,
  type ChangeRoutes,
  type CreateMerchant,
  keysMax,
  type MerchantCommand,
  type MerchantContext,
  type MerchantRejection,
  type NewApiKey,
  type ResumeMerchant,
  type RevokeApiKey,
  type SuspendMerchant,
} from './commands.ts'
import type { MerchantEvent } from './events.ts'
import { areSameLimits, changedLimits, contradictionIn, limitsOf } from './limits.ts'
import type { ApiKey, MerchantConfiguration, RouteRule } from './state.ts'
import { invalidParam } from './validate.ts'

type MerchantDecision = Decision<MerchantEvent, MerchantRejection>

/** `context` is what every decider is told; nothing of a merchant's configuration depends on it yet. */
export function decide(
  state: MerchantConfiguration | undefined,
  command: MerchantCommand,
  _context: MerchantContext,
): MerchantDecision {
  assert(state === undefined || state.id === command.merchant, 'a command reaches the merchant it names')
  const param = invalidParam(command)
  if (param !== undefined) return rejected({ code: 'parameter_invalid', param })
  if (command.type === 'CreateMerchant') return create(state, command)
  if (state === undefined) return rejected({ code: 'merchant_unknown' })
  switch (command.type) {
    case 'SuspendMerchant':
      return suspend(state, command)
    case 'ResumeMerchant':
      return resume(state, command)
    case 'AddApiKey':
      return addKey(state, command)
    case 'RevokeApiKey':
      return revokeKey(state, command)
    case 'ChangeRoutes':
      return changeRoutes(state, command)
    case 'ChangeRateTier':
      return changeRateTier(state, command)
    case 'ChangeLimits':
      return changeLimits(state, command)
    default:
      return unreachable(command)
  }
}

function create(state: MerchantConfiguration | undefined, command: CreateMerchant): MerchantDecision {
  const { merchant, name, rateTier, operator, reason } = command
  const routes = command.routes.map(copyRoute)
  if (state === undefined) {
    return accepted({ type: 'MerchantCreated', merchant, name, rateTier, routes, operator, reason })
  }
  const isSame = state.name === name && state.rateTier === rateTier && areSameRoutes(state.routes, routes)
  return isSame ? ignored('the merchant is there with this configuration') : rejected({ code: 'merchant_exists' })
}

function suspend(state: MerchantConfiguration, { operator, reason }: SuspendMerchant): MerchantDecision {
  if (state.status === 'suspended') return ignored('the merchant is suspended')
  return accepted({ type: 'MerchantSuspended', operator, reason })
}

function resume(state: MerchantConfiguration, { operator, reason }: ResumeMerchant): MerchantDecision {
  if (state.status === 'active') return ignored('the merchant is active')
  return accepted({ type: 'MerchantResumed', operator, reason })
}

function addKey(state: MerchantConfiguration, { key, operator, reason }: AddApiKey): MerchantDecision {
  const known = state.keys.find((other) => other.id === key.id || other.hash === key.hash)
  if (known !== undefined) {
    if (!isSameKey(known, key)) return rejected({ code: 'api_key_conflict' })
    // Not ignored: the caller would believe that the key works.
    if (known.revokedAt !== undefined) return rejected({ code: 'api_key_revoked' })
    return ignored('the key is there')
  }
  if (state.keys.length >= keysMax) return rejected({ code: 'api_key_limit_reached', limit: keysMax })
  const activeCount = state.keys.filter((other) => other.revokedAt === undefined).length
  if (activeCount >= activeKeysMax) return rejected({ code: 'api_key_limit_reached', limit: activeKeysMax })
  return accepted({ type: 'ApiKeyAdded', key: copyKey(key), operator, reason })
}

function revokeKey(state: MerchantConfiguration, { keyId, operator, reason }: RevokeApiKey): MerchantDecision {
  const key = state.keys.find((other) => other.id === keyId)
  if (key === undefined) return rejected({ code: 'api_key_unknown' })
  if (key.revokedAt !== undefined) return ignored('the key is revoked')
  return accepted({ type: 'ApiKeyRevoked', keyId, operator, reason })
}

function changeRoutes(state: MerchantConfiguration, { routes, operator, reason }: ChangeRoutes): MerchantDecision {
  if (areSameRoutes(state.routes, routes)) return ignored('the routes are these')
  return accepted({ type: 'RoutesChanged', routes: routes.map(copyRoute), operator, reason })
}

function changeRateTier(
  state: MerchantConfiguration,
  { rateTier, operator, reason }: ChangeRateTier,
): MerchantDecision {
  if (state.rateTier === rateTier) return ignored('the rate tier is this one')
  return accepted({ type: 'RateTierChanged', rateTier, operator, reason })
}

function changeLimits(state: MerchantConfiguration, command: ChangeLimits): MerchantDecision {
  const { mode, currency, set, clear, operator, reason } = command
  const before = limitsOf(state.limits, mode, currency)
  const values = changedLimits(before, set, clear)
  if (areSameLimits(before, values)) return ignored('the limits are these')
  const contradiction = contradictionIn(values)
  if (contradiction !== undefined) return rejected({ code: 'limits_contradictory', ...contradiction })
  return accepted({ type: 'LimitsChanged', mode, currency, values, operator, reason })
}

// Field by field: whatever else a caller's object holds (a secret beside its hash) stays out of the journal.
function copyKey({ id, hash, prefix, mode, scopes, apiVersion }: NewApiKey): NewApiKey {
  return { id, hash, prefix, mode, scopes: [...scopes], apiVersion }
}

function copyRoute(route: RouteRule): RouteRule {
  const { connection, mode, currencies, methods, amountMinorMin, amountMinorMax, weight } = route
  return {
    connection,
    mode,
    ...(currencies === undefined ? {} : { currencies: [...currencies] }),
    ...(methods === undefined ? {} : { methods: [...methods] }),
    ...(amountMinorMin === undefined ? {} : { amountMinorMin }),
    ...(amountMinorMax === undefined ? {} : { amountMinorMax }),
    ...(weight === undefined ? {} : { weight }),
  }
}

function isSameKey(known: ApiKey, key: NewApiKey): boolean {
  return (
    known.id === key.id &&
    known.hash === key.hash &&
    known.prefix === key.prefix &&
    known.mode === key.mode &&
    known.apiVersion === key.apiVersion &&
    areSameLists(known.scopes, key.scopes)
  )
}

/** In the same order: the first rule that matches is taken. */
function areSameRoutes(a: readonly RouteRule[], b: readonly RouteRule[]): boolean {
  return a.length === b.length && a.every((route, index) => isSameRoute(route, b[index]))
}

function isSameRoute(a: RouteRule, b: RouteRule | undefined): boolean {
  return (
    b !== undefined &&
    a.connection === b.connection &&
    a.mode === b.mode &&
    a.amountMinorMin === b.amountMinorMin &&
    a.amountMinorMax === b.amountMinorMax &&
    a.weight === b.weight &&
    areSameChoices(a.currencies, b.currencies) &&
    areSameChoices(a.methods, b.methods)
  )
}

function areSameChoices(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === undefined || b === undefined ? a === b : areSameLists(a, b)
}

function areSameLists(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}

function accepted(event: MerchantEvent): MerchantDecision {
  return { kind: 'accepted', events: [event] }
}

function ignored(reason: string): MerchantDecision {
  return { kind: 'ignored', reason }
}

function rejected(rejection: MerchantRejection): MerchantDecision {
  return { kind: 'rejected', rejection }
}

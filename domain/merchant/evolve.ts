/** A merchant's configuration as the fold of its journal rows. Never refuses: what is in the journal has happened. */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { RowMeta } from '../decision.ts'
import type { MerchantEvent } from './events.ts'
import type { MerchantConfiguration } from './state.ts'

/** The configuration after one journal row; its `version` is the row's `seq`. */
export function applyDecision(
  state: MerchantConfiguration | undefined,
  events: readonly MerchantEvent[],
  meta: RowMeta,
): MerchantConfiguration {
  assert(meta.seq === (state?.version ?? 0) + 1, 'decisions are applied in order, each once', {
    seq: meta.seq,
    version: state?.version,
  })
  assert(events.length > 0, 'a decision holds at least one event')
  const next = events.reduce<MerchantConfiguration | undefined>((before, event) => evolve(before, event, meta), state)
  assert(next !== undefined, 'a decision leaves a configuration')
  return { ...next, version: meta.seq }
}

function evolve(state: MerchantConfiguration | undefined, event: MerchantEvent, meta: RowMeta): MerchantConfiguration {
  if (event.type === 'MerchantCreated') {
    assert(state === undefined, 'a merchant is created once')
    const { merchant, name, rateTier, routes } = event
    return { id: merchant, name, status: 'active', version: meta.seq, rateTier, routes, limits: [], keys: [] }
  }
  assert(state !== undefined, 'the first event of a merchant creates it', { type: event.type })
  switch (event.type) {
    case 'MerchantSuspended':
      return { ...state, status: 'suspended' }
    case 'MerchantResumed':
      return { ...state, status: 'active' }
    case 'ApiKeyAdded':
      return { ...state, keys: [...state.keys, { ...event.key, createdAt: meta.at }] }
    case 'ApiKeyRevoked':
      assert(
        state.keys.some((key) => key.id === event.keyId),
        'a revoked key was added before',
      )
      return {
        ...state,
        keys: state.keys.map((key) => (key.id === event.keyId ? { ...key, revokedAt: meta.at } : key)),
      }
    case 'RoutesChanged':
      return { ...state, routes: event.routes }
    case 'RateTierChanged':
      return { ...state, rateTier: event.rateTier }
    case 'LimitsChanged': {
      const { mode, currency, values } = event
      const others = state.limits.filter((each) => each.mode !== mode || each.currency !== currency)
      const isEmpty = Object.keys(values).length === 0
      return { ...state, limits: isEmpty ? others : [...others, { mode, currency, values }] }
    }
    default:
      return unreachable(event)
  }
}

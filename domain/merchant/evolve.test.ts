import { describe, expect, it } from 'vitest'
import { AssertionFailure } from '../../runtime/assert.ts'
import type { MerchantEvent } from './events.ts'
import { applyDecision } from './evolve.ts'
import type { MerchantConfiguration } from './state.ts'

const audit = { operator: 'ops-7', reason: 'ticket 12' } as const
const created: MerchantEvent = {
  type: 'MerchantCreated',
  merchant: 'mer_1',
  name: 'Corner Shop',
  rateTier: 'standard',
  routes: [],
  ...audit,
}
const key = {
  id: 'key_1',
  hash: 'ab'.repeat(32),
  prefix: 'sk_test_ab12…',
  mode: 'test',
  scopes: ['payments:write'],
  apiVersion: '2026-11-01',
} as const
const keyAdded: MerchantEvent = { type: 'ApiKeyAdded', key, ...audit }

function fold(...decisions: readonly (readonly MerchantEvent[])[]): MerchantConfiguration | undefined {
  return decisions.reduce<MerchantConfiguration | undefined>(
    (state, events, index) => applyDecision(state, events, { seq: index + 1, at: 1000 + index, epoch: 1 }),
    undefined,
  )
}

describe('a merchant’s configuration', () => {
  it('is the fold of its events, its version the sequence of the last row, its times those of the rows', () => {
    const routes = [{ connection: 'stripe-test', mode: 'test' }] as const
    const state = fold(
      [created],
      [keyAdded],
      [{ type: 'RoutesChanged', routes, ...audit }],
      [{ type: 'RateTierChanged', rateTier: 'high', ...audit }],
      [{ type: 'ApiKeyRevoked', keyId: 'key_1', ...audit }],
      [{ type: 'MerchantSuspended', ...audit }],
    )
    expect(state).toEqual({
      id: 'mer_1',
      name: 'Corner Shop',
      status: 'suspended',
      version: 6,
      rateTier: 'high',
      routes,
      limits: [],
      keys: [{ ...key, createdAt: 1001, revokedAt: 1004 }],
    })
    expect(
      fold([created], [{ type: 'MerchantSuspended', ...audit }], [{ type: 'MerchantResumed', ...audit }])?.status,
    ).toBe('active')
  })

  it('takes several events of one row under one version', () => {
    expect(fold([created, keyAdded])).toMatchObject({ version: 1, keys: [{ id: 'key_1', createdAt: 1000 }] })
  })

  it('never changes the state it is folded from', () => {
    const before = fold([created], [keyAdded])
    const copy = structuredClone(before)
    applyDecision(before, [{ type: 'ApiKeyRevoked', keyId: 'key_1', ...audit }], { seq: 3, at: 9, epoch: 1 })
    expect(before).toEqual(copy)
  })

  it('is never folded from a broken journal: a gap, a repeat, no event, a second creation, no creation, an unknown key', () => {
    const state = fold([created])
    const at = { at: 1, epoch: 1 }
    expect(() => applyDecision(state, [keyAdded], { seq: 3, ...at })).toThrow(AssertionFailure)
    expect(() => applyDecision(state, [keyAdded], { seq: 1, ...at })).toThrow(AssertionFailure)
    expect(() => applyDecision(state, [], { seq: 2, ...at })).toThrow(AssertionFailure)
    expect(() => applyDecision(state, [created], { seq: 2, ...at })).toThrow(AssertionFailure)
    expect(() => applyDecision(undefined, [keyAdded], { seq: 1, ...at })).toThrow(AssertionFailure)
    const revoked: MerchantEvent = { type: 'ApiKeyRevoked', keyId: 'key_9', ...audit }
    expect(() => applyDecision(state, [revoked], { seq: 2, ...at })).toThrow(AssertionFailure)
  })
})

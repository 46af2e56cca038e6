import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionFailure } from '../../runtime/assert.ts'
import {
  activeKeysMax,
  type ChangeLimits,
  type CreateMerchant,
  keysMax,
  type MerchantCommand,
  type MerchantContext,
  type NewApiKey,
  routesMax,
} from './commands.ts'
import { decide } from './decide.ts'
import type { MerchantEvent } from './events.ts'
import { applyDecision } from './evolve.ts'
import type { LimitName, LimitValues } from './limits.ts'
import type { ApiKey, MerchantConfiguration } from './state.ts'

const context: MerchantContext = { now: 1_700_000_000_000, epoch: 3 }
const audit = { merchant: 'mer_1', operator: 'ops-7', reason: 'ticket 12' } as const
const createCommand: CreateMerchant = {
  type: 'CreateMerchant',
  ...audit,
  name: 'Corner Shop',
  rateTier: 'standard',
  routes: [{ connection: 'stripe-test', mode: 'test', currencies: ['EUR', 'JPY'], amountMinorMax: 500_000 }],
}
const key: NewApiKey = {
  id: 'key_1',
  hash: 'ab'.repeat(32),
  prefix: 'sk_test_ab12…',
  mode: 'test',
  scopes: ['payments:write', 'refunds:write'],
  apiVersion: '2026-11-01',
}
const addKey: MerchantCommand = { type: 'AddApiKey', ...audit, key }
const revokeKey: MerchantCommand = { type: 'RevokeApiKey', ...audit, keyId: 'key_1' }
const suspend: MerchantCommand = { type: 'SuspendMerchant', ...audit }
const resume: MerchantCommand = { type: 'ResumeMerchant', ...audit }

/** The configuration after these commands, each of which must be accepted. */
function given(...commands: readonly MerchantCommand[]): MerchantConfiguration | undefined {
  let state: MerchantConfiguration | undefined
  for (const command of commands) state = applyDecision(state, events(state, command), meta(state))
  return state
}

function events(state: MerchantConfiguration | undefined, command: MerchantCommand): readonly MerchantEvent[] {
  const decision = decide(state, command, context)
  if (decision.kind !== 'accepted') throw new Error(`${command.type}: ${JSON.stringify(decision)}`)
  return decision.events
}

function meta(state: MerchantConfiguration | undefined) {
  return { seq: (state?.version ?? 0) + 1, at: context.now, epoch: context.epoch }
}

function rejectionOf(state: MerchantConfiguration | undefined, command: MerchantCommand) {
  const decision = decide(state, command, context)
  return decision.kind === 'rejected' ? decision.rejection : decision
}

describe('a merchant', () => {
  it('is created with its configuration, and every event says who asked and why', () => {
    expect(events(undefined, createCommand)).toEqual([
      {
        type: 'MerchantCreated',
        merchant: 'mer_1',
        name: 'Corner Shop',
        rateTier: 'standard',
        routes: createCommand.routes,
        operator: 'ops-7',
        reason: 'ticket 12',
      },
    ])
  })

  it('is not created again: the same content is ignored, other content is refused', () => {
    const state = given(createCommand)
    expect(decide(state, { ...createCommand, reason: 'again' }, context).kind).toBe('ignored')
    for (const other of [
      { ...createCommand, name: 'Corner shop' },
      { ...createCommand, rateTier: 'high' as const },
      { ...createCommand, routes: [] },
    ]) {
      expect(rejectionOf(state, other)).toEqual({ code: 'merchant_exists' })
    }
  })

  it('that nobody created takes no other command', () => {
    const routes: MerchantCommand = { type: 'ChangeRoutes', ...audit, routes: [] }
    const tier: MerchantCommand = { type: 'ChangeRateTier', ...audit, rateTier: 'high' }
    for (const command of [suspend, resume, addKey, revokeKey, routes, tier]) {
      expect(rejectionOf(undefined, command), command.type).toEqual({ code: 'merchant_unknown' })
    }
  })

  it('is suspended and resumed; asking for what is so already changes nothing', () => {
    const active = given(createCommand)
    expect(decide(active, resume, context).kind).toBe('ignored')
    expect(events(active, suspend)).toEqual([{ type: 'MerchantSuspended', operator: 'ops-7', reason: 'ticket 12' }])
    const suspended = given(createCommand, suspend)
    expect(decide(suspended, suspend, context).kind).toBe('ignored')
    expect(events(suspended, resume)).toEqual([{ type: 'MerchantResumed', operator: 'ops-7', reason: 'ticket 12' }])
  })

  it('can be configured while it is suspended', () => {
    const state = given(createCommand, addKey, suspend)
    expect(decide(state, revokeKey, context).kind).toBe('accepted')
    expect(decide(state, { type: 'ChangeRoutes', ...audit, routes: [] }, context).kind).toBe('accepted')
  })

  it('every member of a route is part of what it is, and nothing else of a caller’s object', () => {
    const whole = {
      connection: 'adyen-test',
      mode: 'test',
      currencies: ['EUR'],
      methods: ['card'],
      amountMinorMin: 10,
      amountMinorMax: 20,
      weight: 7,
    } as const
    const change = (route: object): MerchantCommand => ({
      type: 'ChangeRoutes',
      ...audit,
      routes: [{ ...whole, ...route }],
    })
    const state = given(createCommand, change({ secret: 'sk_test_x' }))
    expect(state?.routes).toEqual([whole])
    expect(decide(state, change({}), context).kind).toBe('ignored')
    for (const other of [{ methods: ['apple_pay'] }, { amountMinorMin: 11 }, { amountMinorMax: 21 }, { weight: 8 }]) {
      expect(decide(state, change(other), context).kind).toBe('accepted')
    }
  })

  it('changes routes and rate tier only where they differ; the order of routes counts', () => {
    const routes = [
      { connection: 'stripe-test', mode: 'test' },
      { connection: 'stripe-live', mode: 'live' },
    ] as const
    const state = given(createCommand, { type: 'ChangeRoutes', ...audit, routes })
    expect(decide(state, { type: 'ChangeRoutes', ...audit, routes: [...routes] }, context).kind).toBe('ignored')
    expect(decide(state, { type: 'ChangeRoutes', ...audit, routes: routes.toReversed() }, context).kind).toBe(
      'accepted',
    )
    expect(decide(state, { type: 'ChangeRateTier', ...audit, rateTier: 'standard' }, context).kind).toBe('ignored')
    expect(decide(state, { type: 'ChangeRateTier', ...audit, rateTier: 'high' }, context).kind).toBe('accepted')
  })

  it('never decides a command that names another merchant', () => {
    expect(() => decide(given(createCommand), { ...suspend, merchant: 'mer_2' }, context)).toThrow(AssertionFailure)
  })
})

describe('limits', () => {
  const limits = (set: LimitValues, clear: readonly LimitName[] = [], currency = 'EUR'): ChangeLimits => {
    return { type: 'ChangeLimits', ...audit, mode: 'live', currency, set, clear }
  }

  it('are set and taken away one by one, each mode and currency apart; the event has all that hold, and who and why', () => {
    const state = given(
      createCommand,
      limits({ max_amount: 500, hourly_count: 3 }),
      limits({ daily_count: 9 }, [], 'JPY'),
    )
    expect(events(state, limits({ max_amount: 400 }, ['hourly_count']))).toEqual([
      {
        ...{ type: 'LimitsChanged', mode: 'live', currency: 'EUR', values: { max_amount: 400 } },
        ...{ operator: 'ops-7', reason: 'ticket 12' },
      },
    ])
    const changed = given(
      createCommand,
      limits({ max_amount: 5 }),
      limits({ daily_count: 9 }, [], 'JPY'),
      limits({}, ['max_amount']),
    )
    expect(changed?.limits).toEqual([{ mode: 'live', currency: 'JPY', values: { daily_count: 9 } }])
  })

  it('that are so already, or are not there to be taken away, change nothing', () => {
    const state = given(createCommand, limits({ max_amount: 500 }))
    expect(decide(state, limits({ max_amount: 500 }), context).kind).toBe('ignored')
    expect(decide(state, limits({}, ['daily_count', 'hourly_amount']), context).kind).toBe('ignored')
  })

  it('may be equal, and are refused where one could never refuse anything beside another', () => {
    const state = given(createCommand, limits({ hourly_amount: 500, hourly_count: 5 }))
    expect(decide(state, limits({ max_amount: 500, daily_amount: 500, daily_count: 5 }), context).kind).toBe('accepted')
    for (const [set, limit, above] of [
      [{ max_amount: 501 }, 'max_amount', 'hourly_amount'],
      [{ daily_amount: 499 }, 'hourly_amount', 'daily_amount'],
      [{ daily_count: 4 }, 'hourly_count', 'daily_count'],
    ] as const) {
      expect(rejectionOf(state, limits(set))).toEqual({ code: 'limits_contradictory', limit, above })
    }
    // in one change, whatever their order
    expect(decide(state, limits({ daily_amount: 499, hourly_amount: 400 }), context).kind).toBe('accepted')
    expect(decide(state, limits({ daily_count: 4 }, ['hourly_count']), context).kind).toBe('accepted')
  })

  it('are of a merchant that exists, suspended or not', () => {
    expect(rejectionOf(undefined, limits({ max_amount: 1 }))).toEqual({ code: 'merchant_unknown' })
    expect(decide(given(createCommand, suspend), limits({ max_amount: 1 }), context).kind).toBe('accepted')
  })

  it.each<readonly [string, ChangeLimits]>([
    ['mode', { ...limits({ max_amount: 1 }), mode: 'both' as 'live' }],
    ['currency', limits({ max_amount: 1 }, [], 'eur')],
    ['currency', limits({ max_amount: 1 }, [], 'XXQ')],
    ['set.max_amount', limits({ max_amount: 0 })],
    ['set.max_amount', limits({ max_amount: -1 })],
    ['set.hourly_amount', limits({ hourly_amount: 1.5 })],
    ['set.daily_amount', limits({ daily_amount: 2 ** 53 })],
    ['set.daily_count', limits({ daily_count: Number.NaN })],
    ['set.daily_count', limits({ daily_count: '9' as unknown as number })],
    ['set.weekly_count', limits({ weekly_count: 1 } as LimitValues)],
    ['set.__proto__', limits(JSON.parse('{"__proto__":1}') as LimitValues)],
    ['clear', limits({}, ['weekly_count' as 'daily_count'])],
    ['clear', limits({}, ['daily_count', 'daily_count'])],
    ['clear', limits({ daily_count: 1 }, ['daily_count'])],
    ['set', limits({})],
  ])('with a malformed %s are refused', (param, command) => {
    expect(rejectionOf(given(createCommand), command)).toEqual({ code: 'parameter_invalid', param })
  })
})

describe('an API key', () => {
  it('is journaled as hash and prefix: whatever else the caller’s object holds stays out', () => {
    const command = { ...addKey, key: { ...key, secret: 'sk_test_ab12cd34ef56' } }
    expect(events(given(createCommand), command)).toEqual([
      { type: 'ApiKeyAdded', key, operator: 'ops-7', reason: 'ticket 12' },
    ])
  })

  it('is added once: the same again is ignored, its id or hash with other content is refused', () => {
    const state = given(createCommand, addKey)
    expect(decide(state, addKey, context).kind).toBe('ignored')
    for (const other of [
      { ...key, hash: 'cd'.repeat(32) },
      { ...key, id: 'key_2' },
      { ...key, scopes: ['payments:write'] },
      { ...key, apiVersion: '2026-12-01' },
    ]) {
      expect(rejectionOf(state, { ...addKey, key: other })).toEqual({ code: 'api_key_conflict' })
    }
  })

  it('is revoked for ever: revoking again is ignored, adding it again is refused', () => {
    const state = given(createCommand, addKey, revokeKey)
    expect(decide(state, revokeKey, context).kind).toBe('ignored')
    expect(rejectionOf(state, addKey)).toEqual({ code: 'api_key_revoked' })
    expect(rejectionOf(state, { ...revokeKey, keyId: 'key_9' })).toEqual({ code: 'api_key_unknown' })
  })

  it('is refused beyond the number of keys that work at the same time, and of all keys ever', () => {
    const keyNumber = (index: number): ApiKey => ({
      ...key,
      id: `key_n${index}`,
      hash: index.toString(16).padStart(64, '0'),
      createdAt: 1,
    })
    const base = given(createCommand)
    if (base === undefined) throw new Error('the merchant is there')
    const full = { ...base, keys: Array.from({ length: activeKeysMax }, (_, index) => keyNumber(index)) }
    expect(rejectionOf(full, addKey)).toEqual({ code: 'api_key_limit_reached', limit: activeKeysMax })
    const oneRevoked = { ...full, keys: full.keys.with(0, { ...keyNumber(0), revokedAt: 2 }) }
    expect(decide(oneRevoked, addKey, context).kind).toBe('accepted')
    const revoked = Array.from({ length: keysMax }, (_, index) => ({ ...keyNumber(index), revokedAt: 2 }))
    expect(rejectionOf({ ...base, keys: revoked }, addKey)).toEqual({ code: 'api_key_limit_reached', limit: keysMax })
  })
})

describe('a malformed command', () => {
  const route = { connection: 'stripe-test', mode: 'test' } as const
  const cases: readonly (readonly [string, MerchantCommand])[] = [
    ['operator', { ...suspend, operator: '' }],
    ['operator', { ...suspend, operator: 'a.person@example.com' }],
    ['reason', { ...suspend, reason: ' ' }],
    ['reason', { ...suspend, reason: 'x'.repeat(501) }],
    ['reason', { ...suspend, reason: 'two\nlines' }],
    ['name', { ...createCommand, name: '' }],
    ['name', { ...createCommand, name: 'x'.repeat(201) }],
    ['rate_tier', { ...createCommand, rateTier: 'constructor' as 'high' }],
    ['rate_tier', { type: 'ChangeRateTier', ...audit, rateTier: 'vip' as 'high' }],
    ['routes', { ...createCommand, routes: Array.from({ length: routesMax + 1 }, () => route) }],
    ['routes[1]', { ...createCommand, routes: [route, { ...route, connection: '' }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, mode: 'toString' as 'test' }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, mode: 'live' }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, connection: 'stripe-eu-live' }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, currencies: [] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, currencies: ['EUR', 'EUR'] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, currencies: ['eur'] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, amountMinorMax: 0 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, amountMinorMax: 0.5 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, amountMinorMin: 0 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, amountMinorMin: 2, amountMinorMax: 1 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, methods: [] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, methods: ['card', 'card'] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, methods: ['toString' as 'card'] }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, weight: 0 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, weight: 101 }] }],
    ['routes[0]', { ...createCommand, routes: [{ ...route, weight: 1.5 }] }],
    ['key.id', { ...addKey, key: { ...key, id: '1' } }],
    ['key.hash', { ...addKey, key: { ...key, hash: 'sk_test_secret' } }],
    ['key.prefix', { ...addKey, key: { ...key, prefix: 'sk_test_ab12cd34ef56' } }],
    ['key.prefix', { ...addKey, key: { ...key, mode: 'live' } }],
    ['key.mode', { ...addKey, key: { ...key, mode: 'constructor' as 'live' } }],
    ['key.scopes', { ...addKey, key: { ...key, scopes: [] } }],
    ['key.scopes', { ...addKey, key: { ...key, scopes: ['payments:write', 'payments:write'] } }],
    ['key.scopes', { ...addKey, key: { ...key, scopes: ['*'] } }],
    ['key.api_version', { ...addKey, key: { ...key, apiVersion: 'latest' } }],
    ['key_id', { ...revokeKey, keyId: '' }],
  ]

  it.each(cases)('is refused and %s named, whether the merchant exists or not', (param, command) => {
    expect(rejectionOf(undefined, command)).toEqual({ code: 'parameter_invalid', param })
    expect(rejectionOf(given(createCommand), command)).toEqual({ code: 'parameter_invalid', param })
  })

  it('that names an impossible merchant is refused', () => {
    for (const merchant of ['', 'mer_', 'mer_1\n', 'pay_1', `mer_${'x'.repeat(61)}`]) {
      const rejection = { code: 'parameter_invalid', param: 'merchant' }
      expect(rejectionOf(undefined, { ...createCommand, merchant }), merchant).toEqual(rejection)
    }
  })
})

describe('any series of commands', () => {
  const keyIds = ['key_1', 'key_2', 'key_3'] as const
  const anyKey = fc.constantFrom(...keyIds).map((id): NewApiKey => ({ ...key, id, hash: id.slice(-1).repeat(64) }))
  const anyRoutes = fc.array(
    fc.constantFrom('stripe-test', 'adyen-test').map((connection) => ({ connection, mode: 'test' as const })),
    { maxLength: 2 },
  )
  const anyCommand: fc.Arbitrary<MerchantCommand> = fc.oneof(
    fc.constant(createCommand),
    fc.constant(suspend),
    fc.constant(resume),
    anyKey.map((newKey): MerchantCommand => ({ type: 'AddApiKey', ...audit, key: newKey })),
    fc.constantFrom(...keyIds).map((keyId): MerchantCommand => ({ type: 'RevokeApiKey', ...audit, keyId })),
    anyRoutes.map((routes): MerchantCommand => ({ type: 'ChangeRoutes', ...audit, routes })),
    fc
      .constantFrom('standard' as const, 'high' as const)
      .map((rateTier): MerchantCommand => ({ type: 'ChangeRateTier', ...audit, rateTier })),
  )

  it('gives a version per decision, a repeat that changes nothing, and keys that stay revoked', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 30 }), (commands) => {
        let state: MerchantConfiguration | undefined
        let decisions = 0
        const revoked = new Set<string>()
        for (const command of commands) {
          const decision = decide(state, command, context)
          if (decision.kind !== 'accepted') continue
          state = applyDecision(state, decision.events, meta(state))
          decisions += 1
          expect(state.version).toBe(decisions)
          expect(decide(state, command, context).kind).toBe('ignored')
          for (const known of state.keys) if (known.revokedAt !== undefined) revoked.add(known.id)
          expect(new Set(state.keys.filter((known) => known.revokedAt !== undefined).map(({ id }) => id))).toEqual(
            revoked,
          )
          expect(new Set(state.keys.map(({ hash }) => hash)).size).toBe(state.keys.length)
        }
      }),
    )
  })
})

import { fastify } from 'fastify'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../runtime/random.ts'
import { addAdmin } from './admin.ts'
import {
  type BehaviourRule,
  Behaviours,
  type LatencySpec,
  parseBehaviour,
  type RequestFacts,
  sampleLatency,
} from './behaviour.ts'
import { testSimulator } from '../../test/support/simulator.ts'

const facts: RequestFacts = {
  operation: 'capture',
  path: '/v1/payment_intents/pi_1/capture',
  paymentMethod: 'pm_card_visa',
  payment: 'pay_a',
  idempotencyKey: 'cap_1',
}

function behavioursOf(...rules: BehaviourRule[]): Behaviours {
  const behaviours = new Behaviours(seededRandom(7))
  behaviours.replace(rules)
  return behaviours
}

describe('a behaviour rule', () => {
  it.each<[boolean, BehaviourRule['match']]>([
    [true, undefined],
    [true, {}],
    [true, { operation: 'capture', payment_method: 'pm_card_visa', payment: 'pay_a', idempotency_key: 'cap_1' }],
    [true, { path: '/v1/payment_intents/*' }],
    [true, { path: '/v1/payment_intents/pi_1/capture' }],
    [false, { path: '/v1/payment_intents' }],
    [false, { operation: 'authorize' }],
    [false, { operation: 'capture', payment: 'pay_b' }],
    [false, { payment_method: 'pm_card_mastercard' }],
    [false, { idempotency_key: 'cap_2' }],
  ])('strikes: %s for %o', (strikes, match) => {
    const rule: BehaviourRule = { action: 'reset_after', ...(match === undefined ? {} : { match }) }
    expect(behavioursOf(rule).choose(facts).action).toBe(strikes ? 'reset_after' : undefined)
  })

  it('is spent after its times, and the next one has its turn', () => {
    const behaviours = behavioursOf({ action: 'reset_before', times: 2 }, { action: 'timeout_after' })
    expect([1, 2, 3].map(() => behaviours.choose(facts).action)).toEqual([
      'reset_before',
      'reset_before',
      'timeout_after',
    ])
    expect(behaviours.list()[0]).toMatchObject({ times: 2, left: 0 })
  })

  it('strikes as often as its probability says, the same way for the same seed', () => {
    const draws = (): (string | undefined)[] => {
      const behaviours = behavioursOf({ action: 'reset_before', probability: 0.3 })
      return Array.from({ length: 2000 }, () => behaviours.choose(facts).action)
    }
    const struck = draws().filter((action) => action !== undefined).length
    expect(struck).toBeGreaterThan(500)
    expect(struck).toBeLessThan(700)
    expect(draws()).toEqual(draws())
    expect(behavioursOf({ action: 'reset_before', probability: 0 }).choose(facts).action).toBeUndefined()
  })

  it('for latency adds to a fault, the first of each kind', () => {
    const behaviours = behavioursOf(
      { action: 'latency', latency_ms: 10 },
      { action: 'latency', latency_ms: 1000 },
      { action: 'timeout_after', latency_ms: 5 },
      { action: 'reset_before' },
    )
    expect(behaviours.choose(facts)).toMatchObject({ latencyMs: 15, action: 'timeout_after' })
  })

  it.each<[LatencySpec, number, number]>([
    [25, 25, 25],
    [{ kind: 'fixed', ms: 25 }, 25, 25],
    [{ kind: 'uniform', min: 10, max: 30 }, 18, 22],
    [{ kind: 'exponential', mean: 20 }, 17, 23],
    [{ kind: 'lognormal', median: 20, sigma: 0.5 }, 20, 25],
  ])('draws latencies of %o', (latency, low, high) => {
    const random = seededRandom(3)
    const draws = Array.from({ length: 4000 }, () => sampleLatency(latency, random))
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length
    expect(mean).toBeGreaterThanOrEqual(low)
    expect(mean).toBeLessThanOrEqual(high)
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0)
    expect(draws.every(Number.isFinite)).toBe(true)
  })

  it.each([
    undefined,
    null,
    [],
    {},
    { rules: 'all' },
    { rules: [{}] },
    { rules: [{ action: 'explode' }] },
    { rules: [{ action: 'latency' }] },
    { rules: [{ action: 'latency', latency_ms: -1 }] },
    { rules: [{ action: 'latency', latency_ms: { kind: 'uniform', min: 9, max: 1 } }] },
    { rules: [{ action: 'latency', latency_ms: { kind: 'gamma' } }] },
    { rules: [{ action: 'reset_after', probability: 1.5 }] },
    { rules: [{ action: 'reset_after', times: 0 }] },
    { rules: [{ action: 'reset_after', status: 500 }] },
    { rules: [{ action: 'error_500_after', status: 200 }] },
    { rules: [{ action: 'timeout_after', should_retry: true }] },
    { rules: [{ action: 'reset_after', match: { operation: 'steal' } }] },
    { rules: [{ action: 'reset_after', match: { path: '/etc' } }] },
    { rules: [{ action: 'reset_after', mach: {} }] },
    { rules: [], extra: 1 },
  ])('is refused where it makes no sense: %o', (value) => {
    expect(parseBehaviour(value)).toHaveProperty('problem')
  })
})

describe('the controls', () => {
  it('are for this machine alone', async () => {
    const app = fastify()
    addAdmin(app, {
      behaviours: behavioursOf(),
      book: { entries: async function* () {}, entriesOf: function* () {} },
      engine: { concludeAction: () => true },
    })
    for (const [remoteAddress, status] of [
      ['127.0.0.1', 200],
      ['::1', 200],
      ['::ffff:127.0.0.1', 200],
      ['10.0.0.7', 403],
      ['2001:db8::1', 403],
    ] as const) {
      for (const url of ['/_admin/behaviour', '/_admin/book']) {
        expect((await app.inject({ url, remoteAddress })).statusCode, `${remoteAddress} ${url}`).toBe(status)
      }
    }
    await app.close()
  })

  it('show, replace and clear the rules, and refuse nonsense with 400 without changing anything', async () => {
    const simulator = await testSimulator()
    const control = async (method: string, body?: unknown): Promise<[number, unknown]> => {
      const response = await fetch(`${simulator.adminUrl}/behaviour`, {
        method,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      return [response.status, await response.json()]
    }
    const rules = [{ action: 'rate_limit_429', times: 3, should_retry: true, match: { operation: 'refund' } }]
    expect(await control('POST', { rules })).toMatchObject([200, { rules }])
    expect((await control('POST', { rules: [{ action: 'explode' }] }))[0]).toBe(400)
    expect((await control('POST', 'x'))[0]).toBe(400)
    expect(await control('GET')).toMatchObject([200, { rules: [{ ...rules[0], left: 3 }] }])
    const limited = await simulator.post('/v1/refunds', { payment_intent: 'pi_x' })
    expect([limited.status, limited.headers.get('stripe-should-retry')]).toEqual([429, 'true'])
    expect(await control('DELETE')).toEqual([200, { rules: [] }])
    expect((await simulator.post('/v1/refunds', { payment_intent: 'pi_x' })).status).toBe(404)
  })
})

import { afterEach, expect, test } from 'vitest'
import { bearer, testOperators, type TestOperators } from './testing.ts'

const opened: TestOperators[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()))
})

function operators(): TestOperators {
  const test = testOperators()
  opened.push(test)
  return test
}

async function send({ app }: TestOperators, request: { method: 'GET' | 'POST'; url: string; payload?: object }) {
  const response = await app.inject({ ...request, headers: bearer('operator') })
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
}

const reason = 'ticket 12'
const merchant = { id: 'mer_a', name: 'A', reason }

test('limits are set and cleared one by one, shown with the merchant, and in the log with who and why', async () => {
  const edge = operators()
  await send(edge, { method: 'POST', url: '/ops/v1/merchants', payload: merchant })
  const change = (payload: object) =>
    send(edge, {
      ...{ method: 'POST', url: '/ops/v1/merchants/mer_a/limits' },
      payload: { mode: 'live', currency: 'eur', reason, ...payload },
    })
  const none = { max_amount: null, hourly_amount: null, hourly_count: null, daily_amount: null, daily_count: null }
  const limits = { ...none, mode: 'live', currency: 'EUR', max_amount: 500, daily_count: 9 }
  expect((await change({ set: { max_amount: 500, hourly_count: 3, daily_count: 9 } })).status).toBe(200)
  expect((await change({ clear: ['hourly_count'] })).body).toMatchObject({ limits: [limits] })
  await change({ mode: 'test', set: { max_amount: 1 } })
  const shown = await send(edge, { method: 'GET', url: '/ops/v1/merchants/mer_a' })
  expect(shown.body).toMatchObject({ id: 'mer_a', limits: [limits, { ...none, mode: 'test', max_amount: 1 }] })
  expect((await send(edge, { method: 'GET', url: '/ops/v1/merchants/mer_b' })).status).toBe(404)
  const begun = edge.actors.logEntries.flatMap(({ event }) => (event.type === 'ActionBegun' ? [event] : []))
  expect(begun[2]).toMatchObject({
    ...{ kind: 'merchant.limits', subject: 'mer_a', reason },
    parameters: { mode: 'live', currency: 'EUR', clear: 'hourly_count' },
  })
})

test.each<readonly [string, string, string, object]>([
  ['negative', 'parameter_invalid', 'set.max_amount', { set: { max_amount: -1 } }],
  ['of nothing', 'parameter_invalid', 'set.hourly_count', { set: { hourly_count: 0 } }],
  ['beyond 2^53', 'number_not_canonical', 'set.daily_amount', { set: { daily_amount: 2 ** 53 } }],
  ['with a fraction', 'parameter_invalid', 'set.daily_amount', { set: { daily_amount: 1.5 } }],
  ['as a text', 'parameter_invalid', 'set.daily_amount', { set: { daily_amount: '5' } }],
  ['as null', 'parameter_invalid', 'set.daily_amount', { set: { daily_amount: null } }],
  ['that there is not', 'unknown_field', 'set.weekly_count', { set: { weekly_count: 5 } }],
  ['that there is not, cleared', 'parameter_invalid', 'clear.0', { clear: ['weekly_count'] }],
  ['cleared twice', 'parameter_invalid', 'clear', { clear: ['max_amount', 'max_amount'] }],
  ['set and cleared', 'parameter_invalid', 'clear', { set: { max_amount: 1 }, clear: ['max_amount'] }],
  ['and none at all', 'parameter_invalid', 'set', {}],
  ['of an unknown currency', 'parameter_invalid', 'currency', { currency: 'XXQ', set: { max_amount: 1 } }],
  ['of no mode', 'parameter_invalid', 'mode', { mode: 'both', set: { max_amount: 1 } }],
  ['above a day’s', 'limits_contradictory', 'hourly_count', { set: { hourly_count: 3, daily_count: 2 } }],
])('a limit %s is refused with %s', async (_what, code, param, payload) => {
  const edge = operators()
  await send(edge, { method: 'POST', url: '/ops/v1/merchants', payload: merchant })
  const { status, body } = await send(edge, {
    ...{ method: 'POST', url: '/ops/v1/merchants/mer_a/limits' },
    payload: { mode: 'live', currency: 'EUR', reason, ...payload },
  })
  const { error } = body as { error: { code: string; param: string } }
  expect([status, error.code, error.param]).toEqual([400, code, param])
  expect(edge.actors.directory.merchants[0]?.limits).toEqual([])
})

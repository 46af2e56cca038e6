import { afterEach, describe, expect, test } from 'vitest'
import { addressOfPayment, paymentIdOf } from '../../domain/ids.ts'
import {
  create,
  declined,
  merchantId,
  notice,
  paymentId,
  request as requestOf,
  says,
  succeeded,
} from '../../domain/payment/testing/fixtures.ts'
import { given, nothing, type Scenario } from '../../domain/payment/testing/scenario.ts'
import { bearer, testOperators, type TestOperators, type tokens } from './testing.ts'

const opened: TestOperators[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()))
})

const capture = `cap_${paymentId.slice(4)}_1`
const url = `/compensations/${capture}`
const reason = 'ticket 12'

/** Refunded in the PSP's own pages. */
const givenBack = notice(
  { kind: 'outcome', operation: 'refund', outcome: succeeded(100, { pspReference: 'psp_refund' }) },
  { references: ['psp_1'] },
)

/** Declined, and captured after all. */
function unwanted(id = paymentId): Scenario {
  const key = id === paymentId ? 'create' : 'other'
  const attempt = `att_${id.slice(4)}_1`
  const late = says(attempt, succeeded(100, { captured: true }), { source: 'webhook', factId: 'w' })
  return given(nothing({ paymentId: id }), create({ request: requestOf(key) }), says(attempt, declined()), late)
}

function operators(...scenarios: readonly Scenario[]): TestOperators {
  const edge = testOperators()
  opened.push(edge)
  for (const scenario of scenarios) edge.payments.give(scenario)
  return edge
}

async function send(
  { app }: TestOperators,
  method: 'GET' | 'POST',
  path: string,
  payload?: object,
  role: keyof typeof tokens = 'operator',
) {
  const response = await app.inject({
    ...{ method, url: `/ops/v1${path}`, headers: bearer(role) },
    ...(payload && { payload }),
  })
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
}

const refusalOf = ({ status, body }: { status: number; body: unknown }): readonly unknown[] => [
  status,
  (body as { error?: { code: string } }).error?.code,
]
const actionsOf = ({ actors }: TestOperators) => actors.logEntries.map(({ event }) => event)
const listOf = async (edge: TestOperators) => (await send(edge, 'GET', '/compensations')).body['compensations']

describe('captured money that nobody wanted', () => {
  test('is listed with what there is to give back, and since when', async () => {
    const { status, body } = await send(operators(unwanted()), 'GET', '/compensations', undefined, 'viewer')
    expect(status).toBe(200)
    expect(body).toEqual({
      compensations: [
        {
          ...{ payment: paymentId, payment_status: 'failed', merchant: merchantId, mode: 'test' },
          ...{ capture, amount: 100, currency: 'EUR', connection: 'first', psp_reference: 'psp_1' },
          ...{ captured_at: '2026-11-04T12:00:00.000Z', proposal: null, refund: null },
        },
      ],
      next_after: null,
    })
  })

  test('is listed page after page; what has gone back meanwhile is left out', async () => {
    const ids = ['other', 'third'].map((key) => paymentIdOf(new Uint8Array(32), merchantId, 'test', key))
    const edge = operators(unwanted(), ...ids.map((id) => unwanted(id)))
    const listed = edge.payments.unwanted
    edge.payments.tell(listed[0]?.entity ?? '', givenBack)
    edge.payments.unwanted = listed
    const seen: unknown[] = []
    let after = ''
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await send(edge, 'GET', `/compensations?limit=1${after}`)
      seen.push(...(body['compensations'] as { capture: string }[]).map((each) => each.capture))
      if (body['next_after'] !== null) after = `&after=${body['next_after'] as string}`
    }
    expect(seen).toEqual(listed.slice(1).map(({ operation }) => operation))
  })

  test('is not listed in part: where a database is away, the answer is 503', async () => {
    const edge = operators(unwanted())
    edge.journal.broken = true
    expect(refusalOf(await send(edge, 'GET', '/compensations'))).toEqual([503, 'service_unavailable'])
  })

  test.each(['limit=0', `after=att_${paymentId.slice(4)}_1`, 'after=1'])('refuses a wrong query: %s', async (query) => {
    expect(refusalOf(await send(operators(), 'GET', `/compensations?${query}`))).toEqual([400, 'parameter_invalid'])
  })
})

describe('a compensation', () => {
  test('is proposed by an operator and approved by an approver; then its refund is on its way', async () => {
    const edge = operators(unwanted())
    const proposed = await send(edge, 'POST', `${url}/propose`, { reason })
    expect(proposed.status).toBe(202)
    const proposal = { operator: 'operator-1', reason, proposed_at: '2026-11-04T12:00:00.000Z' }
    expect(proposed.body).toMatchObject({ capture, amount: 100, proposal, refund: null })
    expect(await listOf(edge)).toMatchObject([{ proposal }])
    const approved = await send(edge, 'POST', `${url}/approve`, { reason: 'seen' }, 'approver')
    expect(approved.status).toBe(200)
    expect(approved.body).toMatchObject({
      ...{ payment_status: 'failed', amount: 0, proposal: null },
      refund: { id: `re_${paymentId.slice(4)}_1`, status: 'planned' },
    })
    expect(await listOf(edge)).toEqual([])
    expect(actionsOf(edge)).toMatchObject([
      { type: 'ActionBegun', kind: 'compensation.propose', subject: capture, operator: 'operator-1', reason },
      { type: 'ActionEnded', outcome: 'done' },
      { type: 'AuditRead', subject: 'compensations' },
      { type: 'ActionBegun', kind: 'compensation.approve', operator: 'approver-1', reason: 'seen' },
      { type: 'ActionEnded', outcome: 'done' },
    ])
  })

  test('that is rejected, or taken back, leaves the money where it is', async () => {
    const edge = operators(unwanted())
    for (const role of ['approver', 'operator'] as const) {
      expect((await send(edge, 'POST', `${url}/propose`, { reason })).status).toBe(202)
      expect(refusalOf(await send(edge, 'POST', `${url}/propose`, { reason }))).toEqual([409, 'proposal_exists'])
      const rejected = await send(edge, 'POST', `${url}/reject`, { reason }, role)
      expect(rejected).toMatchObject({ status: 200, body: { amount: 100, proposal: null, refund: null } })
    }
    expect(refusalOf(await send(edge, 'POST', `${url}/approve`, { reason }, 'approver'))).toEqual([409, 'no_proposal'])
  })

  test('needs two roles: an operator does not approve, an approver does not propose, a viewer does neither', async () => {
    const edge = operators(unwanted())
    const denied: readonly (readonly [string, keyof typeof tokens])[] = [
      ['propose', 'approver'],
      ['propose', 'viewer'],
      ['approve', 'operator'],
      ['approve', 'viewer'],
      ['reject', 'viewer'],
    ]
    for (const [what, role] of denied) {
      const answer = await send(edge, 'POST', `${url}/${what}`, { reason }, role)
      expect(refusalOf(answer), `${what} by ${role}`).toEqual([403, 'role_missing'])
    }
    expect(actionsOf(edge)).toEqual([])
  })

  test('of what is no capture, or is the merchant’s to refund, or is gone, is refused', async () => {
    const attempt = `att_${paymentId.slice(4)}_1`
    const wanted = given(nothing(), create(), says(attempt, succeeded(100, { captured: true })))
    const edge = operators(wanted)
    const propose = async (operation: string) =>
      refusalOf(await send(edge, 'POST', `/compensations/${operation}/propose`, { reason }))
    const nobodys = paymentIdOf(new Uint8Array(32), merchantId, 'test', 'nobody')
    expect(await propose('cap_x')).toEqual([400, 'id_format'])
    expect(await propose(attempt)).toEqual([400, 'id_format'])
    expect(await propose(`cap_${paymentId.slice(4)}_9`)).toEqual([404, 'operation_unknown'])
    expect(await propose(`cap_${nobodys.slice(4)}_1`)).toEqual([404, 'payment_not_found'])
    expect(await propose(capture)).toEqual([409, 'nothing_to_compensate'])
    edge.payments.give(unwanted())
    edge.payments.tell(addressOfPayment(paymentId)?.entity ?? '', givenBack)
    expect(await propose(capture)).toEqual([409, 'nothing_to_compensate'])
  })

  test.each([{}, { reason: ' ' }, { reason, amount: 1 }])('with a body %j is refused', async (payload) => {
    for (const [what, role] of [
      ['propose', 'operator'],
      ['approve', 'approver'],
    ] as const) {
      const { status } = await send(operators(unwanted()), 'POST', `${url}/${what}`, payload, role)
      expect(status).toBe(400)
    }
  })
})

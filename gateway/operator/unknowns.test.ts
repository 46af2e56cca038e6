import { afterEach, describe, expect, test } from 'vitest'
import { addressOfName, addressOfPayment, paymentIdOf } from '../../domain/ids.ts'
import {
  create,
  merchantId,
  paymentId,
  request as requestOf,
  says,
  succeeded,
  timedOut,
} from '../../domain/payment/testing/fixtures.ts'
import { given, nothing, type Scenario } from '../../domain/payment/testing/scenario.ts'
import type { NoticeEntry } from './deps.ts'
import { bearer, testOperators, type TestOperators, type tokens } from './testing.ts'

const opened: TestOperators[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ app }) => app.close()))
})

const attempt = `att_${paymentId.slice(4)}_1`
const reason = 'ticket 12'
const proof = { psp_reference: 'pi_7', evidence: 'seen in the PSP’s pages', reason }

/** An authorization that nobody answered. */
function inDoubt(id = paymentId): Scenario {
  const key = id === paymentId ? 'create' : 'other'
  const operation = `att_${id.slice(4)}_1`
  return given(nothing({ paymentId: id }), create({ request: requestOf(key) }), says(operation, timedOut))
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
  url: string,
  payload?: object,
  role: keyof typeof tokens = 'operator',
) {
  const response = await app.inject({
    method,
    url: `/ops/v1${url}`,
    headers: bearer(role),
    ...(payload && { payload }),
  })
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
}

const codeOf = (body: unknown): unknown => (body as { error?: { code: string } }).error?.code
const refusalOf = ({ status, body }: { status: number; body: unknown }): readonly unknown[] => [status, codeOf(body)]
const actionsOf = ({ actors }: TestOperators) => actors.logEntries.map(({ event }) => event)

describe('what nobody knows', () => {
  test('is listed with what was asked for, since when, why, and when it is asked about next', async () => {
    const { status, body } = await send(operators(inDoubt()), 'GET', '/unknowns', undefined, 'viewer')
    expect(status).toBe(200)
    expect(body).toEqual({
      unknowns: [
        {
          ...{ payment: paymentId, payment_status: 'pending', merchant: merchantId, mode: 'test' },
          ...{ operation: attempt, kind: 'authorize', status: 'unknown', amount: 100, currency: 'EUR' },
          ...{ connection: 'first', psp_reference: null, reason: 'timeout', inquiries: 0, proposal: null },
          ...{ since: '2026-11-04T12:00:00.000Z', next_inquiry_at: '2026-11-04T12:00:02.000Z' },
        },
      ],
      next_after: null,
    })
  })

  test('is listed page after page; what became known meanwhile is left out', async () => {
    const ids = ['other', 'third'].map((key) => paymentIdOf(new Uint8Array(32), merchantId, 'test', key))
    const edge = operators(inDoubt(), ...ids.map((id) => inDoubt(id)))
    const { doubted } = edge.payments
    const [ended] = doubted
    edge.payments.tell(ended?.entity ?? '', says(ended?.operation ?? '', succeeded()))
    edge.payments.doubted = doubted
    const seen: unknown[] = []
    let after = ''
    for (let pages = 0; pages < 3; pages += 1) {
      const { body } = await send(edge, 'GET', `/unknowns?limit=1${after}`)
      seen.push(...(body['unknowns'] as { operation: string }[]).map(({ operation }) => operation))
      if (body['next_after'] !== null) after = `&after=${body['next_after'] as string}`
    }
    expect(seen).toEqual(doubted.slice(1).map(({ operation }) => operation))
  })

  test('is not listed in part: where a database is away, the answer is 503', async () => {
    const edge = operators(inDoubt())
    edge.journal.broken = true
    for (const url of ['/unknowns', '/notices']) {
      expect(refusalOf(await send(edge, 'GET', url))).toEqual([503, 'service_unavailable'])
    }
  })
})

describe('a ruling', () => {
  test('is proposed by an operator and approved by an approver; then it is the outcome', async () => {
    const edge = operators(inDoubt())
    const proposed = await send(edge, 'POST', `/unknowns/${attempt}/resolve`, { outcome: 'succeeded', ...proof })
    expect(proposed.status).toBe(202)
    expect(proposed.body).toMatchObject({
      ...{ status: 'unknown', payment_status: 'pending' },
      proposal: { outcome: 'succeeded', psp_reference: 'pi_7', amount: 100, operator: 'operator-1', reason },
    })
    const listed = await send(edge, 'GET', '/unknowns')
    expect(listed.body['unknowns']).toMatchObject([{ proposal: { evidence: proof.evidence } }])
    const approved = await send(edge, 'POST', `/unknowns/${attempt}/approve`, { reason }, 'approver')
    expect(approved.status).toBe(200)
    expect(approved.body).toMatchObject({
      ...{ status: 'succeeded', payment_status: 'authorized', psp_reference: 'pi_7' },
      ...{ since: null, reason: null, inquiries: null, next_inquiry_at: null, proposal: null },
    })
    expect((await send(edge, 'GET', '/unknowns')).body['unknowns']).toEqual([])
    expect(actionsOf(edge)).toMatchObject([
      {
        ...{ type: 'ActionBegun', kind: 'unknown.resolve', subject: attempt, operator: 'operator-1', reason },
        parameters: { outcome: 'succeeded', evidence: proof.evidence, pspReference: 'pi_7' },
      },
      { type: 'ActionEnded', outcome: 'done' },
      { type: 'AuditRead', subject: 'unknowns' },
      { type: 'ActionBegun', kind: 'unknown.approve', subject: attempt, operator: 'approver-1', role: 'approver' },
      { type: 'ActionEnded', outcome: 'done' },
    ])
  })

  test('that is refused leaves the operation as it was, and another can be proposed', async () => {
    const edge = operators(inDoubt())
    const url = `/unknowns/${attempt}`
    await send(edge, 'POST', `${url}/resolve`, { outcome: 'succeeded', ...proof })
    const again = await send(edge, 'POST', `${url}/resolve`, { outcome: 'declined', ...proof })
    expect(refusalOf(again)).toEqual([409, 'proposal_exists'])
    const refused = await send(edge, 'POST', `${url}/reject`, { reason }, 'approver')
    expect([refused.status, refused.body['status'], refused.body['proposal']]).toEqual([200, 'unknown', null])
    expect((await send(edge, 'POST', `${url}/resolve`, { outcome: 'declined', ...proof })).status).toBe(202)
    expect((await send(edge, 'POST', `${url}/reject`, { reason })).status).toBe(200)
    expect(refusalOf(await send(edge, 'POST', `${url}/approve`, { reason }, 'approver'))).toEqual([409, 'no_proposal'])
  })

  test('needs two roles: an operator does not approve, an approver does not propose, a viewer does neither', async () => {
    const edge = operators(inDoubt())
    const denied: readonly (readonly [string, keyof typeof tokens])[] = [
      ['resolve', 'approver'],
      ['resolve', 'viewer'],
      ['approve', 'operator'],
      ['approve', 'viewer'],
      ['reject', 'viewer'],
    ]
    for (const [what, role] of denied) {
      const payload = what === 'resolve' ? { outcome: 'absent', evidence: 'none', reason } : { reason }
      const answer = await send(edge, 'POST', `/unknowns/${attempt}/${what}`, payload, role)
      expect(refusalOf(answer), `${what} by ${role}`).toEqual([403, 'role_missing'])
    }
    expect(actionsOf(edge)).toEqual([])
  })

  test.each([
    [400, 'parameter_missing', { outcome: 'succeeded', evidence: 'e', reason }],
    [400, 'parameter_missing', { outcome: 'succeeded', psp_reference: 'pi_7', reason }],
    [400, 'parameter_missing', { outcome: 'absent', evidence: 'e' }],
    [400, 'parameter_invalid', { ...proof, outcome: 'unknown' }],
    [400, 'parameter_invalid', { ...proof, outcome: 'absent', evidence: ' ' }],
    [400, 'parameter_invalid', { ...proof, outcome: 'succeeded', psp_reference: 'pi 7' }],
    [400, 'parameter_invalid', { ...proof, outcome: 'succeeded', psp_reference: 'x'.repeat(256) }],
    [400, 'parameter_invalid', { ...proof, outcome: 'declined', amount: 100 }],
    [400, 'parameter_invalid', { ...proof, outcome: 'absent', captured: true }],
    [400, 'amount_range', { ...proof, outcome: 'succeeded', amount: 101 }],
    [400, 'unknown_field', { ...proof, outcome: 'succeeded', approver: 'approver-1' }],
  ])('that is not one is refused: %d %s for %j', async (status, code, payload) => {
    const edge = operators(inDoubt())
    expect(refusalOf(await send(edge, 'POST', `/unknowns/${attempt}/resolve`, payload))).toEqual([status, code])
    expect((await send(edge, 'GET', '/unknowns')).body['unknowns']).toMatchObject([{ proposal: null }])
  })

  test('of what is no operation, or is none any more, or is known, is refused', async () => {
    const edge = operators(inDoubt())
    const ruling = { outcome: 'succeeded', ...proof }
    const to = async (operation: string) =>
      refusalOf(await send(edge, 'POST', `/unknowns/${operation}/resolve`, ruling))
    const nobodys = paymentIdOf(new Uint8Array(32), merchantId, 'test', 'nobody')
    expect(await to('att_x')).toEqual([400, 'id_format'])
    expect(await to(`dp_${paymentId.slice(4)}_1`)).toEqual([400, 'id_format'])
    expect(await to(`cap_${paymentId.slice(4)}_9`)).toEqual([404, 'operation_unknown'])
    expect(await to(`att_${nobodys.slice(4)}_1`)).toEqual([404, 'operation_unknown'])
    edge.payments.tell(addressOfPayment(paymentId)?.entity ?? '', says(attempt, succeeded()))
    expect(await to(attempt)).toEqual([404, 'operation_unknown'])
  })

  test('whose payment does not answer may have been made, and is recorded as that', async () => {
    const edge = operators(inDoubt())
    edge.actors.unavailable.set('payment', {
      ...{ kind: 'unavailable', certainty: 'acceptance_unknown', reason: 'link_lost', retryAfterMs: 1_000 },
    })
    const answer = await send(edge, 'POST', `/unknowns/${attempt}/resolve`, { outcome: 'succeeded', ...proof })
    expect(refusalOf(answer)).toEqual([503, 'action_outcome_unknown'])
    expect(actionsOf(edge).at(-1)).toMatchObject({ type: 'ActionEnded', outcome: 'unknown' })
  })
})

describe('notices', () => {
  const payment = addressOfPayment(paymentId)?.entity ?? ''
  const entry = (n: number, changes: Partial<NoticeEntry>): NoticeEntry => ({
    ...addressOfName(`notice/stripe-test/evt_${n}`),
    ...{ connection: 'stripe-test', notice: `evt_${n}`, type: 'charge.refunded', reason: null, payment: null },
    ...{ status: 'received', receivedAt: Date.UTC(2026, 10, 4) + n },
    ...changes,
  })
  const entries = [
    entry(1, { status: 'orphaned', reason: 'payment_unknown' }),
    entry(2, { payment }),
    entry(3, { status: 'delivered', payment }),
    entry(4, { status: 'kept' }),
    entry(5, {}),
  ]

  function withNotices(): TestOperators {
    const edge = operators()
    edge.payments.noticeEntries = entries
    return edge
  }

  const idsOf = (body: Record<string, unknown>): readonly string[] =>
    (body['notices'] as { id: string }[]).map(({ id }) => id)

  test('that no payment has taken are listed with why', async () => {
    const edge = withNotices()
    const { body } = await send(edge, 'GET', '/notices', undefined, 'viewer')
    expect(idsOf(body)).toEqual(['evt_1', 'evt_2', 'evt_5'])
    expect((body['notices'] as unknown[])[0]).toEqual({
      ...{ entity: entries[0]?.entity, shard: entries[0]?.shard, connection: 'stripe-test', id: 'evt_1' },
      ...{ type: 'charge.refunded', status: 'orphaned', reason: 'payment_unknown', payment: null },
      received_at: '2026-11-04T00:00:00.001Z',
    })
    expect(idsOf((await send(edge, 'GET', '/notices?status=orphaned')).body)).toEqual(['evt_1'])
    expect(actionsOf(edge)).toMatchObject([
      { type: 'AuditRead', subject: 'notices', operator: 'viewer-1' },
      { type: 'AuditRead', subject: 'notices', operator: 'operator-1' },
    ])
  })

  test('about one payment are all listed', async () => {
    const edge = withNotices()
    const { body } = await send(edge, 'GET', `/notices?payment=${paymentId}`)
    expect(idsOf(body)).toEqual(['evt_2', 'evt_3'])
    expect(body['notices']).toMatchObject([{ payment: paymentId }, { payment: paymentId, status: 'delivered' }])
    const delivered = await send(edge, 'GET', `/notices?payment=${paymentId}&status=delivered`)
    expect(idsOf(delivered.body)).toEqual(['evt_3'])
  })

  test('come page after page', async () => {
    const edge = withNotices()
    const first = await send(edge, 'GET', '/notices?limit=2')
    expect(idsOf(first.body)).toEqual(['evt_1', 'evt_2'])
    const second = await send(edge, 'GET', `/notices?limit=2&after=${first.body['next_after'] as string}`)
    expect([idsOf(second.body), second.body['next_after']]).toEqual([['evt_5'], null])
  })

  test.each([
    ['parameter_invalid', '/notices?status=delivered'],
    ['parameter_invalid', '/notices?status=lost'],
    ['id_format', '/notices?payment=pay_x'],
    ['parameter_invalid', '/notices?after=1'],
    ['parameter_invalid', '/notices?limit=0'],
    ['parameter_invalid', '/unknowns?after=att_x_1'],
    ['parameter_invalid', '/unknowns?limit=201'],
  ])('and unknowns refuse a wrong query: %s for %s', async (code, url) => {
    expect(refusalOf(await send(withNotices(), 'GET', url))).toEqual([400, code])
  })
})

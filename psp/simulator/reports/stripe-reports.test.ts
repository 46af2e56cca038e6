/** Stripe's reports as a merchant gets them: runs, files, what they list, what is refused. */
import { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { control, endDay, type Row, stripeReport } from '../../../test/support/reports.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../../test/support/simulator.ts'
import { problemsOfAnswer } from '../../../test/support/stripe-contract.ts'
import columnsOfReports from './columns.json' with { type: 'json' }

const pay = '/v1/payment_intents'
const runs = '/v1/reporting/report_runs'
const activity = 'balance_change_from_activity.itemized.3'
const payouts = 'payout_reconciliation.itemized.5'
const start = Date.UTC(2026, 0, 1) / 1000

async function rig(): Promise<{ simulator: TestSimulator; clock: VirtualClock }> {
  const clock = new VirtualClock()
  return { simulator: await testSimulator({ clock }), clock }
}

async function paid(simulator: TestSimulator, fields: Parameters<typeof confirmed>[0] = {}): Promise<string> {
  const { status, json, text } = await simulator.post(pay, confirmed({ capture_method: 'automatic', ...fields }))
  if (status !== 200) throw new Error(text)
  return String(json['id'])
}

function money(rows: readonly Row[]): unknown[] {
  return rows.map((row) => [row['reporting_category'], row['currency'], row['gross'], row['fee'], row['net']])
}

describe("Stripe's itemised reports", () => {
  it.each([activity, payouts])(
    'have all columns that Stripe documents for %s, but those with keys of ours',
    async (type) => {
      const { simulator, clock } = await rig()
      await paid(simulator)
      const { columns } = await stripeReport(simulator, clock, type, {
        interval_start: start,
        interval_end: await endDay(simulator),
      })
      const name = type.slice(0, -2) as keyof typeof columnsOfReports.stripe
      const documented = columnsOfReports.stripe[name].columns
      expect(columns).toEqual(documented.filter((column) => !column.endsWith('[key]')))
      expect(documented.length).toBe(columns.length + 3)
    },
  )

  it('list captures, partial ones as the whole and its rest, refunds that fail, disputes and their end, with fees', async () => {
    const { simulator, clock } = await rig()
    await paid(simulator, { amount: 10_000, capture_method: 'automatic_async' })
    const part = await paid(simulator, { amount: 5_000, capture_method: 'manual' })
    await simulator.post(`${pay}/${part}/capture`, { amount_to_capture: 3_000 })
    const released = await paid(simulator, { capture_method: 'manual' })
    await simulator.post(`${pay}/${released}/cancel`, {})
    const refunded = await paid(simulator, { payment_method: 'pm_card_refundFail' })
    await simulator.post('/v1/refunds', { payment_intent: refunded, amount: 400 })
    await paid(simulator, { payment_method: 'pm_card_createDispute', amount: 2_000 })
    await paid(simulator, { payment_method: 'pm_card_createDisputeInquiry' })
    clock.advance(5_000)
    const disputes = (await simulator.get('/v1/disputes')).json['data'] as { id: string; status: string }[]
    const open = disputes.find(({ status }) => status === 'needs_response')
    await control(simulator, 'POST', `/stripe/disputes/${open?.id ?? ''}`, { decision: 'won' })
    const until = await endDay(simulator)
    const { rows } = await stripeReport(simulator, clock, activity, { interval_start: start, interval_end: until })
    expect(money(rows)).toEqual([
      ['charge', 'eur', '50.00', '0.70', '49.30'],
      ['partial_capture_reversal', 'eur', '-20.00', '0.00', '-20.00'],
      ['charge', 'eur', '10.00', '0.40', '9.60'],
      ['refund', 'eur', '-4.00', '0.00', '-4.00'],
      ['charge', 'eur', '20.00', '0.55', '19.45'],
      ['dispute', 'eur', '-20.00', '15.00', '-35.00'],
      ['charge', 'eur', '10.00', '0.40', '9.60'],
      ['charge', 'eur', '100.00', '1.75', '98.25'],
      ['refund_failure', 'eur', '4.00', '0.00', '4.00'],
      ['dispute_reversal', 'eur', '20.00', '0.00', '20.00'],
    ])
    expect(new Set(rows.map((row) => row['balance_transaction_id'])).size).toBe(rows.length)
    expect(rows[1]).toMatchObject({ payment_intent_id: part, source_id: rows[0]?.['charge_id'] })
    expect(rows[5]).toMatchObject({ source_id: open?.id, dispute_reason: 'fraudulent' })
    const charge = await simulator.get(`/v1/charges/${rows[0]?.['charge_id'] ?? ''}`)
    expect(charge.json['balance_transaction']).toBe(rows[0]?.['balance_transaction_id'])
  })

  it('have one line for each of several captures of one payment', async () => {
    const { simulator, clock } = await rig()
    const parts = { card: { request_multicapture: 'if_available' } }
    const intent = await paid(simulator, { capture_method: 'manual', payment_method_options: parts })
    for (const amount of [300, 200]) {
      await simulator.post(`${pay}/${intent}/capture`, { amount_to_capture: amount, final_capture: amount === 200 })
    }
    const until = await endDay(simulator)
    const { rows } = await stripeReport(simulator, clock, activity, { interval_start: start, interval_end: until })
    expect(money(rows)).toEqual([
      ['charge', 'eur', '3.00', '0.30', '2.70'],
      ['charge', 'eur', '2.00', '0.28', '1.72'],
    ])
  })

  it('have yen without decimals and dinars with three, fees in steps that the currency has', async () => {
    const { simulator, clock } = await rig()
    await paid(simulator, { amount: 1_050, currency: 'jpy' })
    await paid(simulator, { amount: 12_340, currency: 'bhd' })
    await paid(simulator, { amount: 50_000, currency: 'isk' })
    const until = await endDay(simulator)
    const { rows } = await stripeReport(simulator, clock, activity, { interval_start: start, interval_end: until })
    expect(money(rows)).toEqual([
      ['charge', 'jpy', '1050', '30', '1020'],
      ['charge', 'bhd', '12.340', '0.360', '11.980'],
      ['charge', 'isk', '500.00', '15.00', '485.00'],
    ])
  })

  it('have texts and keys of the merchant as they are, times in the zone asked for, and nothing but what was asked for', async () => {
    const { simulator, clock } = await rig()
    clock.advance(45_000)
    const description = '=1+1, "quoted"\r\nnext line; ä'
    await paid(simulator, { metadata: { payment_id: 'pay_a', constructor: 'c' }, description })
    await paid(simulator, { currency: 'usd' })
    const until = await endDay(simulator)
    const columns = [
      'payment_metadata[payment_id]',
      'payment_metadata[constructor]',
      'payment_metadata[toString]',
      'refund_metadata[payment_id]',
      'description',
      'created',
      'created_utc',
    ]
    const asked = { currency: 'eur', reporting_category: 'charge', timezone: 'Asia/Kolkata', columns }
    const interval = { interval_start: start, interval_end: until }
    const report = await stripeReport(simulator, clock, activity, { ...asked, ...interval })
    expect(report.columns).toEqual(columns)
    expect(report.rows.map(Object.values)).toEqual([
      ['pay_a', 'c', '', '', description, '2026-01-01 05:30:45', '2026-01-01 00:00:45'],
    ])
  })
})

describe('payouts', () => {
  it('are daily, of all that was not paid out; what is below zero waits for what comes', async () => {
    const { simulator, clock } = await rig()
    const dayMs = 24 * 3_600_000
    const first = await paid(simulator, { amount: 10_000 })
    await paid(simulator, { amount: 700, currency: 'gbp' })
    clock.advance(dayMs)
    await simulator.post('/v1/refunds', { payment_intent: first, amount: 6_000 })
    clock.advance(dayMs)
    await paid(simulator, { amount: 9_000 })
    clock.advance(dayMs)
    const interval = { interval_start: start, interval_end: start + (3 * dayMs) / 1000 + 1 }
    const refused = await simulator.post(runs, { report_type: payouts, parameters: interval })
    expect(refused.status).toBe(400)
    const { rows } = await stripeReport(simulator, clock, payouts, {
      ...interval,
      interval_end: interval.interval_end - 1,
    })
    expect(rows.map((row) => [row['net'], row['automatic_payout_effective_at_utc'], row['available_on_utc']])).toEqual([
      ['98.25', '2026-01-02 00:00:00', '2026-01-02 00:00:00'],
      ['6.69', '2026-01-02 00:00:00', '2026-01-02 00:00:00'],
    ])
    const ids = rows.map((row) => row['automatic_payout_id'])
    expect(new Set(ids).size).toBe(2)
    const all = await stripeReport(simulator, clock, activity, { ...interval, interval_end: interval.interval_end - 1 })
    expect(all.rows.map((row) => [row['net'], row['automatic_payout_effective_at_utc']])).toEqual([
      ['98.25', '2026-01-02 00:00:00'],
      ['6.69', '2026-01-02 00:00:00'],
      ['-60.00', '2026-01-04 00:00:00'],
      ['88.40', '2026-01-04 00:00:00'],
    ])
    const listed = (await simulator.get('/v1/payouts')).json['data'] as { id: string; amount: number }[]
    expect(listed.map(({ amount }) => amount)).toEqual([2_840, 669, 9_825])
    expect(listed.slice(1).map(({ id }) => id)).toEqual(ids.toReversed())
    expect((await simulator.get(`/v1/payouts/${ids[0] ?? ''}`)).json).toEqual(listed[2])
    expect((await simulator.get('/v1/payouts/po_none')).status).toBe(404)
    expect((await simulator.get('/v1/payouts?status=failed')).json['data']).toEqual([])
    for (const payout of listed) expect(problemsOfAnswer('Payout', payout)).toEqual([])
    const { json } = await simulator.get('/v1/balance')
    expect(json['available']).toMatchObject([{ amount: 0 }, { amount: 0 }])
  })

  it('never take in what happened after the day was ended, within the same second too', async () => {
    const { simulator, clock } = await rig()
    await paid(simulator)
    const until = await endDay(simulator)
    await paid(simulator, { amount: 2_000 })
    const later = await endDay(simulator)
    expect(later).toBeGreaterThan(until)
    const first = await stripeReport(simulator, clock, activity, { interval_start: start, interval_end: until })
    const second = await stripeReport(simulator, clock, activity, { interval_start: until, interval_end: later })
    expect([first, second].map(({ rows }) => rows.map((row) => row['gross']))).toEqual([['10.00'], ['20.00']])
  })
})

describe('a report run', () => {
  it('is pending, then succeeds, which an event tells; its file needs the key, and is the same after a restart', async () => {
    const { simulator, clock } = await rig()
    await paid(simulator)
    const until = await endDay(simulator)
    const fields = { report_type: activity, parameters: { interval_start: start, interval_end: until } }
    const pending = await simulator.post(runs, fields, 'run_1')
    expect(pending.json).toMatchObject({ status: 'pending', result: null })
    expect(problemsOfAnswer('ReportRun', pending.json)).toEqual([])
    expect((await simulator.post(runs, fields, 'run_1')).json['id']).toBe(pending.json['id'])
    clock.advance(1_000)
    const done = await simulator.get(`${runs}/${String(pending.json['id'])}`)
    expect(done.json).toMatchObject({ status: 'succeeded', succeeded_at: start + 1, result: { type: 'csv' } })
    expect(problemsOfAnswer('ReportRun', done.json)).toEqual([])
    expect((await simulator.get(runs)).json['data']).toEqual([done.json])
    const events = (await simulator.get('/v1/events?type=reporting.*')).json['data'] as Record<string, unknown>[]
    expect(events).toMatchObject([{ type: 'reporting.report_run.succeeded', data: { object: done.json } }])
    expect(problemsOfAnswer('Event', events[0])).toEqual([])

    const { url } = done.json['result'] as { url: string }
    expect((await fetch(url)).status).toBe(401)
    const file = async (base: string): Promise<string> => {
      const response = await fetch(new URL(new URL(url).pathname, base), {
        headers: { authorization: 'Bearer sk_test_a' },
      })
      expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      return response.text()
    }
    const before = await file(simulator.url)
    await paid(simulator)
    await endDay(simulator)
    await simulator.close()
    const again = await testSimulator({ clock, directory: simulator.directory })
    expect(await file(again.url)).toBe(before)
    expect((await again.get('/v1/files/file_none/contents')).status).toBe(404)
  })

  it('goes on after a restart where it was pending', async () => {
    const { simulator, clock } = await rig()
    const until = await endDay(simulator)
    const parameters = { interval_start: until - 10, interval_end: until }
    const { json } = await simulator.post(runs, { report_type: payouts, parameters })
    await simulator.close()
    clock.advance(60_000)
    const again = await testSimulator({ clock, directory: simulator.directory })
    clock.advance(0)
    expect((await again.get(`${runs}/${String(json['id'])}`)).json['status']).toBe('succeeded')
  })

  it.each([
    [{ report_type: 'balance.summary.1' }, 'report_type'],
    [{ report_type: activity }, 'parameters[interval_start]'],
    [{ report_type: activity, parameters: { interval_start: start } }, 'parameters[interval_end]'],
    [{ report_type: activity, parameters: { interval_start: 'x', interval_end: 1 } }, 'parameters[interval_start]'],
    [{ report_type: activity, parameters: { interval_start: 5, interval_end: 5 } }, 'parameters[interval_start]'],
    [{ report_type: activity, parameters: { interval_start: 5, interval_end: start * 2 } }, 'parameters[interval_end]'],
    [
      { report_type: activity, parameters: { interval_start: 5, interval_end: 6, columns: ['nope'] } },
      'parameters[columns]',
    ],
    [
      { report_type: activity, parameters: { interval_start: 5, interval_end: 6, timezone: 'Mars/X' } },
      'parameters[timezone]',
    ],
    [
      { report_type: activity, parameters: { interval_start: 5, interval_end: 6, payout: 'po_1' } },
      'parameters[payout]',
    ],
  ])('of %j is refused', async (fields, param) => {
    const { simulator } = await rig()
    await endDay(simulator)
    const { status, json } = await simulator.post(runs, fields)
    expect([status, (json['error'] as { param?: string }).param]).toEqual([400, param])
  })

  it("is made and fetched by the PSP's own library", async () => {
    const { simulator, clock } = await rig()
    await paid(simulator)
    const until = await endDay(simulator)
    const { hostname, port } = new URL(simulator.url)
    const httpClient = Stripe.createNodeHttpClient()
    const stripe = new Stripe('sk_test_sdk', {
      host: hostname,
      port: Number(port),
      protocol: 'http',
      telemetry: false,
      httpClient,
    })
    const parameters = { interval_start: start, interval_end: until, timezone: 'Europe/Amsterdam' } as const
    const run = await stripe.reporting.reportRuns.create({ report_type: activity, parameters })
    clock.advance(1_000)
    expect(await stripe.reporting.reportRuns.retrieve(run.id)).toMatchObject({ status: 'succeeded', parameters })
  })
})

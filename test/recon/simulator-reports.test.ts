/**
 * Reports of the simulated PSPs, read by the parsers: row for row what the simulator's own ledger holds, folded here from its
 * book. Simulator and parsers share no code, so each is a witness of the other.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromPspMinor } from '../../domain/money/psp-exponents.ts'
import { AdyenWorld } from '../../psp/simulator/adyen/world.ts'
import type { BookLine } from '../../psp/simulator/book.ts'
import { AdyenLedger, type ClosedBatch, feesOf, totalOf } from '../../psp/simulator/reports/adyen-ledger.ts'
import type { AdyenPricing } from '../../psp/simulator/reports/fees.ts'
import { type SettledMovement, StripeLedger } from '../../psp/simulator/reports/stripe-ledger.ts'
import { World } from '../../psp/simulator/world.ts'
import type { LineKind, ReportRow } from '../../recon/reports/row.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { merchantAccount, modification, payment, type TestAdyen, testAdyen } from '../support/adyen-simulator.ts'
import { readAll, refusalOf } from '../support/report-reading.ts'
import { adyenReport, closeBatches, control, endDay, stripeReport } from '../support/reports.ts'
import { confirmed, type TestSimulator, testSimulator } from '../support/simulator.ts'

const paymentId = 'pay_0123456789abcdefghjkmnpqr0'
const attemptId = 'att_0123456789abcdefghjkmnpqr0_1'
const refundId = 're_0123456789abcdefghjkmnpqr0_2'

interface Ledgers {
  readonly stripe: StripeLedger
  readonly adyen: AdyenLedger
}

async function ledgersOf({ directory }: TestSimulator): Promise<Ledgers> {
  const ledgers = { stripe: new StripeLedger(), adyen: new AdyenLedger() }
  const [world, adyenWorld] = [new World(), new AdyenWorld()]
  for (const text of (await readFile(join(directory, 'book.jsonl'), 'utf8')).trimEnd().split('\n')) {
    const line = JSON.parse(text) as BookLine
    ledgers.stripe.apply(line, world)
    world.apply(line.records)
    if (line.adyen === undefined) continue
    ledgers.adyen.apply(line.adyen.records, line.at, adyenWorld)
    adyenWorld.apply(line.adyen.records)
  }
  return ledgers
}

/** What is compared of a row, and of what moved in a ledger. */
type Facts = Record<string, unknown>

function ours(psp: 'stripe' | 'adyen', pspMinor: number, currency: string): bigint {
  const minor = fromPspMinor(psp, pspMinor, currency.toUpperCase())
  if (minor === undefined) throw new Error(`${pspMinor} ${currency} cannot be held`)
  return BigInt(minor)
}

const stripeKinds: Readonly<Record<SettledMovement['category'], LineKind>> = {
  charge: 'settled',
  partial_capture_reversal: 'partial_capture_reversal',
  refund: 'refunded',
  refund_failure: 'refund_reversed',
  dispute: 'chargeback',
  dispute_reversal: 'chargeback_reversed',
}

function stripeFacts({ id, category, at, currency, gross, fee, references, payout }: SettledMovement): Facts {
  return {
    lineKey: id,
    kind: stripeKinds[category],
    currency: currency.toUpperCase(),
    gross: ours('stripe', gross, currency),
    fee: ours('stripe', fee, currency),
    net: ours('stripe', gross - fee, currency),
    operation: references.source,
    charge: references.charge,
    payment: references.payment_intent,
    bookedAt: at,
    payout: payout?.id ?? null,
  }
}

function factsOf({ lineKey, kind, gross, fees, net, references, bookedAt, payout }: ReportRow): Facts {
  const { pspOperation: operation, pspCharge: charge, pspPayment: of } = references
  expect(gross.currency).toBe(net.currency)
  const money = { currency: net.currency, gross: gross.minor, fee: fees.total, net: net.minor }
  return { lineKey, kind, ...money, operation, charge, payment: of, bookedAt, payout }
}

const pay = '/v1/payment_intents'

async function paid(simulator: TestSimulator, fields: Parameters<typeof confirmed>[0]): Promise<string> {
  const metadata = { payment_id: paymentId, operation_id: attemptId }
  const asked = confirmed({ capture_method: 'automatic', metadata, ...fields })
  const { status, json, text } = await simulator.post(pay, asked)
  if (status !== 200) throw new Error(text)
  return String(json['id'])
}

/** Everything that moves money, in currencies of which Stripe counts some in other units than ISO. */
async function stripeHistory(simulator: TestSimulator, clock: VirtualClock): Promise<void> {
  const amounts = { eur: 12_345, jpy: 1_050, kwd: 12_340, bhd: 10, isk: 50_000, ugx: 1_000_000, mga: 777, usd: 99 }
  for (const [currency, amount] of Object.entries(amounts)) await paid(simulator, { currency, amount })
  const part = await paid(simulator, { amount: 5_000, capture_method: 'manual' })
  await simulator.post(`${pay}/${part}/capture`, { amount_to_capture: 3_000 })
  const parts = { card: { request_multicapture: 'if_available' } }
  const several = await paid(simulator, { capture_method: 'manual', payment_method_options: parts })
  for (const amount of [300, 200]) {
    await simulator.post(`${pay}/${several}/capture`, { amount_to_capture: amount, final_capture: amount === 200 })
  }
  const refunded = await paid(simulator, { payment_method: 'pm_card_refundFail', currency: 'kwd', amount: 20_000 })
  const metadata = { payment_id: paymentId, operation_id: refundId }
  await simulator.post('/v1/refunds', { payment_intent: refunded, amount: 4_000, metadata })
  await paid(simulator, { payment_method: 'pm_card_createDispute', amount: 2_000 })
  clock.advance(5_000)
  const [dispute] = (await simulator.get('/v1/disputes')).json['data'] as { id: string }[]
  await control(simulator, 'POST', `/stripe/disputes/${dispute?.id ?? ''}`, { decision: 'won' })
}

const columns = [
  ...['balance_transaction_id', 'created', 'created_utc', 'available_on', 'currency', 'gross', 'fee', 'net'],
  ...['reporting_category', 'source_id', 'charge_id', 'payment_intent_id', 'automatic_payout_id'],
  ...['customer_facing_amount', 'customer_facing_currency', 'automatic_payout_effective_at_utc', 'description'],
  ...['payment_metadata[payment_id]', 'payment_metadata[operation_id]', 'refund_metadata[operation_id]'],
]

describe("the simulated Stripe's reports", () => {
  it('are, row for row, what its ledger holds: each movement, in each currency, in its payout', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const start = clock.now() / 1000
    await stripeHistory(simulator, clock)
    const until = await endDay(simulator)
    const asked = { interval_start: start, interval_end: until, columns, timezone: 'Asia/Kolkata' }
    const { text } = await stripeReport(simulator, clock, 'balance_change_from_activity.itemized.6', asked)
    const settings = { timeZone: 'Asia/Kolkata', bytes: Buffer.byteLength(text) }
    const { rows, summary } = await readAll('stripe_balance_change', text, settings)

    const { stripe } = await ledgersOf(simulator)
    const movements = [...stripe.settled(stripe.dayCount)]
    expect(rows.map(factsOf)).toEqual(movements.map(stripeFacts))
    expect(new Set(movements.map(({ category }) => category))).toEqual(new Set(Object.keys(stripeKinds)))
    expect(rows.find(({ kind }) => kind === 'refunded')?.references).toMatchObject({
      operation: refundId,
      payment: paymentId,
    })
    expect(rows[0]?.references).toMatchObject({ operation: attemptId, payment: paymentId })
    expect(summary.repeatedLines).toBe(0)
    expect(rows.filter(({ kind }) => kind === 'unknown')).toEqual([])

    clock.advance(1_000)
    const later = { interval_start: start, interval_end: await endDay(simulator) }
    const paidOut = await stripeReport(simulator, clock, 'payout_reconciliation.itemized.7', later)
    const payouts = await readAll('stripe_payout_reconciliation', paidOut.text, { timeZone: 'Etc/UTC' })
    const of = (each: { reference: string; currency: string; net: bigint | null; at: number | null }): unknown[] => [
      each.reference,
      each.currency,
      each.net,
      each.at,
    ]
    const told = [...(await ledgersOf(simulator)).stripe.payouts()].map(({ id, currency, amount, at }) =>
      of({
        reference: id,
        currency: currency.toUpperCase(),
        net: ours('stripe', amount, currency),
        at: at * 1000,
      }),
    )
    expect(new Set(payouts.summary.payouts.map(of))).toEqual(new Set(told))
    expect(told.length).toBeGreaterThan(6)
  })

  it('with all the columns that Stripe documents are read as well, and refused in the wrong time zone', async () => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const interval_start = clock.now() / 1000
    await paid(simulator, { description: '=1+1, "quoted"\r\nnext line; ä' })
    const asked = { interval_start, interval_end: await endDay(simulator) }
    for (const version of [3, 6]) {
      const { text } = await stripeReport(simulator, clock, `balance_change_from_activity.itemized.${version}`, asked)
      const { rows } = await readAll('stripe_balance_change', text, { timeZone: 'Etc/UTC' })
      expect(rows.map(({ kind, line }) => [kind, line])).toEqual([['settled', 2]])
      const refused = await refusalOf('stripe_balance_change', text, { timeZone: 'America/New_York' })
      expect(refused?.code).toBe('time_zone')
    }
  })
})

/** Everything that moves money, in currencies of which Adyen counts some in other units than ISO. */
async function adyenHistory(adyen: TestAdyen, clock: VirtualClock): Promise<void> {
  const take = async (fields: object = {}, token?: string): Promise<string> => {
    const { json, text } = await adyen.call('/payments', payment({ additionalData: {}, ...fields }, token))
    if (json['resultCode'] !== 'Authorised') throw new Error(text)
    return String(json['pspReference'])
  }
  // of ISK and CLP such that the fees are whole: Adyen counts in hundredths that ISO does not have
  const amounts = { EUR: 12_345, JPY: 1_050, KWD: 12_345, ISK: 2_000_000, CLP: 2_000_000, IDR: 50_000, USD: 99 }
  for (const [currency, value] of Object.entries(amounts)) await take({ amount: { currency, value } })
  const captured = await take({ additionalData: { manualCapture: 'true' } })
  await adyen.call(`/payments/${captured}/captures`, modification('cap_0123456789abcdefghjkmnpqr0_1', 600))
  clock.advance(20)
  const refunded = await take()
  const { json } = await adyen.call(`/payments/${refunded}/refunds`, modification(refundId, 300))
  clock.advance(20)
  await adyen.control(`/modifications/${String(json['pspReference'])}/take-back`, { how: 'reversed' })
  const reversed = await take({ amount: { currency: 'EUR', value: 500 } })
  await adyen.call(`/payments/${reversed}/reversals`, { merchantAccount })
  await take({}, 'tok_capture_fail')
  const disputed = await take()
  clock.advance(3_000)
  const dispute = (await adyen.control(`/payments/${disputed}/dispute`, {})).json['psp_reference']
  clock.advance(20)
  for (const outcome of ['won', 'lost']) await adyen.control(`/disputes/${String(dispute)}`, { outcome })
}

const adyenKinds: Readonly<Record<string, LineKind>> = {
  Settled: 'settled',
  SettledReversed: 'settled_reversed',
  Refunded: 'refunded',
  RefundedReversed: 'refund_reversed',
  Chargeback: 'chargeback',
  ChargebackReversed: 'chargeback_reversed',
  SecondChargeback: 'second_chargeback',
}

function adyenFacts({ record, movements }: ClosedBatch, pricing: AdyenPricing): readonly Facts[] {
  return movements.map((movement): Facts => {
    const { type, payment: of, reference, gross, createdAt } = movement
    const fees = feesOf(movement, pricing)
    const minor = (amount: number): bigint => ours('adyen', amount, of.currency)
    return {
      lineKey: `${type}|${of.id}|${reference}|${record.number}`,
      kind: adyenKinds[type],
      currency: of.currency,
      gross: minor(gross),
      fee: minor(totalOf(fees)),
      net: minor(gross - totalOf(fees)),
      operation: reference,
      charge: null,
      payment: of.id,
      bookedAt: Math.floor(createdAt / 1000) * 1000,
      payout: null,
    }
  })
}

describe("the simulated Adyen's settlement details", () => {
  it.each([
    ['blended', 'Europe/Amsterdam'],
    ['interchange++', 'America/Los_Angeles'],
  ] as const)('are, row for row, what its ledger holds, priced %s, of an account in %s', async (fees, timeZone) => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock, adyen: { fees, timeZone } })
    await adyenHistory(adyen, clock)
    await closeBatches(adyen)
    // the second batch owes more than it has, the third takes that over
    const refunds = (await adyen.told()).filter(({ eventCode }) => eventCode === 'AUTHORISATION')
    await adyen.call(`/payments/${refunds[0]?.pspReference ?? ''}/refunds`, modification('ref_9', 5_000))
    clock.advance(20)
    await closeBatches(adyen)
    await adyen.call('/payments', payment({ additionalData: {} }))
    clock.advance(3_000)
    await closeBatches(adyen)

    const { adyen: ledger } = await ledgersOf(adyen)
    const batches = [...ledger.batches()]
    expect(batches.length).toBe(3)
    for (const batch of batches) {
      const { number, balances } = batch.record
      const file = `settlement_detail_report_batch_${number}.csv`
      const { text } = await adyenReport(adyen, { merchant_account: merchantAccount, number, file })
      const settings = { timeZone, accounts: [merchantAccount] }
      const { rows, summary } = await readAll('adyen_settlement_details', text, settings)
      const moved = rows.filter(({ kind }) => kind !== 'payout' && kind !== 'carried_over')
      expect(moved.map(factsOf)).toEqual(adyenFacts(batch, fees))
      expect(summary).toMatchObject({ batch: number, account: merchantAccount, repeatedLines: 0 })
      const sum = (kind: LineKind, currency: string): bigint =>
        rows
          .filter((row) => row.kind === kind && row.net.currency === currency)
          .reduce((total, { net }) => total + net.minor, 0n)
      for (const { currency, owedBefore, paidOut, owedAfter } of balances) {
        expect(-sum('payout', currency)).toBe(ours('adyen', paidOut, currency))
        expect(sum('carried_over', currency)).toBe(ours('adyen', owedAfter - owedBefore, currency))
      }
    }
    expect(new Set(batches.flatMap(({ movements }) => movements.map(({ type }) => type)))).toEqual(
      new Set(Object.keys(adyenKinds)),
    )
    expect(batches.flatMap(({ record }) => record.balances).some(({ owedBefore }) => owedBefore > 0)).toBe(true)
  })
})

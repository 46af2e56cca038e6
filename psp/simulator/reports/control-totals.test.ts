/**
 * What reports say in all, against what the book and the API say: for random histories from a seed, several days and batches
 * of them. The book tells which captures and refunds took effect; failures and disputes are told by the API.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { seededRandom } from '../../../runtime/random.ts'
import { merchantAccount, payment, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'
import {
  adyenReport,
  closeBatches,
  control,
  endDay,
  type Row,
  stripeReport,
  sumOf,
} from '../../../test/support/reports.ts'
import { confirmed, type TestSimulator, testSimulator } from '../../../test/support/simulator.ts'
import type { BookLine } from '../book.ts'
import { decimalsOf, toDecimal } from './decimals.ts'

const seeds = [1, 2, 3, 4, 5, 6]
const steps = 40
const currencies = ['eur', 'jpy', 'bhd']

type Draw = { from<Item>(items: readonly Item[]): Item; upTo(max: number): number }

function drawer(seed: number): Draw {
  const random = seededRandom(seed)
  const upTo = (max: number): number => 1 + Math.floor(random.float() * max)
  return {
    upTo,
    from: (items) => items[upTo(items.length) - 1] ?? fail(),
  }
}

function fail(): never {
  throw new Error('there is something to draw from')
}

/** Sums of the book's effects by operation and currency, as {@link sumOf} counts. */
async function effects(simulator: TestSimulator, psp: 'stripe' | 'adyen'): Promise<Map<string, bigint>> {
  const sums = new Map<string, bigint>()
  for (const { effect, operation, currency, amount } of await simulator.book()) {
    if (!effect || currency === null) continue
    const name = `${operation} ${currency}`
    sums.set(name, (sums.get(name) ?? 0n) + sumOf([toDecimal(amount ?? 0, decimalsOf(psp, currency))]))
  }
  return sums
}

async function stripeHistory(simulator: TestSimulator, clock: VirtualClock, draw: Draw): Promise<void> {
  const intents: string[] = []
  for (let step = 0; step < steps; step += 1) {
    clock.advance(draw.upTo(4 * 3_600_000))
    const kind = draw.from(['pay', 'pay', 'pay', 'capture', 'refund', 'refund', 'dispute', 'day'])
    const intent = intents.length === 0 ? 'none' : draw.from(intents)
    const amount = draw.upTo(9_000) * 10
    if (kind === 'pay') {
      const fields = {
        amount,
        currency: draw.from(currencies),
        capture_method: draw.from(['automatic', 'automatic_async', 'manual']),
        payment_method: draw.from([
          'pm_card_visa',
          'pm_card_refundFail',
          'pm_card_createDispute',
          'pm_card_chargeDeclined',
        ]),
      }
      const { status, json } = await simulator.post('/v1/payment_intents', confirmed(fields))
      if (status === 200) intents.push(String(json['id']))
    } else if (kind === 'capture') {
      await simulator.post(`/v1/payment_intents/${intent}/capture`, { amount_to_capture: amount })
    } else if (kind === 'refund') {
      await simulator.post('/v1/refunds', { payment_intent: intent, amount: draw.upTo(500) * 10 })
    } else if (kind === 'day') await endDay(simulator)
    else {
      const disputes = (await simulator.get('/v1/disputes')).json['data'] as { id: string }[]
      const [dispute] = disputes
      if (dispute === undefined) await control(simulator, 'POST', `/stripe/payment_intents/${intent}/dispute`, {})
      else await control(simulator, 'POST', `/stripe/disputes/${dispute.id}`, { decision: draw.from(['won', 'lost']) })
    }
  }
  clock.advance(10_000)
}

describe("Stripe's reports", () => {
  it.each(seeds)('of the history of seed %i have in all what its book has', async (seed) => {
    const clock = new VirtualClock()
    const simulator = await testSimulator({ clock })
    const start = clock.now() / 1000
    await stripeHistory(simulator, clock, drawer(seed))
    const until = await endDay(simulator)
    const asked = { interval_start: start, interval_end: until }
    const { rows } = await stripeReport(simulator, clock, 'balance_change_from_activity.itemized.6', asked)
    const book = await effects(simulator, 'stripe')
    const failed = (await listed(simulator, '/v1/refunds')).filter(({ status }) => status === 'failed')
    const taken = (await listed(simulator, '/v1/disputes')).flatMap(({ balance_transactions: moved = [], currency }) =>
      moved.map(({ amount }) => ({ amount, currency })),
    )
    for (const currency of currencies) {
      const of = (...categories: string[]): bigint =>
        sumOf(
          grossOf(
            rows.filter((row) => row['currency'] === currency && categories.includes(row['reporting_category'] ?? '')),
          ),
        )
      const inMinor = (items: readonly { amount: number; currency: string }[]): bigint =>
        sumOf(
          items
            .filter((item) => item.currency === currency)
            .map((item) => toDecimal(item.amount, decimalsOf('stripe', currency))),
        )
      expect(of('charge', 'partial_capture_reversal')).toBe(book.get(`capture ${currency}`) ?? 0n)
      expect(of('refund')).toBe(-(book.get(`refund ${currency}`) ?? 0n))
      expect(of('refund_failure')).toBe(inMinor(failed))
      expect(of('dispute', 'dispute_reversal')).toBe(inMinor(taken))
    }
    for (const row of rows) expect(sumOf([row['net'], row['fee']])).toBe(sumOf([row['gross']]))
    expect(new Set(rows.map((row) => row['balance_transaction_id'])).size).toBe(rows.length)

    clock.advance(1_000)
    const whole = { ...asked, interval_end: await endDay(simulator) }
    const paidOut = await stripeReport(simulator, clock, 'payout_reconciliation.itemized.7', whole)
    const members = Map.groupBy(paidOut.rows, (row) => row['automatic_payout_id'])
    const nets = [...members].map(([id, of]) => [id, sumOf(of.map(({ net }) => net))])
    expect(new Map(nets as [string, bigint][])).toEqual(await payouts(simulator))
    expect(rows.length).toBeGreaterThan(5)
  })
})

/** What the book says was paid out, by payout. */
async function payouts(simulator: TestSimulator): Promise<Map<string, bigint>> {
  const lines = (await readFile(join(simulator.directory, 'book.jsonl'), 'utf8')).trimEnd().split('\n')
  const facts = lines
    .flatMap((line) => (JSON.parse(line) as BookLine).records)
    .flatMap((record) => (record.kind === 'closed_day' ? record.payouts : []))
  return new Map(
    facts.map(({ id, currency, amount }) => [id, sumOf([toDecimal(amount, decimalsOf('stripe', currency))])]),
  )
}

function grossOf(rows: readonly Row[]): (string | undefined)[] {
  return rows.map(({ gross }) => gross)
}

interface Listed {
  readonly amount: number
  readonly currency: string
  readonly status: string
  readonly balance_transactions?: readonly { readonly amount: number }[]
}

async function listed(simulator: TestSimulator, path: string): Promise<readonly Listed[]> {
  return (await simulator.get(`${path}?limit=100`)).json['data'] as Listed[]
}

async function adyenHistory(adyen: TestAdyen, clock: VirtualClock, draw: Draw): Promise<void> {
  const payments: { psp: string; currency: string }[] = []
  for (let step = 0; step < steps; step += 1) {
    clock.advance(draw.upTo(4 * 3_600_000))
    const kind = draw.from(['pay', 'pay', 'pay', 'captures', 'refunds', 'refunds', 'reversals', 'batch'])
    const { psp, currency } = payments.length === 0 ? { psp: '', currency: 'EUR' } : draw.from(payments)
    if (kind === 'pay') {
      const fields = {
        amount: { currency: draw.from(currencies).toUpperCase(), value: draw.upTo(90_000) },
        additionalData: draw.from([{}, { manualCapture: 'true' }]),
      }
      const token = draw.from(['tok_visa', 'tok_dispute', 'tok_capture_fail', 'tok_refund_fail', 'tok_visa_DECLINED'])
      const { json } = await adyen.call('/payments', payment(fields, token))
      payments.push({ psp: String(json['pspReference']), currency: fields.amount.currency })
    } else if (kind === 'batch') await closeBatches(adyen)
    else if (kind === 'reversals') await adyen.call(`/payments/${psp}/reversals`, { merchantAccount })
    else {
      const amount = { currency, value: draw.upTo(5_000) }
      await adyen.call(`/payments/${psp}/${kind}`, { merchantAccount, amount })
    }
  }
  clock.advance(10_000)
}

describe("Adyen's reports", () => {
  it.each(seeds)('of the history of seed %i have in all what its book has, and each batch balances', async (seed) => {
    const clock = new VirtualClock()
    const adyen = await testAdyen({ clock, adyen: { fees: seed % 2 === 0 ? 'blended' : 'interchange++' } })
    await adyenHistory(adyen, clock, drawer(seed))
    await closeBatches(adyen)
    const told = await adyen.told()
    const files = told
      .filter(({ eventCode }) => eventCode === 'REPORT_AVAILABLE')
      .map(({ pspReference }) => pspReference)
    expect(files).toEqual(files.map((_, index) => `settlement_detail_report_batch_${index + 1}.csv`))
    const rows: Row[] = []
    for (const file of files) {
      const batch = await adyenReport(adyen, { merchant_account: merchantAccount, number: 0, file })
      for (const currency of currencies) {
        const of = batch.rows.filter((row) => row['Net Currency'] === currency.toUpperCase())
        const [debit, credit] = ['Net Debit (NC)', 'Net Credit (NC)'].map((name) => sumOf(of.map((row) => row[name])))
        expect(debit).toBe(credit)
      }
      rows.push(...batch.rows)
    }
    const book = await effects(adyen, 'adyen')
    const toldSum = (code: string, currency: string): bigint =>
      sumOf(
        told
          .filter(
            ({ eventCode, amount, success }) =>
              eventCode === code && amount.currency === currency && success === 'true',
          )
          .map(({ amount }) => toDecimal(amount.value, decimalsOf('adyen', currency))),
      )
    for (const currency of currencies) {
      const upper = currency.toUpperCase()
      const of = (type: string): bigint => {
        const lines = rows.filter((row) => row['Type'] === type && row['Gross Currency'] === upper)
        return sumOf(lines.flatMap((row) => [row['Gross Debit (GC)'], row['Gross Credit (GC)']]))
      }
      expect(of('Settled')).toBe(book.get(`capture ${currency}`) ?? 0n)
      expect(of('Refunded')).toBe(book.get(`refund ${currency}`) ?? 0n)
      expect(of('SettledReversed')).toBe(toldSum('CAPTURE_FAILED', upper))
      expect(of('RefundedReversed')).toBe(toldSum('REFUND_FAILED', upper))
      expect(of('Chargeback')).toBe(toldSum('CHARGEBACK', upper))
    }
    const keys = rows
      .filter((row) => row['Psp Reference'] !== '')
      .map((row) => `${row['Type']} ${row['Modification Reference']}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.length).toBeGreaterThan(5)
  })
})

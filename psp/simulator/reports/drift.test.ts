/** What is wrong with reports on demand: each kind by itself, and what the list of it says. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { payment, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'
import {
  adyenReport,
  closeBatches,
  control,
  endDay,
  type Report,
  type Row,
  stripeReport,
} from '../../../test/support/reports.ts'
import { confirmed } from '../../../test/support/simulator.ts'
import { type DriftKind, driftKinds, type InjectedDrift } from './drift.ts'

const activity = 'balance_change_from_activity.itemized.3'

interface Rig {
  readonly adyen: TestAdyen
  readonly clock: VirtualClock
  readonly until: number
}

/** Ten payments at each PSP. */
async function rig(): Promise<Rig> {
  const clock = new VirtualClock()
  const adyen = await testAdyen({ clock })
  for (let count = 1; count <= 10; count += 1) {
    const metadata = { payment_id: `pay_${count}` }
    await adyen.post('/v1/payment_intents', confirmed({ capture_method: 'automatic', amount: count * 1_000, metadata }))
    await adyen.call('/payments', payment({ amount: { currency: 'EUR', value: count * 1_000 }, additionalData: {} }))
  }
  return { adyen, clock, until: await endDay(adyen) }
}

async function stripe({ adyen, clock, until }: Rig): Promise<Report> {
  const interval = { interval_start: until - 60, interval_end: until }
  const columns = ['balance_transaction_id', 'created_utc', 'currency', 'gross', 'fee', 'net']
  const references = ['source_id', 'charge_id', 'payment_intent_id', 'payment_metadata[payment_id]']
  return stripeReport(adyen, clock, activity, { ...interval, columns: [...columns, ...references] })
}

async function injected({ adyen }: Rig): Promise<readonly InjectedDrift[]> {
  return (await control(adyen, 'GET', '/reports/drift')).json['injected'] as InjectedDrift[]
}

async function driftBy(of: Rig, kind: DriftKind, psp: 'stripe' | 'adyen'): Promise<void> {
  const { status } = await control(of.adyen, 'POST', '/reports/drift', { seed: 7, rules: [{ kind, psp, times: 1 }] })
  expect(status).toBe(200)
}

/** Names of the columns in which the first lines differ. */
function differences(right: Row | undefined, wrong: Row | undefined): string[] {
  return Object.keys(right ?? {}).filter((column) => right?.[column] !== wrong?.[column])
}

describe('drift', () => {
  it.each<[DriftKind, number, string[]]>([
    ['amount', 10, ['gross', 'net']],
    ['fee', 10, ['fee', 'net']],
    ['currency', 10, ['currency']],
    ['date_boundary', 10, ['created_utc']],
    ['wrong_reference', 10, ['source_id', 'charge_id', 'payment_intent_id']],
    ['doubled', 11, []],
    ['extra', 11, []],
  ])("of kind %s is in one line of Stripe's report, and in the list", async (kind, count, columns) => {
    const of = await rig()
    const right = await stripe(of)
    await driftBy(of, kind, 'stripe')
    const wrong = await stripe(of)
    expect(wrong.rows).toHaveLength(count)
    expect(differences(right.rows[0], wrong.rows[0])).toEqual(columns)
    expect(wrong.rows.slice(count - 9)).toEqual(right.rows.slice(1))
    const [told, ...others] = await injected(of)
    expect(others).toEqual([])
    expect(told).toMatchObject({
      kind,
      psp: 'stripe',
      line: right.rows[0]?.['balance_transaction_id'],
      right: { gross: 1_000 },
    })
    if (kind === 'doubled') expect(wrong.rows[1]).toEqual(right.rows[0])
    if (kind !== 'extra') return
    expect(right.rows.map((row) => row['source_id'])).not.toContain(wrong.rows[1]?.['source_id'])
    expect(wrong.rows[1]).toMatchObject({ gross: '10.00', 'payment_metadata[payment_id]': '' })
  })

  it.each<[DriftKind, number, string[]]>([
    ['amount', 11, ['Gross Credit (GC)', 'Net Credit (NC)']],
    ['fee', 11, ['Net Credit (NC)', 'Commission (NC)']],
    ['currency', 11, ['Gross Currency', 'Net Currency']],
    ['date_boundary', 11, ['Creation Date']],
    ['wrong_reference', 11, ['Psp Reference', 'Modification Reference']],
    ['doubled', 12, []],
    ['extra', 12, []],
    ['missing', 10, []],
  ])("of kind %s is in one line of Adyen's report, and not in what it pays out", async (kind, count, columns) => {
    const of = await rig()
    const other = await rig()
    await driftBy(of, kind, 'adyen')
    const [right, wrong] = await Promise.all(
      [other, of].map(async ({ adyen }) => {
        const [batch] = await closeBatches(adyen)
        return batch === undefined ? undefined : adyenReport(adyen, batch)
      }),
    )
    expect(wrong?.rows).toHaveLength(count)
    if (kind !== 'missing') expect(differences(right?.rows[0], wrong?.rows[0])).toEqual(columns)
    expect(wrong?.rows.slice(count - 10)).toEqual(right?.rows.slice(1))
    expect(await injected(of)).toMatchObject([{ kind, psp: 'adyen', right: { gross: 1_000, currency: 'EUR' } }])
  })

  it('is the same in every report that shows the line, stays in a report that was made, and ends with its rules', async () => {
    const of = await rig()
    const rules = driftKinds.map((kind) => ({ kind, probability: 0.2 }))
    await control(of.adyen, 'POST', '/reports/drift', { seed: 3, rules })
    const [first, second] = [await stripe(of), await stripe(of)]
    expect(first.text).toBe(second.text)
    const told = await injected(of)
    expect(told.length).toBeGreaterThan(2)
    expect((await control(of.adyen, 'DELETE', '/reports/drift')).json).toEqual({ seed: 1, rules: [] })
    const clean = await stripe(of)
    expect(clean.rows.map((row) => row['gross'])).toEqual([...Array(10).keys()].map((index) => `${index + 1}0.00`))
    expect(await injected(of)).toEqual(told)
    await of.adyen.close()
    const again = await testAdyen({ clock: of.clock, directory: of.adyen.directory })
    expect(await injected({ ...of, adyen: again })).toEqual(told)
  })

  it.each([
    [{}],
    [{ rules: [{ kind: 'nope' }] }],
    [{ rules: [{ kind: 'fee', probability: 2 }] }],
    [{ rules: [], seed: -1 }],
  ])('of %j is refused, and the rules stay as they are', async (body) => {
    const adyen = await testAdyen()
    await control(adyen, 'POST', '/reports/drift', { rules: [{ kind: 'fee' }] })
    expect((await control(adyen, 'POST', '/reports/drift', body)).status).toBe(400)
    expect((await control(adyen, 'GET', '/reports/drift')).json).toEqual({
      seed: 1,
      rules: [{ kind: 'fee' }],
      injected: [],
    })
  })
})

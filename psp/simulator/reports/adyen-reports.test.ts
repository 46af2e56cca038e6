/** Adyen's settlement details report as a merchant gets it: batches, lines, how the file is told of and fetched. */
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../runtime/clock.ts'
import { problemsOfAdyenNotification } from '../../../test/support/adyen-contract.ts'
import {
  attemptId,
  merchantAccount,
  modification,
  payment,
  type TestAdyen,
  testAdyen,
} from '../../../test/support/adyen-simulator.ts'
import { adyenReport, closeBatches, type Row } from '../../../test/support/reports.ts'
import type { AdyenSettings } from '../adyen/execution.ts'
import columnsOfReports from './columns.json' with { type: 'json' }

const dayMs = 24 * 3_600_000
const automatic = { additionalData: {} }

async function rig(settings: Partial<AdyenSettings> = {}): Promise<{ adyen: TestAdyen; clock: VirtualClock }> {
  const clock = new VirtualClock()
  return { adyen: await testAdyen({ clock, adyen: settings }), clock }
}

async function paid(adyen: TestAdyen, fields: object = {}, token?: string): Promise<string> {
  const { json, text } = await adyen.call('/payments', payment({ ...automatic, ...fields }, token))
  if (json['resultCode'] !== 'Authorised') throw new Error(text)
  return String(json['pspReference'])
}

async function modified(adyen: TestAdyen, clock: VirtualClock, path: string, value: number): Promise<string> {
  const { json } = await adyen.call(path, modification('ref_1', value))
  clock.advance(20)
  return String(json['pspReference'])
}

function money(rows: readonly Row[]): unknown[] {
  const columns = ['Gross Debit (GC)', 'Gross Credit (GC)', 'Net Debit (NC)', 'Net Credit (NC)', 'Commission (NC)']
  return rows.map((row) => [row['Type'], ...columns.map((column) => row[column])])
}

describe("Adyen's settlement details report", () => {
  it('has the 30 standard columns, the payment and the modification on each line, and the payout last', async () => {
    const { adyen, clock } = await rig()
    const psp = await paid(adyen, { additionalData: { manualCapture: 'true' } })
    const capture = await modified(adyen, clock, `/payments/${psp}/captures`, 600)
    clock.advance(30_000)
    const [batch] = await closeBatches(adyen)
    expect(batch).toMatchObject({
      number: 1,
      merchant_account: merchantAccount,
      file: 'settlement_detail_report_batch_1.csv',
    })
    const { columns, text } = await adyenReport(adyen, batch ?? never())
    expect(columns).toEqual(columnsOfReports.adyen.settlement_detail_report.columns)
    expect(columns).toHaveLength(30)
    const [, settled, payout] = text.split('\r\n')
    expect(settled).toBe(
      `ShardpaySimulator,ShardpayTest,${psp},${attemptId},visa,2026-01-01 01:00:00,CET,Settled,${capture},EUR,,6.00,1,EUR,,5.86,0.14,,,,visaclassic,ref_1,1,,,,,,,`,
    )
    expect(payout).toMatch(
      /^ShardpaySimulator,ShardpayTest,,,,2026-01-01 01:00:30,CET,MerchantPayout,"TX[0-9A-Z]{16}XT batch 1, ShardpayTest",,,,,EUR,5\.86,,,,,,,,1,,,,,,,$/,
    )
  })

  it('lists what comes later: refunds that return, captures that fail, chargebacks won and lost after all', async () => {
    const { adyen, clock } = await rig()
    const refunded = await paid(adyen)
    const refund = await modified(adyen, clock, `/payments/${refunded}/refunds`, 300)
    await adyen.control(`/modifications/${refund}/take-back`, { how: 'reversed' })
    const reversed = await paid(adyen, { amount: { currency: 'EUR', value: 500 } })
    await adyen.call(`/payments/${reversed}/reversals`, { merchantAccount })
    await paid(adyen, {}, 'tok_capture_fail')
    const disputed = await paid(adyen)
    clock.advance(3_000)
    const dispute = (await adyen.control(`/payments/${disputed}/dispute`, {})).json['psp_reference']
    clock.advance(20)
    for (const outcome of ['won', 'lost']) await adyen.control(`/disputes/${String(dispute)}`, { outcome })
    const [batch] = await closeBatches(adyen)
    const { rows } = await adyenReport(adyen, batch ?? never())
    expect(money(rows)).toEqual([
      ['Settled', '', '10.00', '', '9.76', '0.24'],
      ['Refunded', '3.00', '', '3.00', '', ''],
      ['RefundedReversed', '', '3.00', '', '3.00', ''],
      ['Settled', '', '5.00', '', '4.88', '0.12'],
      ['Settled', '', '10.00', '', '9.76', '0.24'],
      ['Settled', '', '10.00', '', '9.76', '0.24'],
      ['Refunded', '5.00', '', '5.00', '', ''],
      ['SettledReversed', '10.00', '', '10.00', '', ''],
      ['Chargeback', '10.00', '', '17.50', '', '7.50'],
      ['ChargebackReversed', '', '10.00', '', '10.00', ''],
      ['SecondChargeback', '10.00', '', '10.00', '', ''],
      ['MerchantPayout', '', '', '1.66', '', ''],
    ])
    expect(rows[8]).toMatchObject({ 'Psp Reference': disputed, 'Modification Reference': dispute })
  })

  it('is one a day; batches have no gap, and a balance below zero is the next batch’s to take over', async () => {
    const { adyen, clock } = await rig()
    const first = await paid(adyen)
    const other = { merchantAccount: 'Other Shop, Ltd' }
    await paid(adyen, other)
    clock.advance(dayMs)
    await modified(adyen, clock, `/payments/${first}/refunds`, 1000)
    clock.advance(2 * dayMs)
    await paid(adyen, { amount: { currency: 'EUR', value: 2_000 } })
    clock.advance(dayMs)
    const told = (await adyen.told()).filter(({ eventCode }) => eventCode === 'REPORT_AVAILABLE')
    for (const notification of told) expect(problemsOfAdyenNotification(notification)).toEqual([])
    expect(told.map((each) => [each.merchantAccountCode, each.pspReference, each.eventDate])).toEqual([
      [merchantAccount, 'settlement_detail_report_batch_1.csv', '2026-01-02T00:00:00+00:00'],
      ['Other Shop, Ltd', 'settlement_detail_report_batch_1.csv', '2026-01-02T00:00:00+00:00'],
      [merchantAccount, 'settlement_detail_report_batch_2.csv', '2026-01-03T00:00:00+00:00'],
      [merchantAccount, 'settlement_detail_report_batch_3.csv', '2026-01-05T00:00:00+00:00'],
    ])
    const files = [1, 2, 3].map((number) => ({
      merchant_account: merchantAccount,
      number,
      file: `settlement_detail_report_batch_${number}.csv`,
    }))
    const reports = await Promise.all(files.map((file) => adyenReport(adyen, file)))
    expect(
      reports.map(({ rows }) => rows.map((row) => `${row['Type']} ${row['Net Debit (NC)']}/${row['Net Credit (NC)']}`)),
    ).toEqual([
      ['Settled /9.76', 'MerchantPayout 9.76/'],
      ['Refunded 10.00/', 'Balancetransfer /10.00'],
      ['Balancetransfer 10.00/', 'Settled /19.52', 'MerchantPayout 9.52/'],
    ])
    expect(reports.map(({ rows }) => new Set(rows.map((row) => row['Batch Number'])))).toEqual(
      ['1', '2', '3'].map((number) => new Set([number])),
    )
    const url = told[1]?.reason ?? ''
    const basic = `Basic ${Buffer.from('report@Company.Shop:secret').toString('base64')}`
    expect((await fetch(url, { headers: { authorization: basic } })).status).toBe(200)
    expect((await fetch(url)).status).toBe(401)
    expect((await fetch(url, { headers: { 'x-api-key': 'wrong' } })).status).toBe(401)
    expect((await fetch(url.replace('batch_1', 'batch_2'), { headers: { 'x-api-key': 'a' } })).status).toBe(404)
  })

  it('tells the parts of the fee where the account is charged interchange++, and summer time by its name', async () => {
    const { adyen, clock } = await rig({ fees: 'interchange++' })
    clock.advance(Date.UTC(2026, 6, 1, 12) - clock.now())
    await paid(adyen)
    const [batch] = await closeBatches(adyen)
    const { rows } = await adyenReport(adyen, batch ?? never())
    expect(rows[0]).toMatchObject({
      'Creation Date': '2026-07-01 14:00:00',
      TimeZone: 'CEST',
      'Net Credit (NC)': '9.83',
      'Commission (NC)': '',
      'Markup (NC)': '0.06',
      'Scheme Fees (NC)': '0.02',
      'Interchange (NC)': '0.09',
    })
  })

  it('has yen without decimals and dinars with three, each currency with its own payout', async () => {
    const { adyen } = await rig()
    await paid(adyen, { amount: { currency: 'JPY', value: 1_000 } })
    await paid(adyen, { amount: { currency: 'BHD', value: 12_345 } })
    const [batch] = await closeBatches(adyen)
    const { rows } = await adyenReport(adyen, batch ?? never())
    expect(rows.map((row) => [row['Net Currency'], row['Net Debit (NC)'], row['Net Credit (NC)']])).toEqual([
      ['JPY', '', '976'],
      ['BHD', '', '12.049'],
      ['JPY', '976', ''],
      ['BHD', '12.049', ''],
    ])
  })

  it('is the same after a restart, and a day that ended meanwhile is ended', async () => {
    const { adyen, clock } = await rig()
    await paid(adyen)
    const [batch] = await closeBatches(adyen)
    const before = await adyenReport(adyen, batch ?? never())
    await paid(adyen)
    await adyen.close()
    clock.advance(dayMs + 5)
    const again = await testAdyen({
      clock,
      directory: adyen.directory,
      adyen: { fees: 'interchange++', timeZone: 'Etc/UTC' },
    })
    expect((await adyenReport(again, batch ?? never())).text).toBe(before.text)
    const told = (await again.told()).filter(({ eventCode }) => eventCode === 'REPORT_AVAILABLE')
    expect(told.map(({ pspReference }) => pspReference)).toEqual(
      [1, 2].map((n) => `settlement_detail_report_batch_${n}.csv`),
    )
    expect(await closeBatches(again)).toEqual([])
  })
})

function never(): never {
  throw new Error('there is a batch')
}

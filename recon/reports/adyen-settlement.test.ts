import { describe, expect, it } from 'vitest'
import { refusalOf, readAll, reportFixture } from '../../test/support/report-reading.ts'
import type { ReportRow } from './row.ts'

const settings = { timeZone: 'Europe/Amsterdam', accounts: ['TestMerchant'] }
const file = reportFixture('adyen-settlement-details.csv').toString()
const format = 'adyen_settlement_details'

const columns = (file.split('\n')[0] ?? '').split(',')

/** The file, in which a cell of a line is another. @param line from 1 */
function withCell(line: number, column: string, cell: string): string {
  const place = columns.indexOf(column)
  if (place === -1) throw new Error(`there is no column ${column}`)
  return file
    .split('\n')
    .map((text, index) => {
      if (index !== line - 1) return text
      const cells: string[] = text.match(/"[^"]*"|[^,]+|(?<=,|^)(?=,|$)/g) ?? []
      return cells.with(place, cell).join(',')
    })
    .join('\n')
}

function money({ gross, fees, net }: ReportRow): string {
  return `${gross.minor} ${gross.currency} − ${fees.total} = ${net.minor} ${net.currency}`
}

describe("Adyen's settlement details report", () => {
  it('has each line as what it is, in our minor units, whatever Adyen counts in', async () => {
    const { rows } = await readAll(format, file, settings)
    expect(rows.map((row) => [row.kind, row.rawType, money(row)])).toEqual([
      ['carried_over', 'Balancetransfer', '-1200 EUR − 0 = -1200 EUR'],
      ['settled', 'Settled', '500 GBP − 12 = 488 GBP'],
      ['chargeback', 'Chargeback', '-34999 EUR − 750 = -35749 EUR'],
      ['settled', 'Settled', '100000 EUR − 2400 = 97600 EUR'],
      ['refunded', 'Refunded', '-300 EUR − 0 = -300 EUR'],
      ['refund_reversed', 'RefundedReversed', '300 EUR − 0 = 300 EUR'],
      ['settled', 'Settled', '12345 JPY − 150 = 7409 EUR'],
      ['settled', 'Settled', '500 ISK − 10 = 490 ISK'],
      ['settled', 'Settled', '5000000 IDR − 100000 = 4900000 IDR'],
      ['fee', 'PaymentCost', '175 EUR − 0 = 175 EUR'],
      ['fee', 'Fee', '-900 EUR − 0 = -900 EUR'],
      ['fee', 'Fee', '-100 EUR − 0 = -100 EUR'],
      ['reserve_taken', 'DepositCorrection', '-5000 EUR − 0 = -5000 EUR'],
      ['unknown', 'ImprovedFunds', '65 EUR − 0 = 65 EUR'],
      ['payout', 'MerchantPayout', '-62300 EUR − 0 = -62300 EUR'],
      ['payout', 'MerchantPayout', '-488 GBP − 0 = -488 GBP'],
      ['payout', 'MerchantPayout', '-490 ISK − 0 = -490 ISK'],
      ['carried_over', 'Balancetransfer', '-4900000 IDR − 0 = -4900000 IDR'],
    ])
    expect(rows[1]?.fees).toEqual({ total: 12n, interchange: 7n, scheme: 1n, markup: 4n, commission: 0n, tax: null })
  })

  it('names account, batch, payment and operation; lines of no payment have keys of their own', async () => {
    const { rows, summary } = await readAll(format, file, settings)
    expect(rows[3]).toMatchObject({
      line: 5,
      lineKey: 'Settled|8516149857612345|8526149857612346|1300',
      account: 'TestMerchant',
      batch: '1300',
      references: {
        pspPayment: '8516149857612345',
        pspOperation: '8526149857612346',
        merchantReference: 'att_0123456789abcdefghjkmnpqr0_1',
        operation: 'cap_0123456789abcdefghjkmnpqr0_1',
        payment: 'pay_0123456789abcdefghjkmnpqr0',
      },
    })
    expect(rows[6]).toMatchObject({
      exchangeRate: '0.0061234',
      references: { merchantReference: '=cmd|x', payment: null },
    })
    expect(rows[11]?.lineKey).toBe(`${rows[10]?.lineKey}#2`)
    expect(rows.filter(({ repeated }) => repeated)).toEqual([])
    expect(summary).toMatchObject({ account: 'TestMerchant', batch: 1300, lines: 18 })
    expect(summary.payouts.map(({ reference, currency, paid }) => [reference.slice(0, 13), currency, paid])).toEqual([
      ['TX123456789XT', 'EUR', 62_300n],
      ['TX123456790XT', 'GBP', 488n],
      ['TX123456791XT', 'ISK', 490n],
    ])
  })

  it('is dated by the booking, in the hour that the zone’s abbreviation tells', async () => {
    const { rows } = await readAll(format, file, settings)
    expect(rows[2]).toMatchObject({ bookedAt: Date.UTC(2026, 9, 25, 1, 30), businessDate: '2026-10-25' })
    expect(rows[3]).toMatchObject({ bookedAt: Date.UTC(2026, 9, 25, 0, 30), businessDate: '2026-10-25' })
    const older = file.replaceAll('Booking Date', 'Reserved')
    expect((await readAll(format, older, settings)).rows[2]).toMatchObject({
      bookedAt: Date.UTC(2026, 9, 24, 9, 26, 49),
      businessDate: '2026-10-24',
    })
  })

  it('marks a line that is there twice where the batch balances all the same', async () => {
    const lines = file.split('\n')
    const reversed = lines.findIndex((text) => text.includes(',RefundedReversed,'))
    const both = [lines[reversed - 1] ?? '', lines[reversed] ?? '']
    const { rows } = await readAll(format, lines.toSpliced(reversed, 0, ...both.toReversed()).join('\n'), settings)
    expect(rows.filter(({ repeated }) => repeated).map(({ kind }) => kind)).toEqual(
      ['refund_reversed', 'refunded'].toReversed(),
    )
  })

  it.each([
    ['a line is missing', file.replace(/^.*,PaymentCost,.*\n/m, ''), ['control_total', 19, null]],
    ['a line is doubled', file.replace(/^(.*,PaymentCost,.*\n)/m, '$1$1'), ['control_total', 21, null]],
    ['the payout is changed', withCell(16, 'Net Debit (NC)', '624.00'), ['control_total', 20, null]],
    ['net is not gross less the fees', withCell(5, 'Commission (NC)', '24.01'), ['net_mismatch', 5, 'Net Credit (NC)']],
    ['the rate does not explain net', withCell(8, 'Exchange Rate', '0.0062'), ['net_mismatch', 8, 'Net Credit (NC)']],
    ['there is no rate where currencies differ', withCell(8, 'Exchange Rate', ''), ['blank', 8, 'Exchange Rate']],
    ['the rate is no decimal', withCell(8, 'Exchange Rate', '6e-3'), ['exchange_rate', 8, 'Exchange Rate']],
    ['debit and credit are both there', withCell(5, 'Net Debit (NC)', '1.00'), ['amount', 5, 'Net Credit (NC)']],
    ['a credit has a sign', withCell(5, 'Net Credit (NC)', '-976.00'), ['amount', 5, 'Net Credit (NC)']],
    ['all amounts are empty', withCell(2, 'Net Debit (NC)', ''), ['blank', 2, 'Net Credit (NC)']],
    ['the net currency is empty', withCell(2, 'Net Currency', ''), ['blank', 2, 'Net Currency']],
    ['the gross currency is empty', withCell(5, 'Gross Currency', ''), ['blank', 5, 'Gross Currency']],
    ['the currency is in lower case', withCell(5, 'Net Currency', 'eur'), ['currency', 5, 'Net Currency']],
    ['krónur have parts', withCell(9, 'Gross Credit (GC)', '500.50'), ['amount', 9, 'Gross Credit (GC)']],
    ['a payment has no reference', withCell(5, 'Psp Reference', ''), ['blank', 5, 'Psp Reference']],
    ['the type is empty', withCell(5, 'Type', ''), ['blank', 5, 'Type']],
    ['the batch is missing', withCell(5, 'Batch Number', ''), ['blank', 5, 'Batch Number']],
    ['the batch is no number', file.replaceAll(',1300,', ',013,'), ['text', 2, 'Batch Number']],
    ['two batches are mixed', withCell(5, 'Batch Number', '1301'), ['batch_mixed', 5, 'Batch Number']],
    ['two accounts are mixed', withCell(5, 'Merchant Account', 'Other'), ['batch_mixed', 5, 'Merchant Account']],
    ['the account is another', file.replaceAll(',TestMerchant,', ',X,'), ['account_mismatch', 2, 'Merchant Account']],
    ['the zone is another', withCell(5, 'Booking Date TimeZone', 'PDT'), ['time_zone', 5, 'Booking Date TimeZone']],
    ['the time does not exist', withCell(5, 'Booking Date', '2026-03-29 02:30:00'), ['date', 5, 'Booking Date']],
    ['an unknown column says money', file.replace('ARN', 'Extra Cost (NC)'), ['column_unknown', 1, 34]],
    ['a column is nearly known', file.replace('ARN', 'net credit (NC)'), ['column_unknown', 1, 34]],
    ['a column is missing', file.replace('Markup (NC)', 'Reserved3'), ['column_missing', 1, 'Markup (NC)']],
    ['there is a header alone', `${columns.join(',')}\n`, ['no_lines', 2, null]],
  ])('is refused where %s', async (_, text, expected) => {
    const refused = await refusalOf(format, text, settings)
    expect([refused?.code, refused?.line, refused?.column]).toEqual(expected)
  })

  it('takes a net amount that rounding explains, and none beyond', async () => {
    // 12,345 yen at 0.0061234 are 75.5933 euros, of which 1.50 are fees
    const off = async (net: string): Promise<unknown> =>
      (await refusalOf(format, withCell(8, 'Net Credit (NC)', net), settings))?.code
    expect(await off('74.09')).toBeUndefined()
    expect(await off('74.10')).toBe('control_total')
    expect(await off('74.11')).toBe('net_mismatch')
    expect(await off('74.08')).toBe('net_mismatch')
  })
})

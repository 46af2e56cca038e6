import { describe, expect, it } from 'vitest'
import { refusalOf, readAll, reportFixture } from '../../test/support/report-reading.ts'
import type { ReportRow } from './row.ts'

const settings = { accounts: ['EZ782AXEUJUW8', 'SUBACCOUNT001'] }
const file = reportFixture('paypal-settlement.csv').toString()
const format = 'paypal_settlement'

function money({ gross, fees, net }: ReportRow): string {
  return `${gross.minor} ${gross.currency} − ${fees.total} = ${net.minor} ${net.currency}`
}

function line(number: number): string {
  return file.split('\n')[number - 1] ?? ''
}

describe("PayPal's settlement report", () => {
  it('has two decimals implied in every currency, signs from CR and DR, and each line as what it is', async () => {
    const { rows } = await readAll(format, file, settings)
    expect(rows.map((row) => [row.kind, row.rawType, money(row)])).toEqual([
      ['settled', 'T0006', '10000 USD − 320 = 9680 USD'],
      ['settled', 'T0006', '1000 JPY − 40 = 960 JPY'],
      ['refunded', 'T1107', '-4000 USD − -30 = -3970 USD'],
      ['chargeback', 'T1201', '-6000 USD − 0 = -6000 USD'],
      ['fee', 'T0106', '-2000 USD − 0 = -2000 USD'],
      ['payout', 'T0400', '-1500 USD − 0 = -1500 USD'],
      ['unknown', 'T9900', '1 USD − 0 = 1 USD'],
      ['settled', 'T0006', '500 USD − 45 = 455 USD'],
    ])
  })

  it('names transaction, the payment that it is about, our operation and the account of its section', async () => {
    const { rows, summary } = await readAll(format, file, settings)
    expect(rows[2]).toMatchObject({
      lineKey: '7TY05013RG002845M|T1107|USD',
      account: 'EZ782AXEUJUW8',
      references: {
        pspPayment: '5TY05013RG002845M',
        pspOperation: '7TY05013RG002845M',
        merchantReference: null,
        operation: 're_0123456789abcdefghjkmnpqr0_2',
        payment: 'pay_0123456789abcdefghjkmnpqr0',
      },
      bookedAt: Date.UTC(2026, 9, 24, 7, 6, 2),
      businessDate: '2026-10-24',
    })
    // an order is no payment
    expect(rows[0]?.references).toMatchObject({ pspPayment: null, operation: 'att_0123456789abcdefghjkmnpqr0_1' })
    expect(rows[7]?.account).toBe('SUBACCOUNT001')
    const from = Date.UTC(2026, 9, 24, 7)
    expect(summary).toMatchObject({ lines: 8, from, to: from + 24 * 3_600_000 - 1000 })
    const kept = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    expect(kept).not.toMatch(/CONSUMER1|plain text/)
  })

  it('may lack its last line end, and may be of a day without a line', async () => {
    expect((await readAll(format, file.trimEnd(), settings)).rows).toHaveLength(8)
    const [rh, fh, sh, ch] = file.split('\n')
    const quiet = [rh, fh, sh, ch, '"SC",0', '"RC",0', '"FF",0'].join('\n')
    expect((await readAll(format, quiet, settings)).summary.lines).toBe(0)
  })

  it.each([
    ['a line is missing', file.replace(`${line(6)}\n`, ''), ['control_total', 12, 'footer: gross credits']],
    [
      'a line is doubled',
      file.replace(`${line(5)}\n`, `${line(5)}\n${line(5)}\n`),
      ['control_total', 13, 'footer: gross credits'],
    ],
    [
      'the footer of a section is wrong',
      file.replace('"SF","USD",10001,', '"SF","USD",10002,'),
      ['control_total', 12, 'footer: gross credits'],
    ],
    ['its fees are wrong', file.replace('13500,30,320', '13500,31,320'), ['control_total', 12, 'footer: fee credits']],
    [
      'the footer of the report is wrong',
      file.replace('30,365', '30,366'),
      ['control_total', 20, 'footer: fee debits'],
    ],
    ['a currency has no footer', file.replace(/"SF","JPY".*\n/, ''), ['control_total', 13, null]],
    ['a currency has no footer of the report', file.replace(/"RF","JPY".*\n/, ''), ['control_total', 21, null]],
    ['a footer is there twice', file.replace(/("SF","JPY".*\n)/, '$1$1'), ['structure', 14, null]],
    ['a section’s count is wrong', file.replace('"SC",7', '"SC",8'), ['count_mismatch', 14, 2]],
    ['the report’s count is wrong', file.replace('"RC",8', '"RC",9'), ['count_mismatch', 22, 2]],
    ['the file’s count is wrong', file.replace('"FF",8', '"FF",7'), ['count_mismatch', 23, 2]],
    ['the file goes on behind its footer', `${file}"SB"\n`, ['structure', 24, 1]],
    ['it is a later file of its report', file.replace('"FH",01', '"FH",02'), ['structure', 2, 2]],
    ['records are out of order', file.replace(`${line(4)}\n`, ''), ['structure', 4, 1]],
    ['a record has no type', file.replace('"SC",7', 'constructor,7'), ['structure', 14, 1]],
    ['the account is another', file.replaceAll('EZ782AXEUJUW8', 'OTHER'), ['account_mismatch', 3, 'SH: account']],
    ['an amount has a dot', file.replace('"CR",10000,', '"CR",100.00,'), ['amount', 5, 'Gross Transaction Amount']],
    ['yen have parts', file.replace('"CR",100000,', '"CR",100050,'), ['amount', 6, 'Gross Transaction Amount']],
    [
      'neither debit nor credit',
      file.replace('"CR",10000,', '"XX",10000,'),
      ['text', 5, 'Transaction Debit or Credit'],
    ],
    ['a fee has no side', file.replace('"DR",320,', '"",320,'), ['blank', 5, 'Fee Debit or Credit']],
    ['a fee is in another currency', file.replace('320,"USD"', '320,"EUR"'), ['currency', 5, 'Fee Currency']],
    [
      'a fee of credit is there',
      file.replace('"CONSUMER1","","","",,,', '"CONSUMER1","","","",5,,'),
      ['column_unknown', 5, 'Credit Transactional Fee'],
    ],
    [
      'the day does not exist',
      file.replaceAll('2026/10/24 00:06:02', '2026/02/30 00:06:02'),
      ['date', 5, 'Transaction Completion Date'],
    ],
    [
      'the time has no offset',
      file.replaceAll('00:06:02 -0700', '00:06:02'),
      ['date', 5, 'Transaction Completion Date'],
    ],
    ['a column is missing', file.replaceAll('"Fee Amount",', '"X",'), ['column_missing', 4, 'Fee Amount']],
    ['it ends too early', file.replace(/"FF",8\n$/, ''), ['cut', 23, null]],
  ])('is refused where %s', async (_, text, expected) => {
    const refused = await refusalOf(format, text, settings)
    expect([refused?.code, refused?.line, refused?.column]).toEqual(expected)
  })
})

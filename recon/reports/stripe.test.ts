import { describe, expect, it } from 'vitest'
import { refusalOf, readAll, reportFixture } from '../../test/support/report-reading.ts'
import type { ReportRow } from './row.ts'

const utc = { timeZone: 'Etc/UTC' }
const activity = reportFixture('stripe-balance-change.csv')
const payouts = reportFixture('stripe-payout-reconciliation.csv').toString()
const paymentId = 'pay_0123456789abcdefghjkmnpqr0'
const attemptId = 'att_0123456789abcdefghjkmnpqr0_1'
const refundId = 're_0123456789abcdefghjkmnpqr0_2'

const header = 'balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id'
const line = 'txn_1,2026-10-24 10:00:00,eur,10.00,0.40,9.60,charge,ch_1'

/** The header and one line, in which a cell is another. */
function one(column: string, cell: string): string {
  const names = header.split(',')
  const cells = line.split(',')
  cells[names.indexOf(column)] = cell
  return `${header}\n${cells.join(',')}\n`
}

function money({ gross, fees, net }: ReportRow): string {
  return `${gross.minor} ${gross.currency} − ${fees.total} = ${net.minor} ${net.currency}`
}

describe("Stripe's report of balance changes", () => {
  it('has each line as what it is, in our minor units, whatever Stripe counts in', async () => {
    const { rows } = await readAll('stripe_balance_change', activity, utc)
    expect(rows.map((row) => [row.kind, row.rawType, money(row)])).toEqual([
      ['settled', 'charge', '10000 EUR − 175 = 9825 EUR'],
      ['partial_capture_reversal', 'partial_capture_reversal', '-2000 EUR − 0 = -2000 EUR'],
      ['refunded', 'refund', '-400 EUR − 0 = -400 EUR'],
      ['refund_reversed', 'refund_failure', '400 EUR − 0 = 400 EUR'],
      ['chargeback', 'dispute', '-2000 EUR − 1500 = -3500 EUR'],
      ['chargeback_reversed', 'dispute_reversal', '2000 EUR − 0 = 2000 EUR'],
      ['settled', 'charge', '1050 JPY − 30 = 1020 JPY'],
      ['settled', 'charge', '500 ISK − 15 = 485 ISK'],
      ['settled', 'charge', '12340 KWD − 360 = 11980 KWD'],
      ['settled', 'charge', '1000 USD − 40 = 872 EUR'],
      ['fee', 'fee', '-50 EUR − 0 = -50 EUR'],
      ['reserve_taken', 'risk_reserved_funds', '-500 EUR − 0 = -500 EUR'],
      ['reserve_released', 'risk_reserved_funds', '500 EUR − 0 = 500 EUR'],
      ['unknown', 'climate_order_purchase', '-100 EUR − 0 = -100 EUR'],
      ['payout', 'payout', '-7047 EUR − 0 = -7047 EUR'],
    ])
  })

  it('names line, payment, operation and payout, and keeps nothing of customers and descriptions', async () => {
    const { rows } = await readAll('stripe_balance_change', activity, utc)
    expect(rows[0]).toMatchObject({
      line: 2,
      lineKey: 'txn_1QwErTyUiOpAs001',
      references: {
        pspPayment: 'pi_3QwErTyUiOpAsDfG',
        pspCharge: 'ch_3QwErTyUiOpAsDfG',
        pspOperation: 'ch_3QwErTyUiOpAsDfG',
        operation: attemptId,
        payment: paymentId,
      },
      payout: 'po_1QwErTyUiOpAsDfG',
      bookedAt: Date.UTC(2026, 9, 24, 22, 30, 1),
      businessDate: '2026-10-24',
      valueDate: '2026-10-27',
      exchangeRate: null,
    })
    expect(rows[1]?.line).toBe(4)
    expect(rows[2]?.references).toMatchObject({ operation: refundId, payment: paymentId })
    expect(rows[4]?.references).toMatchObject({ operation: null, payment: paymentId })
    expect(rows[14]).toMatchObject({ payout: 'po_1QwErTyUiOpAsDfG', references: { payment: null } })
    const kept = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    for (const text of ['buyer@example.com', 'gift', '=1+1']) expect(kept).not.toContain(text)
  })

  it('adds up by kind and currencies, and by payout', async () => {
    const { summary } = await readAll('stripe_balance_change', activity, utc)
    expect(summary).toMatchObject({
      format: 'stripe_balance_change',
      lines: 15,
      repeatedLines: 0,
      from: Date.UTC(2026, 9, 24, 22, 30, 1),
      to: Date.UTC(2026, 9, 24, 22, 30, 15),
      bytes: activity.length,
    })
    const converted = {
      kind: 'settled',
      grossCurrency: 'USD',
      currency: 'EUR',
      count: 1,
      gross: 1000n,
      fee: 40n,
      net: 872n,
    }
    expect(summary.totals).toContainEqual(converted)
    expect(summary.payouts[0]).toEqual({
      reference: 'po_1QwErTyUiOpAsDfG',
      currency: 'EUR',
      lines: 11,
      net: 7047n,
      paid: 7047n,
      at: null,
    })
  })

  it('has columns in any order, and unknown ones where they say no money', async () => {
    const text =
      'source_id,gateway_account,net,fee,gross,currency,reporting_category,created_utc,balance_transaction_id\n'
    const { rows } = await readAll(
      'stripe_balance_change',
      `\uFEFF${text}ch_1,acct,9.60,0.40,10,EUR,charge,2026-10-24 10:00:00,txn_1\n`,
      utc,
    )
    expect(rows.map((row) => [row.lineKey, money(row)])).toEqual([['txn_1', '1000 EUR − 40 = 960 EUR']])
  })

  it('marks a line that is there twice, whatever else it says, and keeps both', async () => {
    const other = line.replace('10.00,0.40,9.60', '11.00,0.40,10.60')
    const { rows, summary } = await readAll('stripe_balance_change', `${header}\n${line}\n${other}\n`, utc)
    expect(rows.map((row) => [row.lineKey, row.repeated, row.net.minor])).toEqual([
      ['txn_1', false, 960n],
      ['txn_1', true, 1060n],
    ])
    expect(summary.repeatedLines).toBe(1)
  })

  it.each([
    ['a column is missing', `${header.replace('fee,', '')}\n`, ['column_missing', 1, 'fee']],
    ['there is no time', `${header.replace('created_utc', 'x')}\n`, ['column_missing', 1, 'created_utc']],
    ['a column is there twice', `${header},fee\n`, ['column_repeated', 1, 9]],
    ['a column is there twice that nobody reads', `${header},x,x\n`, ['column_repeated', 1, 10]],
    ['a column has no name', `${header},\n`, ['column_unknown', 1, 9]],
    ['a column is nearly known', `${header},Fee\n`, ['column_unknown', 1, 9]],
    ['an unknown column says money', `${header},surcharge_amount\n`, ['column_unknown', 1, 9]],
    ['the header is missing', `${line}\n`, ['column_missing', 1, 'balance_transaction_id']],
    ['there is a header alone', `${header}\n`, ['no_lines', 2, null]],
    ['there is nothing', '', ['empty', null, null]],
    ['a cell is missing', `${header}\n${line.slice(0, -5)}\n`, ['cells', 2, 7]],
    ['a cell is too many', `${header}\n${line},x\n`, ['cells', 2, 8]],
    ['a line is blank', `${header}\n${line}\n\n`, ['cells', 3, 1]],
    [
      'a semicolon parts the cells',
      `${header.replaceAll(',', ';')}\n`,
      ['column_missing', 1, 'balance_transaction_id'],
    ],
    ['net is not gross less fee', one('net', '9.61'), ['net_mismatch', 2, 'net']],
    ['an amount is grouped', one('gross', '"1,234.56"'), ['amount', 2, 'gross']],
    ['a comma is the decimal point', one('gross', '"10,00"'), ['amount', 2, 'gross']],
    ['an amount has an exponent', one('gross', '1e3'), ['amount', 2, 'gross']],
    ['zero has a minus', one('fee', '-0'), ['amount', 2, 'fee']],
    ['euros have three decimals', one('gross', '10.000'), ['amount', 2, 'gross']],
    ['an amount is empty', one('fee', ''), ['blank', 2, 'fee']],
    ['the currency is empty', one('currency', ''), ['blank', 2, 'currency']],
    ['the currency is unknown', one('currency', 'xxx'), ['currency', 2, 'currency']],
    ['Stripe has no such currency', one('currency', 'iqd'), ['currency', 2, 'currency']],
    ['the id is empty', one('balance_transaction_id', ''), ['blank', 2, 'balance_transaction_id']],
    ['the category is empty', one('reporting_category', ''), ['blank', 2, 'reporting_category']],
    ['a charge has no source', one('source_id', ''), ['blank', 2, 'source_id']],
    ['a reference is too long', one('source_id', 'x'.repeat(501)), ['too_long', 2, 'source_id']],
    ['the day does not exist', one('created_utc', '2026-02-30 10:00:00'), ['date', 2, 'created_utc']],
    ['the time is empty', one('created_utc', ''), ['blank', 2, 'created_utc']],
    ['a cell is no UTF-8', Buffer.from(one('source_id', 'ch_é'), 'latin1'), ['encoding', 2, null]],
    ['a cell has a NUL', one('source_id', 'ch_\0'), ['nul_character', 2, null]],
  ])('is refused where %s', async (_, text, expected) => {
    const refused = await refusalOf('stripe_balance_change', text, utc)
    expect([refused?.code, refused?.line, refused?.column]).toEqual(expected)
  })

  it('is refused where the connection says another time zone than the report run had', async () => {
    const refused = await refusalOf('stripe_balance_change', activity, { timeZone: 'Europe/Amsterdam' })
    expect(refused?.message).toBe("line 2, column “created”: is not created_utc in the connection's time zone")
  })

  it('is refused without a word of what stood in the cell', async () => {
    for (const column of header.split(',')) {
      const refused = await refusalOf(
        'stripe_balance_change',
        one(column, 'jane.doe@example.com 4111111111111111'),
        utc,
      )
      expect(refused?.message ?? '').not.toMatch(/jane|4111/)
    }
  })
})

describe("Stripe's report of payouts", () => {
  it('has the payout of each line, its time in the zone of the run, and sums by payout and currency', async () => {
    const { rows, summary } = await readAll('stripe_payout_reconciliation', payouts, { timeZone: 'Europe/Amsterdam' })
    expect(rows.map(({ payout, businessDate, net }) => [payout, businessDate, net.minor])).toEqual([
      ['po_a', '2026-10-25', 9825n],
      ['po_a', '2026-10-25', -1000n],
      ['po_a', '2026-10-26', 504n],
      ['po_b', '2026-10-26', -1n],
    ])
    const at = Date.UTC(2026, 9, 27, 1)
    expect(summary.payouts).toEqual([
      { reference: 'po_a', currency: 'EUR', lines: 2, net: 8825n, paid: null, at },
      { reference: 'po_a', currency: 'USD', lines: 1, net: 504n, paid: null, at },
      { reference: 'po_b', currency: 'EUR', lines: 1, net: -1n, paid: null, at },
    ])
  })

  it.each([
    ['the column of the payout is missing', payouts.replace('automatic_payout_id,', 'x,'), ['column_missing', 1]],
    ['a line is of no payout', payouts.replace('po_b,', ','), ['blank', 5]],
    ['a time is one of two and the file tells no offset', payouts.replace('created_utc', 'ignored'), ['date', 2]],
    ['a time is leapt over', payouts.replace('created_utc', 'ignored').replace('10-25 02', '03-29 02'), ['date', 2]],
  ])('is refused where %s', async (_, text, expected) => {
    const refused = await refusalOf('stripe_payout_reconciliation', text, { timeZone: 'Europe/Amsterdam' })
    expect([refused?.code, refused?.line]).toEqual(expected)
  })
})

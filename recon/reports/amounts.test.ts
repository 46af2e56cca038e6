import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amountMinorMax, currencyCodes, toDecimalString } from '../../domain/money/currency.ts'
import { fromPspMinor, toPspMinor } from '../../domain/money/psp-exponents.ts'
import { scaled } from '../../test/support/scale.ts'
import { Currencies, readDecimal, readImplied, readRate, readUnsigned } from './amounts.ts'
import { ReportRefused } from './errors.ts'

const stripe = new Currencies('stripe', true)
const adyen = new Currencies('adyen', false)
const iso = new Currencies(undefined, false)

/** The value, or the code of the refusal. */
function outcome(read: () => bigint): bigint | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof ReportRefused) return error.code
    throw error
  }
}

function decimal(text: string, currency: string, source = iso): bigint | string {
  return outcome(() => readDecimal(text, source.unit(currency, 3, 'currency'), 3, 'gross'))
}

const amounts = fc
  .constantFrom(...currencyCodes)
  .chain((currency) => fc.tuple(fc.constant(currency), fc.integer({ min: 0, max: amountMinorMax(currency) })))

describe('amounts', () => {
  it('of any currency come back from their decimals, of either sign', () => {
    fc.assert(
      fc.property(amounts, ([currency, minor]) => {
        expect(decimal(toDecimalString(minor, currency), currency)).toBe(BigInt(minor))
        if (minor > 0) expect(decimal(toDecimalString(-minor, currency), currency)).toBe(BigInt(-minor))
      }),
      { numRuns: scaled('propertyRuns') },
    )
  })

  it.each([
    ['stripe', stripe],
    ['adyen', adyen],
  ] as const)('of %s are those that its minor units can hold, and come back exactly', (psp, source) => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 1_000_000_000 }), ([currency], pspMinor) => {
        const ours = fromPspMinor(psp, pspMinor, currency)
        fc.pre(ours !== undefined)
        expect(decimal(toDecimalString(ours, currency), currency, source)).toBe(BigInt(ours))
      }),
      { numRuns: scaled('propertyRuns') },
    )
    expect(toPspMinor(psp, 520, psp === 'stripe' ? 'MGA' : 'IDR')).toBeUndefined()
    expect(decimal('5.20', psp === 'stripe' ? 'MGA' : 'IDR', source)).toBe('amount')
  })

  it.each([
    ['12.34', 'EUR', 1234n],
    ['12.3', 'EUR', 1230n],
    ['12', 'EUR', 1200n],
    ['0', 'EUR', 0n],
    ['0.00', 'EUR', 0n],
    ['-0.5', 'EUR', -50n],
    ['1050', 'JPY', 1050n],
    ['0.005', 'KWD', 5n],
    ['90071992547409.91', 'EUR', 9007199254740991n],
    ['1,234.56', 'EUR', 'amount'],
    ['1.234,56', 'EUR', 'amount'],
    ['12,34', 'EUR', 'amount'],
    ['1e3', 'EUR', 'amount'],
    ['-0', 'EUR', 'amount'],
    ['-0.00', 'EUR', 'amount'],
    ['1.234', 'EUR', 'amount'],
    ['1.000', 'EUR', 'amount'],
    ['1.0', 'JPY', 'amount'],
    ['1.2345', 'KWD', 'amount'],
    ['', 'EUR', 'blank'],
    [' 1', 'EUR', 'amount'],
    ['1 ', 'EUR', 'amount'],
    ['+1', 'EUR', 'amount'],
    ['.5', 'EUR', 'amount'],
    ['5.', 'EUR', 'amount'],
    ['.', 'EUR', 'amount'],
    ['-', 'EUR', 'amount'],
    ['--1', 'EUR', 'amount'],
    ['01', 'EUR', 'amount'],
    ['00.10', 'EUR', 'amount'],
    ['1.1.1', 'EUR', 'amount'],
    ['١٢', 'EUR', 'amount'],
    ['Infinity', 'EUR', 'amount'],
    ['NaN', 'EUR', 'amount'],
    ['0x10', 'EUR', 'amount'],
    ['90071992547409.92', 'EUR', 'amount'],
    ['9'.repeat(400), 'EUR', 'amount'],
    ['1', 'XXX', 'currency'],
    ['1', 'eur', 'currency'],
    ['1', 'EURO', 'currency'],
    ['1', '', 'blank'],
  ])('are read exactly or refused: “%s” of %s is %s', (text, currency, expected) => {
    expect(decimal(text, currency)).toBe(expected)
  })

  it('have the decimals that the PSP counts in, where our minor units can hold them', () => {
    expect(decimal('500.00', 'isk', stripe)).toBe(500n)
    expect(decimal('500.50', 'ISK', stripe)).toBe('amount')
    expect(decimal('12.345', 'kwd', stripe)).toBe(12_345n)
    expect(decimal('5', 'mga', stripe)).toBe(500n)
    expect(decimal('500.00', 'CLP', adyen)).toBe(500n)
    expect(decimal('500', 'IDR', adyen)).toBe(50_000n)
    expect(decimal('5', 'IQD', stripe)).toBe('currency')
    expect(decimal('5', 'eur', adyen)).toBe('currency')
  })

  it('without a sign have none, and a refusal names the place and never the cell', () => {
    const unit = iso.unit('EUR', 1, 'currency')
    expect(readUnsigned('5.00', unit, 1, 'gross')).toBe(500n)
    expect(outcome(() => readUnsigned('-5.00', unit, 1, 'gross'))).toBe('amount')
    expect(() => readUnsigned('jane@example.com', unit, 7, 'gross')).toThrow(
      /^line 7, column “gross”: is no unsigned amount of EUR: digits without grouping/,
    )
  })

  it.each([
    ['10000', 'USD', 10_000n],
    ['10000', 'JPY', 100n],
    ['10000', 'KWD', 100_000n],
    ['0', 'JPY', 0n],
    ['10050', 'JPY', 'amount'],
    ['-1', 'USD', 'amount'],
    ['1.00', 'USD', 'amount'],
    ['007', 'USD', 'amount'],
    ['', 'USD', 'blank'],
    ['9'.repeat(17), 'USD', 'amount'],
  ])('with two decimals implied: “%s” of %s is %s', (text, currency, expected) => {
    expect(outcome(() => readImplied(text, iso.unit(currency, 1, 'c'), 1, 'a'))).toBe(expected)
  })

  it('are converted by rates above zero alone', () => {
    expect(readRate('1.0500', 1, 'rate')).toEqual({ scaled: 10_500n, scale: 10_000n })
    for (const text of ['0', '0.000', '-1', '1e2', '', '1,5', '1.', 'x']) {
      expect(
        outcome(() => readRate(text, 1, 'rate').scaled),
        text,
      ).toBe('exchange_rate')
    }
  })
})

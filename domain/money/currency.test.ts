import { code as currencyOfPackage, codes as codesOfPackage } from 'currency-codes'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionFailure } from '../../runtime/assert.ts'
import {
  amountMinorMax,
  assertAmountMinor,
  currencyCodes,
  currencyExponent,
  isAmountMinor,
  isKnownCurrency,
  parseDecimal,
  toDecimalString,
} from './currency.ts'

const anyCurrency = fc.constantFrom(...currencyCodes)
const anySafeInteger = fc.maxSafeInteger()

describe('the currency table', () => {
  // `currency-codes` 2.2 carries the list of June 2024, with what is no money for payments.
  const notMoney = new Set('XAG XAU XPD XPT XBA XBB XBC XBD XDR XSU XUA XTS XXX'.split(' '))
  const withdrawnSince = new Set([
    'ANG', // replaced by XCG, 31 March 2025
    'BGN', // Bulgaria has the euro since 1 January 2026
    'CUC', // ended in Cuba on 1 January 2021, in the list for years after
  ])
  const addedSince = new Set([
    'XCG', // Caribbean guilder, 31 March 2025
  ])

  it('agrees with the package currency-codes but for what was withdrawn or added since, and what is no money', () => {
    const expected = codesOfPackage().filter((code) => !notMoney.has(code) && !withdrawnSince.has(code))
    expect(currencyCodes).toEqual([...expected, ...addedSince].sort())
    for (const code of expected)
      expect(`${code} ${currencyExponent(code)}`).toBe(`${code} ${currencyOfPackage(code)?.digits}`)
  })

  it('names every difference to the package that it claims, and no other', () => {
    for (const code of [...notMoney, ...withdrawnSince]) {
      expect(currencyOfPackage(code), code).toBeDefined()
      expect(isKnownCurrency(code), code).toBe(false)
    }
    for (const code of addedSince) {
      expect(currencyOfPackage(code), code).toBeUndefined()
      expect(currencyExponent(code), code).toBe(2)
    }
  })

  it('has the exponents that software often gets wrong', () => {
    const expected = {
      HUF: 2,
      IDR: 2,
      COP: 2,
      PKR: 2,
      MGA: 2,
      MRU: 2,
      ISK: 0,
      UGX: 0,
      VND: 0,
      IQD: 3,
      KWD: 3,
      CLF: 4,
      UYW: 4,
    }
    for (const [code, exponent] of Object.entries(expected)) expect(currencyExponent(code), code).toBe(exponent)
  })

  it('holds each code once, as three upper-case letters', () => {
    expect(new Set(currencyCodes).size).toBe(currencyCodes.length)
    for (const code of currencyCodes) expect(code).toMatch(/^[A-Z]{3}$/)
  })

  it('knows no spelling but its own: lower case, blanks and names of object members are unknown', () => {
    for (const code of ['eur', 'EUR\n', ' EUR', 'EURO', '', 'constructor', '__proto__', 'XXX', '978']) {
      expect(isKnownCurrency(code), JSON.stringify(code)).toBe(false)
      expect(() => currencyExponent(code), JSON.stringify(code)).toThrow(AssertionFailure)
    }
  })

  it('never repeats an unknown code in the error that it throws', () => {
    expect(() => currencyExponent('4242424242424242')).toThrow(/^(?!.*4242)/)
  })
})

describe('an amount', () => {
  it('is at most what twelve digits with two decimals hold', () => {
    expect(amountMinorMax('EUR')).toBe(999_999_999_999)
    expect(amountMinorMax('JPY')).toBe(9_999_999_999)
    expect(amountMinorMax('KWD')).toBe(999_999_999_999)
    for (const code of currencyCodes) expect(Number.isSafeInteger(amountMinorMax(code) * 100), code).toBe(true)
  })

  it('is a whole number from 1 to its maximum; everything else is refused and fails the assertion', () => {
    fc.assert(
      fc.property(anyCurrency, fc.oneof(anySafeInteger, fc.double()), (currency, value) => {
        const legal = Number.isInteger(value) && value >= 1 && value <= amountMinorMax(currency)
        expect(isAmountMinor(value, currency)).toBe(legal)
        if (legal) assertAmountMinor(value, currency)
        else expect(() => assertAmountMinor(value, currency)).toThrow(AssertionFailure)
      }),
    )
  })

  it('is refused at each edge', () => {
    for (const value of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_000_000_000, 2 ** 53]) {
      expect(isAmountMinor(value, 'EUR'), String(value)).toBe(false)
    }
    expect(isAmountMinor(1, 'EUR')).toBe(true)
    expect(isAmountMinor(999_999_999_999, 'EUR')).toBe(true)
    expect(isAmountMinor(1, 'XXX')).toBe(false)
  })
})

describe('decimals of major units', () => {
  it('show all of the currency’s decimals and no dot where it has none', () => {
    expect(toDecimalString(1234, 'EUR')).toBe('12.34')
    expect(toDecimalString(5, 'EUR')).toBe('0.05')
    expect(toDecimalString(-5, 'KWD')).toBe('-0.005')
    expect(toDecimalString(1234, 'JPY')).toBe('1234')
    expect(toDecimalString(0, 'CLF')).toBe('0.0000')
    expect(toDecimalString(123_456_789_012_345_678_901n, 'EUR')).toBe('1234567890123456789.01')
    expect(toDecimalString(-1n, 'JPY')).toBe('-1')
  })

  it('are read back as the same minor units, for every currency and every safe integer', () => {
    fc.assert(
      fc.property(anyCurrency, anySafeInteger, (currency, amountMinor) => {
        const text = toDecimalString(amountMinor, currency)
        expect(parseDecimal(text, currency)).toBe(amountMinor === 0 ? 0 : amountMinor)
      }),
      { numRuns: 1000 },
    )
  })

  it('are exact where floats are not', () => {
    expect(parseDecimal('1.15', 'EUR')).toBe(115)
    expect(parseDecimal('1.005', 'KWD')).toBe(1005)
    expect(parseDecimal('4.35', 'EUR')).toBe(435)
    expect(parseDecimal('90071992547409.91', 'EUR')).toBe(Number.MAX_SAFE_INTEGER)
    expect(parseDecimal('90071992547409.92', 'EUR')).toBeUndefined()
  })

  it('may have fewer decimals than the currency, never more', () => {
    expect(parseDecimal('12', 'EUR')).toBe(1200)
    expect(parseDecimal('12.3', 'EUR')).toBe(1230)
    expect(parseDecimal('12.345', 'EUR')).toBeUndefined()
    expect(parseDecimal('12.340', 'EUR')).toBeUndefined()
    expect(parseDecimal('12.0', 'JPY')).toBeUndefined()
  })

  it('are refused in every other spelling of a number', () => {
    const texts = [
      '',
      ' ',
      '1 ',
      ' 1',
      '1\n',
      '+1',
      '-0',
      '-0.00',
      '--1',
      '1.',
      '.5',
      '00',
      '01',
      '1e3',
      '1,5',
      '1,234.56',
      '1.234,56',
      '0x10',
      '१२',
      '1_000',
      'NaN',
      'Infinity',
      '1.2.3',
      '12345678901234567',
      '1'.repeat(400),
    ]
    for (const text of texts) expect(parseDecimal(text, 'EUR'), JSON.stringify(text)).toBeUndefined()
  })

  it('are answered with undefined or a safe integer for any text', () => {
    fc.assert(
      fc.property(
        anyCurrency,
        fc.string({ unit: fc.constantFrom(...'0123456789.-+eE ,'.split('')) }),
        (currency, text) => {
          const parsed = parseDecimal(text, currency)
          if (parsed === undefined) return
          expect(Number.isSafeInteger(parsed)).toBe(true)
          expect(Number(toDecimalString(parsed, currency))).toBe(Number(text))
        },
      ),
      { numRuns: 1000 },
    )
  })
})

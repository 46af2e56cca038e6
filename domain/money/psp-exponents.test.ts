import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amountMinorMax, currencyCodes, currencyExponent } from './currency.ts'
import { fromPspMinor, pspExponent, toPspMinor } from './psp-exponents.ts'

describe('Stripe’s minor units', () => {
  it('are ours for two-decimal and most zero-decimal currencies', () => {
    for (const code of ['EUR', 'USD', 'HUF', 'TWD', 'IDR', 'JPY', 'KRW', 'XAF', 'CLP']) {
      expect(toPspMinor('stripe', 1234, code), code).toBe(1234)
      expect(fromPspMinor('stripe', 1234, code), code).toBe(1234)
    }
  })

  it('have two decimals that must be 00 for ISK and UGX', () => {
    for (const code of ['ISK', 'UGX']) {
      expect(toPspMinor('stripe', 5, code), code).toBe(500)
      expect(fromPspMinor('stripe', 500, code), code).toBe(5)
      expect(fromPspMinor('stripe', 550, code), code).toBeUndefined()
    }
  })

  it('are whole ariary for MGA, where ISO has two decimals', () => {
    expect(toPspMinor('stripe', 500, 'MGA')).toBe(5)
    expect(toPspMinor('stripe', 520, 'MGA')).toBeUndefined()
    expect(fromPspMinor('stripe', 5, 'MGA')).toBe(500)
  })

  it('end in 0 for three-decimal currencies when we ask, and are taken as they come in answers', () => {
    for (const code of ['BHD', 'JOD', 'KWD', 'OMR', 'TND']) {
      expect(toPspMinor('stripe', 10_010, code), code).toBe(10_010)
      expect(toPspMinor('stripe', 10_005, code), code).toBeUndefined()
      expect(fromPspMinor('stripe', 10_005, code), code).toBe(10_005)
    }
  })

  it('do not exist for currencies that Stripe does not have, nor for codes that nobody has', () => {
    for (const code of ['IQD', 'LYD', 'CLF', 'UYW', 'UYI', 'BOV', 'USN']) {
      expect(toPspMinor('stripe', 1000, code), code).toBeUndefined()
      expect(fromPspMinor('stripe', 1000, code), code).toBeUndefined()
    }
    expect(fromPspMinor('stripe', 1000, 'eur')).toBeUndefined()
    expect(fromPspMinor('stripe', 1000, 'XXX')).toBeUndefined()
  })

  it('convert back to the same amount, or are refused for a currency with an exception', () => {
    const exceptions = 'BHD JOD KWD OMR TND MGA IQD LYD CLF UYW UYI BOV CHE CHW COU MXV USN'.split(' ')
    const amounts = fc
      .constantFrom(...currencyCodes)
      .chain((currency) => fc.tuple(fc.constant(currency), fc.integer({ min: 1, max: amountMinorMax(currency) })))
    fc.assert(
      fc.property(amounts, ([currency, amountMinor]) => {
        const pspMinor = toPspMinor('stripe', amountMinor, currency)
        if (pspMinor === undefined) expect(exceptions).toContain(currency)
        else expect(fromPspMinor('stripe', pspMinor, currency)).toBe(amountMinor)
      }),
      { numRuns: 2000 },
    )
  })

  it('are never guessed from a fraction or a number beyond the safe integers', () => {
    for (const value of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(fromPspMinor('stripe', value, 'EUR'), String(value)).toBeUndefined()
    }
    expect(fromPspMinor('stripe', Number.MAX_SAFE_INTEGER, 'MGA')).toBeUndefined()
    expect(currencyExponent('MGA')).toBe(2)
  })
})

describe('Adyen’s minor units', () => {
  it('are ours but for four currencies', () => {
    for (const code of ['EUR', 'HUF', 'JPY', 'KRW', 'UGX', 'KWD', 'IQD', 'TND', 'MGA']) {
      expect(toPspMinor('adyen', 1234, code), code).toBe(1234)
      expect(fromPspMinor('adyen', 1234, code), code).toBe(1234)
    }
    for (const code of ['CLP', 'ISK']) {
      expect(toPspMinor('adyen', 5, code), code).toBe(500)
      expect(fromPspMinor('adyen', 500, code), code).toBe(5)
      expect(fromPspMinor('adyen', 550, code), code).toBeUndefined()
    }
    for (const code of ['CVE', 'IDR']) {
      expect(toPspMinor('adyen', 500, code), code).toBe(5)
      expect(toPspMinor('adyen', 550, code), code).toBeUndefined()
      expect(fromPspMinor('adyen', 5, code), code).toBe(500)
    }
  })

  it('do not exist for fund codes, nor for codes that nobody has', () => {
    for (const code of ['CLF', 'UYW', 'UYI', 'BOV', 'USN', 'MXV']) {
      expect(toPspMinor('adyen', 1000, code), code).toBeUndefined()
      expect(fromPspMinor('adyen', 1000, code), code).toBeUndefined()
    }
    expect(fromPspMinor('adyen', 1000, 'XXX')).toBeUndefined()
  })

  it('convert back to the same amount, or are refused', () => {
    const amounts = fc
      .constantFrom(...currencyCodes)
      .chain((currency) => fc.tuple(fc.constant(currency), fc.integer({ min: 1, max: amountMinorMax(currency) })))
    fc.assert(
      fc.property(amounts, ([currency, amountMinor]) => {
        const pspMinor = toPspMinor('adyen', amountMinor, currency)
        const back = pspMinor === undefined ? amountMinor : fromPspMinor('adyen', pspMinor, currency)
        expect(back).toBe(amountMinor)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('A PSP’s exponent', () => {
  it('is ISO’s but for the exceptions, and there is none for a currency that the PSP or we do not have', () => {
    const exponents = [
      ['stripe', 'EUR', 2],
      ['stripe', 'JPY', 0],
      ['stripe', 'ISK', 2],
      ['stripe', 'MGA', 0],
      ['stripe', 'KWD', 3],
      ['stripe', 'IQD', undefined],
      ['adyen', 'IQD', 3],
      ['adyen', 'CLP', 2],
      ['adyen', 'IDR', 0],
      ['adyen', 'CLF', undefined],
      ['adyen', 'eur', undefined],
      ['adyen', 'XXX', undefined],
    ] as const
    for (const [psp, currency, exponent] of exponents) expect(pspExponent(psp, currency), currency).toBe(exponent)
  })
})

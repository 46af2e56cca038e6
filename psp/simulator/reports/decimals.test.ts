import { describe, expect, it } from 'vitest'
import { currencyCodes, parseDecimal } from '../../../domain/money/currency.ts'
import { fromPspMinor } from '../../../domain/money/psp-exponents.ts'
import { decimalsOf, toDecimal } from './decimals.ts'

describe('amounts in reports', () => {
  it('are decimals of major units, exact, with all decimals that the currency has', () => {
    expect(toDecimal(1234, decimalsOf('stripe', 'jpy'))).toBe('1234')
    expect(toDecimal(-5, decimalsOf('adyen', 'BHD'))).toBe('-0.005')
    expect(toDecimal(1230, decimalsOf('stripe', 'bhd'))).toBe('1.230')
    expect(toDecimal(0, 2)).toBe('0.00')
    expect(toDecimal(999_999_999_999, 2)).toBe('9999999999.99')
    expect(toDecimal(90_071_992_547_409_921n, 2)).toBe('900719925474099.21')
  })

  it.each(['stripe', 'adyen'] as const)('of %s mean what our own table says that they mean', (psp) => {
    let compared = 0
    for (const code of currencyCodes) {
      const ours = fromPspMinor(psp, 12_300, code)
      if (ours === undefined) continue
      const text = toDecimal(12_300, decimalsOf(psp, code))
      expect(parseDecimal(text.replace(/\.00$/, ''), code), code).toBe(ours)
      compared += 1
    }
    expect(compared).toBeGreaterThan(140)
  })
})

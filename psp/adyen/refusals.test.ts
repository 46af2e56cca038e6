import { describe, expect, it } from 'vitest'
import { knownRefusals, refusalOfCode, refusalOfReason } from './refusals.ts'

describe('a refusal reason', () => {
  it('of every number that Adyen gives one has a class and a code of ours', () => {
    const without = new Set([1, 13, 30])
    const numbers = Array.from({ length: 47 }, (_, number) => number).filter((number) => !without.has(number))
    expect([...knownRefusals.keys()].map(Number)).toEqual(numbers)
    for (const [pspCode, decline] of knownRefusals) {
      expect(refusalOfCode(pspCode)).toEqual(decline)
      expect(decline.pspCode).toBe(pspCode)
      expect(decline.code).toMatch(/^[a-z_]+$/)
    }
  })

  it.each([
    ['6', { class: 'hard', code: 'expired_card' }],
    ['9', { class: 'retry_elsewhere', code: 'issuer_not_available' }],
    ['11', { class: 'shopper', code: 'authentication_failed' }],
    ['12', { class: 'soft', code: 'insufficient_funds' }],
    ['20', { class: 'hard', code: 'fraudulent' }],
    ['24', { class: 'shopper', code: 'incorrect_cvc' }],
    ['38', { class: 'shopper', code: 'authentication_required' }],
    ['46', { class: 'hard', code: 'do_not_try_again' }],
  ])('%s is %o', (pspCode, decline) => {
    expect(refusalOfCode(pspCode)).toEqual({ ...decline, pspCode })
  })

  it('that nobody knows, or that is not given, is soft and shown as generic', () => {
    expect(refusalOfCode('99')).toEqual({ class: 'soft', code: 'generic_decline', pspCode: '99' })
    expect(refusalOfCode('constructor')).toMatchObject({ class: 'soft', code: 'generic_decline' })
    expect(refusalOfCode(undefined)).toEqual({ class: 'soft', code: 'generic_decline' })
  })

  it('is known by its name as well, in any case; other texts go no further', () => {
    expect(refusalOfReason('Not enough balance')).toEqual(refusalOfCode('12'))
    expect(refusalOfReason('NOT ENOUGH BALANCE')).toEqual(refusalOfCode('12'))
    for (const reason of ['', 'null', 'call jane@example.com', '__proto__'])
      expect(refusalOfReason(reason), reason).toEqual({ class: 'soft', code: 'generic_decline' })
  })
})

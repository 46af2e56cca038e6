import { describe, expect, it } from 'vitest'
import { declineOf, knownDeclineCodes } from './declines.ts'

describe('a decline code', () => {
  it('of every known kind has one class, and ours is the name the merchant sees', () => {
    for (const [code, className] of knownDeclineCodes) {
      const { class: given, code: shown } = declineOf({ type: 'card_error', code: 'card_declined', declineCode: code })
      expect(given, code).toBe(className)
      expect(knownDeclineCodes.get(shown), code).toBe(className)
    }
    expect(declineOf({ type: 'card_error', code: 'expired_card' })).toEqual({
      class: 'hard',
      code: 'expired_card',
      pspCode: 'expired_card',
    })
    expect(declineOf({ type: 'card_error', declineCode: 'invalid_cvc' })).toEqual({
      class: 'shopper',
      code: 'incorrect_cvc',
      pspCode: 'invalid_cvc',
    })
    expect(declineOf({ type: 'card_error', code: 'processing_error' }).class).toBe('retry_elsewhere')
  })

  it('that nobody knows is soft and shown as generic, and advice from the network outranks the table', () => {
    expect(declineOf({ type: 'card_error', declineCode: 'bad_weather' })).toEqual({
      class: 'soft',
      code: 'generic_decline',
      pspCode: 'bad_weather',
    })
    expect(declineOf({ type: 'card_error' })).toEqual({ class: 'soft', code: 'generic_decline' })
    expect(
      declineOf({ type: 'card_error', declineCode: 'insufficient_funds', adviceCode: 'do_not_try_again' }).class,
    ).toBe('hard')
  })
})

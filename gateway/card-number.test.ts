import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { containsCardNumber, findCardNumber, isCardNumber } from './card-number.ts'

/** The PSPs' published test numbers, 12 to 19 digits long. */
const testNumbers = [
  '4242424242424242',
  '5555555555554444',
  '2223003122003222',
  '378282246310005',
  '6011111111111117',
  '30569309025904',
  '3566002020360505',
  '6205500000000000004',
  '4222222222222',
  '589999999990',
  '122000000000003',
]

describe('card numbers', () => {
  it.each(testNumbers)('%s is found bare, grouped, and inside other text', (number) => {
    const grouped = number.replace(/(.{4})(?=.)/g, '$1 ')
    for (const text of [
      number,
      grouped,
      grouped.replaceAll(' ', '-'),
      `card ${number}.`,
      `pan:${number}`,
      `no_${number}_x`,
      `card${number}`,
      `2026-11-04 ${grouped} ok`,
      `12 ${number}`,
    ]) {
      expect(containsCardNumber(text), text).toBe(true)
    }
  })

  it('a digit that is wrong, one digit too few and one too many are no card numbers', () => {
    expect(containsCardNumber('4242424242424241')).toBe(false)
    expect(containsCardNumber('42424242426')).toBe(false)
    expect(containsCardNumber('62055000000000000048')).toBe(false)
  })

  it.each(['pay', 'att', 'cap', 'void', 're', 'dp', 'evt'])(
    'an id %s_… with such a run of digits is no card number',
    (prefix) => {
      expect(containsCardNumber('xg4242424242424242h')).toBe(true)
      expect(containsCardNumber(`/ops/v1/unknowns/${prefix}_0g4242424242424242hhhhhhhh_1`)).toBe(false)
    },
  )

  it('unix times, UUIDs, hexadecimal digests and references of letters are never taken for one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000_000_000, max: 1_999_999_999_999 }), (time) => {
        expect(containsCardNumber(String(time))).toBe(false)
      }),
    )
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(containsCardNumber(`order ${uuid}`)).toBe(false)
      }),
    )
    expect(containsCardNumber('a4242424242424242b')).toBe(false)
    expect(containsCardNumber('order-2026-11-04')).toBe(false)
  })

  it('an opaque value is refused only if it is a card number and nothing else', () => {
    expect(isCardNumber('4242 4242 4242 4242')).toBe(true)
    expect(isCardNumber('order-4242424242424242')).toBe(false)
  })

  it('a long text of digits and separators is searched in linear time', () => {
    const text = '1 2-'.repeat(15_000)
    const before = performance.now()
    containsCardNumber(text)
    expect(performance.now() - before).toBeLessThan(1_000)
  })

  it('are found anywhere in a body, and the path that names the place holds none', () => {
    expect(findCardNumber({ amount: 1, metadata: { note: 'x 4242424242424242' } })).toBe('metadata.note')
    expect(findCardNumber({ metadata: { '4242424242424242': 'x' } })).toBe('metadata')
    expect(findCardNumber({ a: [{ b: '5555 5555 5555 4444' }] })).toBe('a.0.b')
    expect(findCardNumber({ amount: 4242, description: 'tea' })).toBe(undefined)
  })
})

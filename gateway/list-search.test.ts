import { describe, expect, test } from 'vitest'
import { parseSearch } from './list-search.ts'

describe('what a query means', () => {
  test.each([
    ['status:captured', { status: 'captured' }],
    ['  status:captured   currency:eur ', { status: 'captured', currency: 'EUR' }],
    ['psp:adyen AND review:true', { psp: 'adyen', review: true }],
    ['review:false', { review: false }],
    ['amount:1000', { amountFrom: 1_000, amountTo: 1_000 }],
    ['amount>5 amount<=9', { amountFrom: 6, amountTo: 9 }],
    ['amount>=5 amount<9', { amountFrom: 5, amountTo: 8 }],
    ['amount<0', { amountTo: -1 }],
    ['created>=10 created<20', { createdFrom: 10_000, createdBefore: 20_000 }],
    ['created>10 created<=20', { createdFrom: 11_000, createdBefore: 21_000 }],
    ['merchant_reference:order-17', { merchantReference: 'order-17' }],
    ['merchant_reference~order', { merchantReferencePrefix: 'order' }],
    [
      String.raw`merchant_reference:"say \"AND\" \\ status:x" status:failed`,
      { merchantReference: String.raw`say "AND" \ status:x`, status: 'failed' },
    ],
    ['merchant_reference:AND AND status:failed', { merchantReference: 'AND', status: 'failed' }],
  ])('%s', (query, filter) => {
    expect(parseSearch(query)).toEqual({ ok: true, filter })
  })
})

describe('what is refused, in words that hold nothing of the query', () => {
  test.each([
    ['', 'query needs a term.'],
    ['   ', 'query needs a term.'],
    ['captured', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['status:captured AND', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['AND status:captured', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['status: captured', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['merchant_reference:"open', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['merchant_reference:"a"b', 'query is terms of a field, an operator and a value, such as status:captured.'],
    [
      String.raw`merchant_reference:"a\n"`,
      'query is terms of a field, an operator and a value, such as status:captured.',
    ],
    ['-status:captured', 'query is terms of a field, an operator and a value, such as status:captured.'],
    ['constructor:x', 'query can name: status, currency, psp, merchant_reference, review, amount, created.'],
    ['status~cap', 'status takes: :.'],
    ['created:10', 'created takes: > >= < <=.'],
    [
      'status:paid',
      'status is one of: created, requires_action, pending, authorized, partially_captured, captured, canceled, expired, failed.',
    ],
    ['currency:euro', 'currency is three letters.'],
    ['review:yes', 'review is true or false.'],
    ['amount:1e3', 'amount is a whole number, at most 9007199254740991.'],
    ['amount>9007199254740992', 'amount is a whole number, at most 9007199254740991.'],
    ['amount>-1', 'amount is a whole number, at most 9007199254740991.'],
    ['created>253402300800', 'created is a whole number, at most 253402300799.'],
    ['merchant_reference:""', 'merchant_reference needs a value without control characters.'],
    ['merchant_reference:a\u0000b', 'merchant_reference needs a value without control characters.'],
    ['status:failed status:captured', 'query limits status twice in the same way.'],
    ['amount>1 amount>=2', 'query limits amount twice in the same way.'],
    [Array.from({ length: 11 }, () => 'amount>1').join(' '), 'query has at most 10 terms.'],
  ])('%j', (query, message) => {
    expect(parseSearch(query)).toEqual({ ok: false, message })
  })

  test('the longest query is judged at once, whatever is in it', () => {
    for (const part of ['a', '"', '\\', ' ', 'a:"', 'a: ', 'merchant_reference:"\\'])
      expect(parseSearch(part.repeat(500))).toMatchObject({ ok: false })
  })
})

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseObject } from '../answer-json.ts'
import { readError, readIntent, readPage, readRefund } from './answers.ts'

describe("Stripe's own fixtures", () => {
  const { resources } = JSON.parse(readFileSync(new URL('fixtures/stripe.fixtures.json', import.meta.url), 'utf8')) as {
    resources: Record<string, unknown>
  }
  it('are readable', () => {
    expect(readIntent(resources['payment_intent'])).toMatchObject({ status: 'requires_payment_method', amount: 1099 })
    expect(readRefund(resources['refund'])).toMatchObject({ status: 'succeeded', amount: 100 })
    expect(readError({ error: { type: 'card_error', charge: resources['charge'] } })).toEqual({ type: 'card_error' })
  })
})

describe('a page', () => {
  it('is read whole or not at all: one unreadable item would hide the one that is looked for', () => {
    const refund = { id: 're_1', object: 'refund', amount: 1, currency: 'eur', status: 'succeeded', metadata: null }
    const page = (data: unknown, object = 'list'): unknown => ({ object, data, has_more: false })
    expect(readPage(page([refund]), readRefund)).toMatchObject({ items: [{ id: 're_1' }], hasMore: false })
    expect(readPage(page([], 'search_result'), readRefund)).toEqual({ items: [], hasMore: false })
    expect(readPage(page([refund, { id: 're_2' }]), readRefund)).toBeUndefined()
    expect(readPage(page({}), readRefund)).toBeUndefined()
    expect(readPage({ object: 'list', data: [] }, readRefund)).toBeUndefined()
    expect(readPage(page([], 'refund'), readRefund)).toBeUndefined()
  })
})

describe('a body', () => {
  it('that is no JSON object in UTF-8 is none', () => {
    expect(parseObject(Buffer.from('{"a":1}'))).toEqual({ a: 1 })
    for (const body of ['', '[]', 'null', '1', '{"a":', '<html>'])
      expect(parseObject(Buffer.from(body)), body).toBeUndefined()
    expect(parseObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined()
  })
})

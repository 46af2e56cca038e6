import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { derivedId, entityOfId, idOfEntity, paymentOfOperation, shardOfEntity, shardOfId, shards } from './ids.ts'

const idKey = createSecretKey(Buffer.alloc(32, 3))

test('an id and its 16 bytes are each other’s, and its first two digits are its shard', () => {
  const seen = new Set<number>()
  for (let n = 0; n < 10_000; n += 1) {
    const id = derivedId(idKey, 'mer_1', 'test', `key ${n}`)
    const entity = entityOfId(id) ?? ''
    expect(idOfEntity(entity)).toBe(id)
    expect(shardOfId(id)).toBe(shardOfEntity(entity))
    seen.add(shardOfEntity(entity))
  }
  expect(seen.size).toBe(shards)
})

test('parts do not run into each other', () => {
  expect(derivedId(idKey, 'mer_1', 'test', 'key')).not.toBe(derivedId(idKey, 'mer_1t', 'est', 'key'))
})

test.each([
  ['another letter', `pay_${'u'.repeat(26)}`],
  ['bits that stand for nothing', `pay_${'0'.repeat(25)}1`],
  ['too few digits', `pay_${'0'.repeat(25)}`],
  ['another kind', `cap_${'0'.repeat(26)}`],
])('%s makes no payment’s id', (_, id) => {
  expect([entityOfId(id), shardOfId(id)]).toEqual([undefined, undefined])
})

test('an operation’s id names its payment', () => {
  const payment = derivedId(idKey, 'mer_1', 'test', 'key')
  expect(paymentOfOperation(`cap_${payment.slice(4)}_12`)).toBe(payment)
  expect(paymentOfOperation('re_1')).toBeUndefined()
})

/**
 * The derivation of ids is permanent. The vectors below were computed with Python's hmac and hashlib; the formula beside
 * them works on one 130-bit integer where the code works on bytes, so that both cannot be wrong in the same way.
 */
import { createHash, createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AssertionFailure } from '../runtime/assert.ts'
import {
  type Address,
  addressOfName,
  addressOfPayment,
  hashVersion,
  type Mode,
  type OperationPrefix,
  operationIdOf,
  parseOperationId,
  paymentIdOf,
  paymentIdOfEntity,
  shardCount,
} from './ids.ts'

const idKey = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const crockford = '0123456789abcdefghjkmnpqrstvwxyz'
const anyEntity = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex'))
const anyPrefix = fc.constantFrom<OperationPrefix>('att', 'cap', 'void', 're', 'dp')
const anyMode = fc.constantFrom<Mode>('live', 'test')

/** 16 bytes as base32, computed on the whole number. */
function base32Of(entity: string): string {
  const number = BigInt(`0x${entity}`) << 2n
  const digits = number.toString(32).padStart(26, '0')
  return digits.replaceAll(/./g, (digit) => crockford.charAt(Number.parseInt(digit, 32)))
}

/** HMAC-SHA256 by its definition, with SHA-256 alone. */
function hmacOf(key: Buffer, message: Buffer): Buffer {
  const padded = Buffer.concat([key, Buffer.alloc(64 - key.length)])
  const inner = createHash('sha256').update(Buffer.concat([padded.map((byte) => byte ^ 0x36), message]))
  return createHash('sha256')
    .update(Buffer.concat([padded.map((byte) => byte ^ 0x5c), inner.digest()]))
    .digest()
}

function expectedPaymentId(merchant: string, mode: Mode, key: string): string {
  const parts = [merchant, mode, key].map((part) => {
    const bytes = Buffer.from(part)
    return Buffer.concat([Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex'), bytes])
  })
  return `pay_${base32Of(hmacOf(idKey, Buffer.concat(parts)).toString('hex').slice(0, 32))}`
}

function address(id: string): Address {
  const found = addressOfPayment(id)
  if (found === undefined) throw new Error(`${id} has no address`)
  return found
}

describe('a payment id', () => {
  const vectors: readonly (readonly [string, Mode, string, string, number, string])[] = [
    ['mer_1', 'live', 'order-1', 'pay_9t5f6j7f2mswed179tbxfry1ar', 314, '4e8af348ef1533c734274e97d7e3c156'],
    ['mer_1', 'test', 'order-1', 'pay_zqw3nxfe1y1j8gakezr6mqgxtr', 1015, 'fdf83af5ee0f8324415377f06a5e1dd6'],
    ['mer_2', 'live', 'order-1', 'pay_ta6jc6z5d086ty05jkgm984p1w', 842, 'd28d261be568106d780594e144a0960f'],
    ['mer_zürich', 'live', 'ключ', 'pay_j5a9kpqbxdcvreqj163fcj9zp8', 581, '915499daebeb59bc3af20986f6493fb2'],
    ['', 'live', '', 'pay_4akpj195rd3rcvpz393hxaysa4', 138, '22a7690525c347866edf1a471eabd951'],
    ['mer_1', 'live', 'k'.repeat(255), 'pay_2hr1s5m655maggnx4ewtsajc2g', 81, '14701c96862968a842bd23b9acaa4c14'],
  ]

  it('is derived as it always was: pinned vectors, 1,024 shards, version 1', () => {
    expect([shardCount, hashVersion]).toEqual([1024, 1])
    for (const [merchant, mode, key, id, shard, entity] of vectors) {
      expect(paymentIdOf(idKey, merchant, mode, key)).toBe(id)
      expect(addressOfPayment(id)).toEqual({ shard, entity })
    }
  })

  it('is what another formula computes from the same merchant, mode and key', () => {
    fc.assert(
      fc.property(fc.string(), anyMode, fc.string({ unit: 'grapheme' }), (merchant, mode, key) => {
        expect(paymentIdOf(idKey, merchant, mode, key)).toBe(expectedPaymentId(merchant, mode, key))
      }),
    )
  })

  it('differs wherever merchant, mode, key or the cluster’s secret differ', () => {
    const ids = [
      paymentIdOf(idKey, 'mer_1', 'live', 'a'),
      paymentIdOf(idKey, 'mer_2', 'live', 'a'),
      paymentIdOf(idKey, 'mer_1', 'test', 'a'),
      paymentIdOf(idKey, 'mer_1', 'live', 'A'),
      paymentIdOf(Buffer.alloc(32, 9), 'mer_1', 'live', 'a'),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('keeps its parts apart: no character can move from the merchant into the key', () => {
    expect(paymentIdOf(idKey, 'mer_a', 'live', 'bc')).not.toBe(paymentIdOf(idKey, 'mer_ab', 'live', 'c'))
    const plain = (merchant: string, key: string) =>
      createHmac('sha256', idKey).update(`${merchant}live${key}`).digest('hex')
    // Without length prefixes these two payments would be one.
    expect(plain('mer_', 'live-x')).toBe(plain('mer_live', '-x'))
    expect(paymentIdOf(idKey, 'mer_', 'live', 'live-x')).not.toBe(paymentIdOf(idKey, 'mer_live', 'live', '-x'))
  })

  it('has its shard in its first 10 bits: two characters', () => {
    fc.assert(
      fc.property(anyEntity, (entity) => {
        const id = paymentIdOfEntity(entity)
        const [first = '', second = ''] = id.slice(4)
        expect(address(id)).toEqual({ shard: crockford.indexOf(first) * 32 + crockford.indexOf(second), entity })
        expect(address(id).shard).toBe(Number(BigInt(`0x${entity}`) >> 118n))
      }),
    )
  })

  it('spreads 100,000 payments of one merchant evenly over the shards', () => {
    const counts = Array.from({ length: shardCount }, () => 0)
    const total = 100_000
    for (let index = 0; index < total; index += 1) {
      const { shard } = address(paymentIdOf(idKey, 'mer_1', 'live', `order-${index}`))
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    const mean = total / shardCount
    const chiSquare = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
    // 1,023 degrees of freedom: a fair spread leaves these bounds, on either side, less than once in 100,000 tries.
    expect(chiSquare).toBeGreaterThan(836)
    expect(chiSquare).toBeLessThan(1228)
  })
})

describe('the spelling of a payment id', () => {
  it('is the only one of its entity: any other text that reaches an address is that same text', () => {
    fc.assert(
      fc.property(anyEntity, fc.nat(25), fc.constantFrom(...crockford.split('')), (entity, place, character) => {
        const id = paymentIdOfEntity(entity)
        const changed = `${id.slice(0, 4 + place)}${character}${id.slice(5 + place)}`
        const found = addressOfPayment(changed)
        if (changed === id) expect(found?.entity).toBe(entity)
        else if (found !== undefined) {
          expect(found.entity).not.toBe(entity)
          expect(paymentIdOfEntity(found.entity)).toBe(changed)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('ends in one of the eight characters whose last two bits are zero', () => {
    const body = '9t5f6j7f2mswed179tbxfry1a'
    const accepted = crockford.split('').filter((last) => addressOfPayment(`pay_${body}${last}`) !== undefined)
    expect(accepted.join('')).toBe('048cgmrw')
  })

  it('is lower case, without i, l, o, u, of 26 characters, and nothing around it', () => {
    const id = 'pay_9t5f6j7f2mswed179tbxfry1ar'
    expect(addressOfPayment(id)).toBeDefined()
    const others = [
      id.toUpperCase(),
      `pay_${id.slice(4).toUpperCase()}`,
      ` ${id}`,
      `${id} `,
      `${id}\n`,
      id.slice(4),
      `${id}0`,
    ]
    others.push(id.slice(0, -1), `PAY_${id.slice(4)}`, `cap_${id.slice(4)}`, '', 'pay_', id.replace('9t5', '9\u0442 5'))
    for (const letter of 'ilou')
      others.push(`pay_${letter}${id.slice(5)}`, `pay_${id.slice(4, 10)}${letter}${id.slice(11)}`)
    for (const other of others) expect(addressOfPayment(other), JSON.stringify(other)).toBeUndefined()
  })

  it('of an entity is refused where the entity is not 16 bytes', () => {
    for (const entity of ['', 'ab', '0'.repeat(34), 'zz'.repeat(16)]) {
      expect(() => paymentIdOfEntity(entity), entity).toThrow(AssertionFailure)
    }
  })
})

describe('an operation id', () => {
  it('leads back to its payment, prefix and ordinal', () => {
    fc.assert(
      fc.property(anyEntity, anyPrefix, fc.integer({ min: 1, max: 9999 }), (entity, prefix, ordinal) => {
        const paymentId = paymentIdOfEntity(entity)
        const id = operationIdOf(prefix, paymentId, ordinal)
        expect(parseOperationId(id)).toEqual({ prefix, paymentId, ordinal })
        expect(id.startsWith(`${prefix}_`)).toBe(true)
        expect(addressOfPayment(id)).toBeUndefined()
      }),
    )
  })

  it('has an ordinal from 1 to 9999 and one spelling of it', () => {
    const paymentId = 'pay_9t5f6j7f2mswed179tbxfry1ar'
    for (const ordinal of [0, -1, 1.5, 10_000, Number.NaN]) {
      expect(() => operationIdOf('cap', paymentId, ordinal), String(ordinal)).toThrow(AssertionFailure)
    }
    for (const ordinal of ['0', '01', '10000', '-1', '1.0', '', '1 ', '1\n', '١']) {
      expect(parseOperationId(`cap_${paymentId.slice(4)}_${ordinal}`), JSON.stringify(ordinal)).toBeUndefined()
    }
    expect(parseOperationId(`pay_${paymentId.slice(4)}_1`)).toBeUndefined()
    expect(parseOperationId(`CAP_${paymentId.slice(4)}_1`)).toBeUndefined()
  })
})

describe('the address of a name', () => {
  it('is the first half of its SHA-256, its shard the first 10 bits: pinned vectors', () => {
    const vectors: readonly (readonly [string, number, string])[] = [
      ['mer_1', 216, '3625e5181f713fac1ad1864f20deadac'],
      ['mer_dev', 113, '1c6f8da61f6675cfd37c54a7df13888d'],
      ['stripe-test', 886, 'dda2b8749709e5ed552eaff8b7377817'],
    ]
    for (const [name, shard, entity] of vectors) expect(addressOfName(name)).toEqual({ shard, entity })
  })

  it('is within the shards for every name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const { shard, entity } = addressOfName(name)
        expect(shard).toBe(Number(BigInt(`0x${entity}`) >> 118n))
        expect(shard).toBeLessThan(shardCount)
      }),
    )
  })
})

describe('the entity of all zeros', () => {
  it('is the journal’s own, for the records of its epochs: no id of a payment or an operation leads there', () => {
    const zeros = '0'.repeat(26)
    expect(addressOfPayment(`pay_${zeros}`)).toBe(undefined)
    expect(parseOperationId(`re_${zeros}_1`)).toBe(undefined)
    expect(addressOfPayment(`pay_${zeros.slice(1)}4`)).toBeDefined()
  })
})

describe('garbage', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: fc.constantFrom(...`${crockford}iloupay_capvoidre0123456789`.split('')), maxLength: 40 }),
    fc.tuple(anyPrefix, fc.string({ maxLength: 40 })).map(([prefix, rest]) => `${prefix}_${rest}`),
    fc.string({ maxLength: 30 }).map((rest) => `pay_${rest}`),
  )

  it('never throws and never reaches an address that does not spell it', () => {
    let texts = 0
    fc.assert(
      fc.property(anyText, (text) => {
        texts += 1
        const found = addressOfPayment(text)
        if (found !== undefined) expect(paymentIdOfEntity(found.entity)).toBe(text)
        const parsed = parseOperationId(text)
        if (parsed !== undefined) expect(operationIdOf(parsed.prefix, parsed.paymentId, parsed.ordinal)).toBe(text)
      }),
      { numRuns: 2000 },
    )
    expect(texts).toBe(2000)
  })
})

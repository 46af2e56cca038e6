/**
 * Ids and shards (DESIGN: "Shards and ids"). Permanent: changing anything here changes where payments live and which
 * payment a retried key reaches.
 *
 * A payment's id is derived from merchant, mode and idempotency key, so a retry reaches the same actor on any day,
 * through any gateway. Its first 10 bits are its shard.
 */
import { createHash, createHmac } from 'node:crypto'
import { assert } from '../runtime/assert.ts'

/** Logical shards of a cluster; written to `cluster_meta` by the first migration run, never changed online. */
export const shardCount = 1024
/** Version of the two derivations below, checked against `cluster_meta` at every boot. */
export const hashVersion = 1

export type Mode = 'live' | 'test'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
/** All zeros is no payment: the journal keeps the records of its epochs under that entity. */
const entityBase32 = '(?!0{26})[0-9a-hjkmnp-tv-z]{25}[048cgmrw]'
const paymentIdPattern = new RegExp(`^pay_(${entityBase32})$`)
const operationIdPattern = new RegExp(`^(att|cap|void|re|dp)_(${entityBase32})_([1-9][0-9]{0,3})$`)

/** Where an entity lives: its shard, and its 16 bytes as 32 lower-case hexadecimal digits. */
export interface Address {
  readonly shard: number
  readonly entity: string
}

/** Crockford base32 (lower case) of 16 bytes: 26 characters, the last two bits zero. */
function encodeBase32(bytes: Uint8Array): string {
  assert(bytes.length === 16, 'an entity has 16 bytes', { length: bytes.length })
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return text + alphabet[(value << (5 - bits)) & 31]
}

function decodeBase32(text: string): string {
  let hex = ''
  let bits = 0
  let value = 0
  for (const character of text) {
    value = (value << 5) | alphabet.indexOf(character)
    bits += 5
    while (bits >= 4) {
      bits -= 4
      hex += ((value >>> bits) & 15).toString(16)
    }
    value &= (1 << bits) - 1
  }
  return hex.slice(0, 32)
}

/** @param entity 32 hexadecimal digits. */
export function shardOfEntity(entity: string): number {
  return Number.parseInt(entity.slice(0, 3), 16) >>> 2
}

/**
 * The id of the payment that a merchant's idempotency key stands for: `pay_` and 26 characters.
 * @param idKey the cluster's secret `id_key`; losing it would let every retry charge again. As a `KeyObject` (made once)
 * it costs 1.5 µs per id, as bytes 11.
 */
export function paymentIdOf(
  idKey: Parameters<typeof createHmac>[1],
  merchant: string,
  mode: Mode,
  idempotencyKey: string,
): string {
  const parts = [merchant, mode, idempotencyKey]
  const bytes = Buffer.allocUnsafe(parts.reduce((size, part) => size + 4 + Buffer.byteLength(part), 0))
  let offset = 0
  for (const part of parts) {
    const length = bytes.write(part, offset + 4)
    bytes.writeUInt32BE(length, offset)
    offset += 4 + length
  }
  return `pay_${encodeBase32(createHmac('sha256', idKey).update(bytes).digest().subarray(0, 16))}`
}

/** The payment id's address, or undefined where `id` is not a canonical payment id. */
export function addressOfPayment(id: string): Address | undefined {
  const match = paymentIdPattern.exec(id)
  if (match?.[1] === undefined) return undefined
  const entity = decodeBase32(match[1])
  return { shard: shardOfEntity(entity), entity }
}

/** The payment id of an entity's 32 hexadecimal digits. */
export function paymentIdOfEntity(entity: string): string {
  return `pay_${encodeBase32(Buffer.from(entity, 'hex'))}`
}

/** Address of an entity that is not a payment (merchant, PSP connection, reconciliation run): from SHA-256 of its id. */
export function addressOfName(id: string): Address {
  const entity = createHash('sha256').update(id, 'utf8').digest('hex').slice(0, 32)
  return { shard: shardOfEntity(entity), entity }
}

export type OperationPrefix = 'att' | 'cap' | 'void' | 're' | 'dp'

/** `cap_<payment>_<ordinal>` and its siblings: the payment's id and an ordinal (1 to 9999), so a read reaches the actor. */
export function operationIdOf(prefix: OperationPrefix, paymentId: string, ordinal: number): string {
  assert(Number.isInteger(ordinal) && ordinal >= 1 && ordinal <= 9999, 'an ordinal is 1 to 9999', { ordinal })
  return `${prefix}_${paymentId.slice(4)}_${ordinal}`
}

/** The parts of an operation's id, or undefined where `id` is none. */
export function parseOperationId(
  id: string,
): { readonly prefix: OperationPrefix; readonly paymentId: string; readonly ordinal: number } | undefined {
  const match = operationIdPattern.exec(id)
  if (match === null) return undefined
  return { prefix: match[1] as OperationPrefix, paymentId: `pay_${match[2]}`, ordinal: Number(match[3]) }
}

/**
 * Where a payment lives and what its id has to be, by docs/journal-format.md, with arithmetic of its own: Crockford
 * base32 through big integers, the id from the length-prefixed parts under the cluster's `id_key`.
 */
import { createHmac, type KeyObject } from 'node:crypto'

const digits = '0123456789abcdefghjkmnpqrstvwxyz'
const idPattern = /^pay_[0-9a-z]{26}$/
export const shards = 1024

/** The shard of a payment's id, two digits being its first ten bits; undefined where it is no canonical id. */
export function shardOfId(id: string): number | undefined {
  if (!/^pay_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$/.test(id)) return undefined
  return digits.indexOf(id.charAt(4)) * 32 + digits.indexOf(id.charAt(5))
}

/** The 32 hexadecimal digits of a payment's 16 bytes; undefined where it is no canonical id. */
export function entityOfId(id: string): string | undefined {
  if (!idPattern.test(id)) return undefined
  let value = 0n
  for (const character of id.slice(4)) {
    const digit = digits.indexOf(character)
    if (digit === -1) return undefined
    value = (value << 5n) | BigInt(digit)
  }
  // 26 digits are 130 bits: the last two stand for nothing and must be zero
  if ((value & 3n) !== 0n) return undefined
  return (value >> 2n).toString(16).padStart(32, '0')
}

export function idOfEntity(entity: string): string {
  let value = BigInt(`0x${entity}`) << 2n
  let text = ''
  for (let place = 0; place < 26; place += 1) {
    text = (digits[Number(value & 31n)] ?? '') + text
    value >>= 5n
  }
  return `pay_${text}`
}

/** The first ten bits. */
export function shardOfEntity(entity: string): number {
  return Number.parseInt(entity.slice(0, 3), 16) >> 2
}

/** The id that a merchant's key must lead to. `idKey`: the cluster's secret, made a key once: it is used often. */
export function derivedId(idKey: KeyObject, merchant: string, mode: string, key: string): string {
  const hmac = createHmac('sha256', idKey)
  for (const part of [merchant, mode, key]) {
    const bytes = Buffer.from(part, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hmac.update(length).update(bytes)
  }
  return idOfEntity(hmac.digest('hex').slice(0, 32))
}

/** The payment that an operation's id (`att_…_1`, `cap_…_2`) belongs to; undefined where it is none. */
export function paymentOfOperation(operationId: string): string | undefined {
  const match = /^(?:att|cap|void|re|dp)_([0-9a-z]{26})_[1-9][0-9]{0,3}$/.exec(operationId)
  return match === null ? undefined : `pay_${match[1]}`
}

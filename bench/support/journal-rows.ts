/**
 * Rows for the journal by number: two decisions a payment (intent, outcome), of the size that the payment machine gives
 * them, at pseudo-random entities as real ids are. Row `index` is always the same, so what a database holds is checked
 * by making it again.
 */
import { createHash } from 'node:crypto'
import type { DecisionRecord } from '../../actors/journal.ts'
import { benchPayment, benchPaymentKind, paymentRows } from './payments.ts'

const templates = paymentRows(benchPaymentKind(), benchPayment(0), 'automatic')

/** Mean bytes of a row's `data` and `private`. */
export const payloadBytes =
  templates.reduce((sum, row) => sum + row.data.length + (row.private?.length ?? 0), 0) / templates.length

export function recordNumber(index: number): DecisionRecord {
  const payment = Math.floor(index / templates.length)
  const template = templates[index % templates.length] as (typeof templates)[number]
  const entity = hexOf(payment, 0x9e3779b9)
  const data = Buffer.from(template.data)
  // Rows differ in their last bytes, so that one written twice or in another's place shows in the hash.
  data.writeUInt32BE(index, data.length - 4)
  return {
    shard: Number.parseInt(entity.slice(0, 3), 16) >>> 2,
    entity,
    seq: template.seq,
    command: hexOf(index, 0x85ebca6b),
    type: template.type,
    at: template.at + payment,
    data,
    private: template.private,
    keyId: null,
  }
}

/** What {@link contentHashQuery} answers for rows 0 to `count` − 1. */
export function expectedContentHash(count: number): string {
  let sum = 0n
  const seqBytes = Buffer.alloc(4)
  for (let index = 0; index < count; index += 1) {
    const record = recordNumber(index)
    seqBytes.writeInt32BE(record.seq)
    const hash = createHash('md5')
      .update(Buffer.from(record.entity, 'hex'))
      .update(seqBytes)
      .update(Buffer.from(record.command, 'hex'))
      .update(record.data)
      .update(record.private ?? Buffer.alloc(0))
      .digest('hex')
    sum += BigInt(`0x${hash.slice(0, 15)}`)
  }
  return sum.toString()
}

/** Sum of 60 bits of each row's MD5: tells any row that is missing, doubled or changed. Epoch records aside. */
export function contentHashQuery(table: string): string {
  return `
    SELECT count(*)::int AS rows, coalesce(sum(('x' || left(md5(
      entity || int4send(seq) || command || data || coalesce(private, '')), 15))::bit(60)::bigint), 0)::text AS hash
    FROM ${table} WHERE type <> 'epoch'`
}

/** Shards whose positions have a gap or a repeat. */
export function gapQuery(table: string): string {
  return `
    SELECT count(*)::int AS shards FROM (
      SELECT FROM ${table} GROUP BY shard
      HAVING min(position) <> 1 OR max(position) <> count(*) OR count(DISTINCT position) <> count(*)) AS broken`
}

const hexBytes = Buffer.alloc(16)

/** 16 bytes that look random; different numbers never give the same. */
function hexOf(number: number, salt: number): string {
  for (let word = 0; word < 4; word += 1) {
    // A bijection of 32 bits (murmur3's finalizer), so the first word alone tells numbers apart.
    let mixed = (number ^ Math.imul(salt, word + 1)) >>> 0
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    hexBytes.writeInt32BE(mixed ^ (mixed >>> 16), word * 4)
  }
  return hexBytes.toString('hex')
}

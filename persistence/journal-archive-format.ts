/**
 * Archive files: rows of closed payments, with all their columns and the digest that the hash chain has of each.
 *
 * Permanent: docs/journal-format.md describes the bytes. A file is the line {@link magic}, then frames: a letter, a length in
 * 4 bytes, most significant first, and so many bytes. `H`, once: a header in JSON. `R`: a row. `T`, once and last: a trailer
 * in JSON with the counts and the SHA-256 of all bytes before its frame.
 *
 * Guarantees: a file has its final name only when it is whole and on the disk; a reader hands out rows whose digests it has
 * checked, and fails at the first byte that is not as it was written. Leaves to others: whether the digests are those of the
 * chain, and whether the file is the one that the database knows.
 */
import { hash } from 'node:crypto'
import { basename } from 'node:path'
import type { JournalRow } from '../actors/journal.ts'
import { assert } from '../runtime/assert.ts'
import { digestBytes } from './journal-chain.ts'

export const archiveFormat = 1
export const magic = Buffer.from(`shardpay archive ${archiveFormat}\n`, 'latin1')
export const frameHeadBytes = 5
/** A larger frame was not written by this code: a decision has at most half a megabyte. */
export const frameBytesMax = 16 * 1024 * 1024

export interface ArchiveHeader {
  readonly format: number
  /** `database_id` of the database: names it wherever it is served or restored. */
  readonly database: string
  /** Identifier of the server that it was on. */
  readonly system: string
  readonly first_shard: number
  readonly last_shard: number
  /** Unix milliseconds. */
  readonly created_at: number
  /** No row is younger. Unix milliseconds. */
  readonly closed_before: number
}

/** What ends a file. */
export interface ArchiveTrailer {
  readonly rows: number
  readonly payments: number
  /** Hexadecimal digits. */
  readonly sha256: string
}

/** In order of shard, entity, sequence. */
export interface ArchivedRow extends JournalRow {
  readonly digest: Buffer
}

/** Says what is wrong with a file, by its name. */
export class ArchiveFileError extends Error {
  override readonly name = 'ArchiveFileError'

  constructor(path: string, what: string, options?: ErrorOptions) {
    super(`${basename(path)}: ${what}`, options)
  }
}

/** The columns that a digest covers, as the chain sees them. */
export function chainedBytes(row: JournalRow): Buffer {
  return Buffer.concat(
    [
      ...[int4(row.shard), Buffer.from(row.entity, 'hex'), int4(row.seq), int4(row.epoch)],
      ...[Buffer.from(row.command, 'hex'), int8(row.at), Buffer.from(row.type, 'utf8'), row.data],
    ].flatMap((bytes) => [int4(bytes.length), bytes]),
  )
}

export function sha256Of(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}

export function frame(letter: string, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeadBytes + payload.length)
  bytes.write(letter, 0, 'latin1')
  bytes.writeUInt32BE(payload.length, 1)
  payload.copy(bytes, frameHeadBytes)
  return bytes
}

/** Digest, position, the columns of the digest, `private`, `key_id`: each column behind its length, −1 for NULL. */
export function rowBytes(row: JournalRow): Buffer {
  const columns = chainedBytes(row)
  const hidden = row.private
  const keyId = row.keyId === null ? null : Buffer.from(row.keyId, 'utf8')
  const nullable = (bytes: Buffer | null): Buffer[] => (bytes === null ? [int4(-1)] : [int4(bytes.length), bytes])
  return Buffer.concat([
    sha256Of(columns),
    int4(8),
    int8(row.position),
    columns,
    ...nullable(hidden),
    ...nullable(keyId),
  ])
}

export function rowOf(payload: Buffer): ArchivedRow {
  const digest = payload.subarray(0, digestBytes)
  const fields: (Buffer | null)[] = []
  let offset = digestBytes
  while (offset < payload.length) {
    const length = payload.readInt32BE(offset)
    offset += 4
    assert(length >= -1 && offset + length <= payload.length, 'a column is within its row')
    fields.push(length < 0 ? null : payload.subarray(offset, offset + length))
    offset += Math.max(0, length)
  }
  assert(fields.length === 11 && fields.slice(0, 9).every((field) => field !== null), 'a row has its columns')
  const [position, shard, entity, seq, epoch, command, at, type, data] = fields as readonly Buffer[] as Columns
  return {
    digest,
    ...{ position: int8Of(position), shard: shard.readInt32BE(), entity: entity.toString('hex') },
    ...{ seq: seq.readInt32BE(), epoch: epoch.readInt32BE(), command: command.toString('hex') },
    ...{ at: int8Of(at), type: type.toString('utf8'), data },
    private: fields[9] ?? null,
    keyId: fields[10]?.toString('utf8') ?? null,
  }
}

type Columns = [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]

export function int4(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int8(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

function int8Of(bytes: Buffer): number {
  const value = Number(bytes.readBigInt64BE())
  assert(Number.isSafeInteger(value), 'a 64-bit integer of a file is a safe integer')
  return value
}

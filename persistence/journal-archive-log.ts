/**
 * What stands in for archived rows (`journal_archived`), and the log of what was archived and restored (`journal_archive_log`).
 *
 * Permanent: docs/journal-format.md describes which bytes are hashed. Each row that stands in has a digest; an entry of the log
 * holds the digests of those that came, or went, and its hash follows the one before it. So one that was changed, removed or
 * slipped in is found, and whoever may rewrite everything would have to rewrite the log from there on: its head is kept
 * outside with that of the chain. `private` is in no digest, so that personal data can be deleted.
 */
import { createHash } from 'node:crypto'
import type { ArchivedRecord } from '../actors/journal.ts'
import { int4, int8, sha256Of } from './journal-archive-format.ts'
import { digestBytes, genesisHash } from './journal-chain.ts'

/** A row of `journal_archived`. */
export interface StandIn extends ArchivedRecord {
  /** When the row at `seq` was decided; Unix milliseconds. */
  readonly closedAt: number
  /** Unix milliseconds. */
  readonly archivedAt: number
  /** Name of the file that has the rows. */
  readonly file: string
  /** Of the rows, in order of sequence. */
  readonly positions: readonly number[]
}

export interface LogEntry {
  readonly shard: number
  /** From 1, gapless within the shard. */
  readonly n: number
  /** Unix milliseconds. */
  readonly at: number
  readonly kind: 'archived' | 'restored'
  readonly file: string
  readonly fileDigest: Buffer
  readonly digests: Buffer
  readonly hash: Buffer
}

/** A log up to an entry, to be kept outside the database and compared later. */
export interface LogHead {
  readonly n: number
  /** Hexadecimal digits. */
  readonly hash: string
}

export function packPositions(positions: readonly number[]): Buffer {
  return Buffer.concat(positions.map(int8))
}

export function unpackPositions(bytes: Buffer): readonly number[] {
  return Array.from({ length: bytes.length / 8 }, (_, index) => Number(bytes.readBigInt64BE(8 * index)))
}

export function digestOfStandIn(row: StandIn): Buffer {
  return sha256Of(
    behindLengths([
      ...[int4(row.shard), Buffer.from(row.entity, 'hex'), int4(row.seq), int4(row.epoch)],
      ...[int8(row.closedAt), int8(row.archivedAt), Buffer.from(row.file, 'utf8')],
      ...[packPositions(row.positions), row.data],
    ]),
  )
}

export function hashOfEntry(before: Uint8Array, entry: Omit<LogEntry, 'hash'>): Buffer {
  const columns = [
    ...[int4(entry.shard), int8(entry.n), int8(entry.at), Buffer.from(entry.kind, 'utf8')],
    ...[Buffer.from(entry.file, 'utf8'), entry.fileDigest, entry.digests],
  ]
  return createHash('sha256').update(before).update(behindLengths(columns)).digest()
}

function behindLengths(columns: readonly Buffer[]): Buffer {
  return Buffer.concat(columns.flatMap((bytes) => [int4(bytes.length), bytes]))
}

export interface ArchiveFindings {
  readonly problems: readonly string[]
  /** SHA-256 of each file that rows of the shard are in, by its name; hexadecimal digits. */
  readonly files: ReadonlyMap<string, string>
}

/**
 * What the log of a shard says of what stands in for its archived rows.
 * @param kept a head that was noted earlier, where there is one.
 */
export function proveArchived(log: readonly LogEntry[], standIns: readonly StandIn[], kept?: LogHead): ArchiveFindings {
  const problems: string[] = []
  /** By digest: which file's. */
  const expected = new Map<string, LogEntry>()
  let before = genesisHash
  for (const [index, entry] of log.entries()) {
    if (entry.n !== index + 1) problems.push(`the log of archives has no entry ${index + 1}`)
    if (!hashOfEntry(before, entry).equals(entry.hash)) {
      problems.push(`the log of archives is broken at its entry ${entry.n}, of ${entry.file}`)
    }
    before = entry.hash
    for (let offset = 0; offset < entry.digests.length; offset += digestBytes) {
      const key = keyOf(entry.digests.subarray(offset, offset + digestBytes))
      if (entry.kind === 'archived') expected.set(key, entry)
      else expected.delete(key)
    }
  }
  if (kept !== undefined) {
    const entry = log.find(({ n }) => n === kept.n)
    if (entry?.hash.toString('hex') !== kept.hash) {
      problems.push(
        `the log of archives is not the one that was noted: its entry ${kept.n} is ${entry === undefined ? 'gone' : 'another'}`,
      )
    }
  }
  const files = new Map<string, string>()
  for (const row of standIns) {
    const entry = expected.get(keyOf(digestOfStandIn(row)))
    if (entry === undefined) problems.push(`what stands in for the archived payment ${row.entity} was changed`)
    else {
      expected.delete(keyOf(digestOfStandIn(row)))
      files.set(entry.file, entry.fileDigest.toString('hex'))
    }
  }
  for (const [file, { length }] of Map.groupBy(expected.values(), (entry) => entry.file)) {
    problems.push(
      `${length} payments that were archived to ${file} have nothing, or not what it was, that stands in for them`,
    )
  }
  return { problems, files }
}

function keyOf(digest: Buffer): string {
  return digest.toString('latin1')
}

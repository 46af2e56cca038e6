/** Rows of `journal_archived` and `journal_archive_log` as they are read; `private` only by whoever may and wants to. */
import { type StandIn, unpackPositions } from './journal-archive-log.ts'

export const standInColumns = `a.shard, encode(a.entity, 'hex') AS entity, a.seq, a.epoch, a.closed_at, a.archived_at, a.file,
  a.positions, a.data`

export interface StoredStandIn {
  readonly shard: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly closed_at: number
  readonly archived_at: number
  readonly file: string
  readonly positions: Buffer
  readonly data: Buffer
  readonly private?: Buffer | null
}

export function toStandIn({ closed_at: closedAt, archived_at: archivedAt, positions, ...row }: StoredStandIn): StandIn {
  return { ...row, closedAt, archivedAt, positions: unpackPositions(positions), private: row.private ?? null }
}

/** Of the shard $1. */
export const logText = `SELECT shard, n, at, kind, file, file_digest AS "fileDigest", digests, hash
  FROM journal_archive_log WHERE shard = $1 ORDER BY n`

/** Limits of the Postgres journal, and how they relate. */
import { assert } from '../runtime/assert.ts'

export interface JournalLimits {
  /** Rows of one flush; what is beyond waits for the next. */
  readonly flushRowsMax: number
  /** Bytes of decisions in one flush, unless a single decision is larger. */
  readonly flushBytesMax: number
  /** A larger decision is refused before it is sent. */
  readonly recordBytesMax: number
  /** Lanes that may be open; one is, until appends wait longer than a flush takes. */
  readonly lanesMax: number
  /** Connections for reads, proofs and cursors. */
  readonly poolMax: number
  /** Connections for taking, opening and giving up shards: they are dark meanwhile and wait behind no read. Opening uses two at once. */
  readonly ownershipConnectionsMax: number
  /** Then such a connection is replaced. */
  readonly connectionAgeSecondsMax: number
  /** Entities, or proofs of ownership, in one query. */
  readonly keysPerReadMax: number
  /** How long entities that are to be read wait for the queries under way before another one begins beside them. */
  readonly loadPatienceMs: number
  /** How long a lock is waited for: a stale owner's uncommitted row, mostly. */
  readonly lockTimeoutMs: number
  readonly statementTimeoutMs: number
  /** Ends a session that stands still within a transaction, also between Execute and Sync, where no other timeout works. */
  readonly transactionTimeoutMs: number
  /** From sending a flush to its outcome; then the outcome is unknown. A commit that waits for a standby or a slow disk is not bounded by the server's timeouts. */
  readonly flushTimeoutMs: number
  /** Of everything but a flush. */
  readonly queryTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly reconnectMsMin: number
  readonly reconnectMsMax: number
  readonly keepAliveDelayMs: number
  /** Statements that try to write a shard's epoch record while stale owners' last rows arrive. */
  readonly epochAttemptsMax: number
}

export const defaultJournalLimits: JournalLimits = {
  flushRowsMax: 1_000,
  flushBytesMax: 1024 * 1024,
  recordBytesMax: 512 * 1024,
  lanesMax: 2,
  poolMax: 4,
  ownershipConnectionsMax: 2,
  connectionAgeSecondsMax: 600,
  keysPerReadMax: 500,
  loadPatienceMs: 25,
  lockTimeoutMs: 2_000,
  statementTimeoutMs: 4_000,
  transactionTimeoutMs: 4_500,
  flushTimeoutMs: 5_000,
  queryTimeoutMs: 10_000,
  connectTimeoutMs: 2_000,
  reconnectMsMin: 20,
  reconnectMsMax: 1_000,
  keepAliveDelayMs: 5_000,
  epochAttemptsMax: 5,
}

export function journalLimits(changes: Partial<JournalLimits> = {}): JournalLimits {
  const limits = { ...defaultJournalLimits, ...changes }
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value > 0, 'a limit is a positive whole number', { name, value })
  }
  assert(limits.lockTimeoutMs < limits.statementTimeoutMs, 'a lock is given up before its statement')
  assert(limits.statementTimeoutMs < limits.transactionTimeoutMs, 'a statement is given up before its session')
  assert(
    limits.transactionTimeoutMs < limits.flushTimeoutMs,
    'a session that stands still is ended by the server before its flush is given up here',
  )
  assert(limits.reconnectMsMin <= limits.reconnectMsMax, 'pauses between connection attempts grow')
  assert(limits.recordBytesMax <= limits.flushBytesMax, 'a decision fits into a flush')
  return limits
}

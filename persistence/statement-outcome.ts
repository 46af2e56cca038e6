/**
 * What became of a statement. The server has refused it for certain only if it said ERROR and then that it is ready for the
 * next one; it has executed it for certain only if it said so without a warning. Everything else is unknown: a lost
 * connection, a timeout, FATAL, an administrator's shutdown, a commit that stopped waiting for its standby (which reports
 * success, with a warning).
 */
import { DatabaseError, type QueryResult } from 'pg'
import { JournalError, type JournalErrorCode } from '../actors/journal.ts'

export type StatementOutcome =
  | { readonly kind: 'done'; readonly result: QueryResult }
  /** Nothing of it is stored. */
  | { readonly kind: 'failed'; readonly error: DatabaseError }
  | { readonly kind: 'unknown'; readonly error: Error }

/** Whether this error, followed by ReadyForQuery, means that nothing was stored. */
export function isDefinite(error: DatabaseError): boolean {
  const code = error.code ?? ''
  return !code.startsWith('08') && !code.startsWith('57P') && code !== '40003'
}

/** Whether a notice during a statement makes its success doubtful. */
export function isDoubtfulNotice(code: string | undefined): boolean {
  return code?.startsWith('01') === true || code?.startsWith('57P') === true
}

/** What a definite failure of an append was about. */
export type FailureCause =
  /** The server as it is now; the same rows may be accepted later. */
  | { readonly about: 'server' }
  /** Somebody has written at this shard's next position. */
  | { readonly about: 'position'; readonly shard: number }
  /** The entity has this sequence already. */
  | { readonly about: 'sequence'; readonly shard: number; readonly entity: string; readonly seq: number }
  /** A row, and the server does not say which. */
  | { readonly about: 'row' }

/** Data exceptions, integrity violations, program limits, errors raised by code in the database: a row's fault. */
const rowClasses: ReadonlySet<string> = new Set(['21', '22', '23', '54', 'P0'])

export function causeOf(error: DatabaseError): FailureCause {
  const code = error.code ?? ''
  if (!rowClasses.has(code.slice(0, 2))) return { about: 'server' }
  if (code !== '23505') return { about: 'row' }
  // "Key (shard, "position")=(5, 7) already exists." or "Key (shard, entity, seq)=(5, \x00…, 3) already exists."
  const key = /=\((\d+), (?:(\d+)|\\x([0-9a-f]{32}), (\d+))\)/.exec(error.detail ?? '')
  const shard = Number(key?.[1])
  if (key?.[2] !== undefined) return { about: 'position', shard }
  if (key?.[3] !== undefined) return { about: 'sequence', shard, entity: key[3], seq: Number(key[4]) }
  return { about: 'row' }
}

/** The server takes no writes, though it answers: a demoted primary. The connection is of no use. */
export function isReadOnly(error: DatabaseError): boolean {
  return error.code === '25006'
}

/** An error in words that hold no row's values: Postgres' own message and detail may. */
export function describe(error: unknown): string {
  if (error instanceof DatabaseError) return ['SQLSTATE', error.code, error.constraint].filter(Boolean).join(' ')
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ')
  if (!(error instanceof Error)) return 'unknown error'
  const code = (error as NodeJS.ErrnoException).code
  return code === undefined ? error.message : code
}

export function journalError(
  code: JournalErrorCode,
  message: string,
  error?: unknown,
  shards: readonly number[] = [],
): JournalError {
  return new JournalError(code, error === undefined ? message : `${message}: ${describe(error)}`, { shards })
}

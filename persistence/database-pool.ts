/**
 * Connections for everything but appends: ownership, reads, cursors, a pool for each purpose that must not wait for another. What is sent here either reads, or is compare-and-set,
 * or inserts what may be inserted again; so a failure needs no classification, and all of them are
 * `journal_unavailable`.
 */
import { type ClientBase, DatabaseError, Pool, type QueryConfig, type QueryResultRow } from 'pg'
import { JournalError } from '../actors/journal.ts'
import { inTransaction } from './commit.ts'
import { clientConfig, prepareConnection, type ServerIdentity } from './connection.ts'
import type { JournalLimits } from './journal-limits.ts'
import { journalError } from './statement-outcome.ts'

export interface DatabasePoolOptions {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly limits: JournalLimits
  /** Sessions have this role's rights; default: those of the user that connects. */
  readonly role?: string
  /** Told of every new connection's server; what it throws closes that connection. */
  readonly connected: (server: ServerIdentity) => void
  /** An idle connection was lost. */
  readonly failed: (error: Error) => void
}

export class DatabasePool {
  readonly #options: DatabasePoolOptions
  #pool: Pool

  constructor(options: DatabasePoolOptions) {
    this.#options = options
    this.#pool = this.#create()
  }

  /**
   * @throws {JournalError} `journal_unavailable`, or `journal_settings_unsafe` from a new connection.
   * @throws {DatabaseError} with a code that is, or is of a class, in `expected`.
   */
  async query<Row extends QueryResultRow>(query: QueryConfig, expected: readonly string[] = []): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(query)).rows
    } catch (error) {
      if (error instanceof JournalError) throw error
      if (error instanceof DatabaseError && expected.some((code) => error.code?.startsWith(code))) throw error
      throw journalError('journal_unavailable', 'the database did not answer', error)
    }
  }

  /**
   * Several statements in one transaction; nothing is stored where this rejects, unless the connection was lost during COMMIT.
   * @throws {JournalError} what `work` threw, or `journal_unavailable`.
   */
  async transaction<Result>(work: (client: ClientBase) => Promise<Result>): Promise<Result> {
    try {
      const client = await this.#pool.connect()
      // the statement under way or the next one fails of it; unheard it would end the process
      const lost = (): void => undefined
      client.on('error', lost)
      let failed = true
      try {
        const result = await inTransaction(client, () => work(client))
        failed = false
        return result
      } finally {
        client.release(failed)
        client.off('error', lost)
      }
    } catch (error) {
      throw error instanceof JournalError ? error : journalError('journal_unavailable', 'a transaction failed', error)
    }
  }

  /** Lets go of all connections: another server has taken over. Queries under way end on theirs. */
  renew(): void {
    const old = this.#pool
    this.#pool = this.#create()
    this.#end(old)
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  #end(pool: Pool): void {
    pool.end().catch((error: unknown) => {
      this.#options.failed(error instanceof Error ? error : new Error('a pool did not end', { cause: error }))
    })
  }

  #create(): Pool {
    const { databaseUrl, applicationName, limits, role, connected, failed } = this.#options
    const prepare = async (client: ClientBase): Promise<void> => {
      connected(await prepareConnection(client, applicationName, limits))
      if (role !== undefined) await client.query("SELECT set_config('role', $1, false)", [role])
    }
    const pool = new Pool({
      ...clientConfig(databaseUrl, limits),
      query_timeout: limits.queryTimeoutMs,
      max: limits.poolMax,
      // A connection that a load balancer or a fail-over has left on the wrong server does not stay for ever.
      maxLifetimeSeconds: limits.connectionAgeSecondsMax,
      // Kept open: the next burst needs them at once.
      min: limits.poolMax,
      // oxlint-disable-next-line typescript/no-misused-promises -- pg-pool waits for it before it hands the connection out
      onConnect: prepare,
    })
    pool.on('error', failed)
    return pool
  }
}

/**
 * Connections that merchants' queries read one database with: apart from those that actors and projectors write with, few, and
 * with little patience, so that reading slows no payment however much of it there is.
 *
 * Guarantees: every session is of the role `shardpay_reader` from its first statement on and cannot write; a query sees
 * the rows of one merchant and mode, told to the database within the query's own transaction, and nothing without being told
 * (row-level security). Leaves to others: what is asked, and which databases have it (queries.ts).
 */
import { type ClientConfig, DatabaseError, Pool, type PoolClient, type QueryConfig, type QueryResultRow } from 'pg'
import { assert } from '../runtime/assert.ts'
import { safeIntegerTypes } from './int8.ts'

export interface QueryLimits {
  /** Connections of one process to one database. */
  readonly connectionsMax: number
  /** Queries that may wait for one; those beyond are refused at once. */
  readonly waitingMax: number
  /** How long a query waits for a connection, and a connection to be made. */
  readonly connectMs: number
  /** Then the server ends a statement. */
  readonly statementMs: number
  /** Then nobody waits for the server any more. */
  readonly answerMs: number
}

export const queryLimits: QueryLimits = {
  connectionsMax: 4,
  waitingMax: 200,
  connectMs: 1_000,
  statementMs: 2_000,
  answerMs: 3_000,
}
assert(queryLimits.statementMs < queryLimits.answerMs, 'the server gives a statement up before we do')

/** The database cannot be asked right now, or took too long. */
export class QueriesUnavailable extends Error {
  override readonly name = 'QueriesUnavailable'
  readonly code = 'read_unavailable'
}

/** Whose rows a query sees. */
export interface RowOwner {
  readonly merchant: string
  readonly live: boolean
}

const ownerText = `SELECT set_config('shardpay.merchant', $1, true), set_config('shardpay.live', $2, true)`

export class QueryPool {
  readonly #pool: Pool
  readonly #limits: QueryLimits

  /** @param lost is told when an idle connection ends; the next query opens another one. */
  constructor(databaseUrl: string, limits: QueryLimits = queryLimits, lost: (error: Error) => void = () => undefined) {
    this.#limits = limits
    const settings = {
      role: 'shardpay_reader',
      default_transaction_read_only: 'on',
      statement_timeout: limits.statementMs,
      idle_in_transaction_session_timeout: limits.statementMs,
      // Plans are for a few rows by an index, also while tables are empty or statistics old.
      enable_seqscan: 'off',
      enable_hashjoin: 'off',
      enable_mergejoin: 'off',
      jit: 'off',
    }
    const config: ClientConfig = {
      connectionString: databaseUrl,
      application_name: 'shardpay queries',
      options: Object.entries(settings)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
      types: safeIntegerTypes,
      connectionTimeoutMillis: limits.connectMs,
      query_timeout: limits.answerMs,
      keepAlive: true,
      // A query's four statements in one round trip.
      pipeline: true,
    }
    this.#pool = new Pool({ ...config, max: limits.connectionsMax, maxLifetimeSeconds: 600 })
    this.#pool.on('error', lost)
  }

  /** What the owner may see of it. @throws {QueriesUnavailable} */
  async ofOwner<Row extends QueryResultRow>({ merchant, live }: RowOwner, query: QueryConfig): Promise<readonly Row[]> {
    return this.#withClient(async (client) => {
      const [, , { rows }, end] = await Promise.all([
        client.query('BEGIN READ ONLY'),
        client.query({ name: 'owner', text: ownerText, values: [merchant, String(live)] }),
        client.query<Row>(query),
        client.query('COMMIT'),
      ])
      assert(end.command === 'COMMIT', 'what was read was read in one transaction', { command: end.command })
      return rows
    })
  }

  /** Of what belongs to nobody. @throws {QueriesUnavailable} */
  async ofNobody<Row extends QueryResultRow>(query: QueryConfig): Promise<readonly Row[]> {
    return this.#withClient(async (client) => (await client.query<Row>(query)).rows)
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  async #withClient<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    if (this.#pool.waitingCount >= this.#limits.waitingMax) throw new QueriesUnavailable('too many queries wait')
    let client: PoolClient | undefined
    // Unheard it would end the process; the statements under way fail of it.
    const lost = (): void => undefined
    let failed = true
    try {
      client = await this.#pool.connect()
      client.on('error', lost)
      const result = await work(client)
      failed = false
      return result
    } catch (error) {
      throw isOurs(error) ? error : new QueriesUnavailable('the database did not answer', { cause: error })
    } finally {
      client?.off('error', lost)
      client?.release(failed)
    }
  }
}

/**
 * What no waiting will cure, and must be seen: a broken assertion, or a statement that the server does not understand or
 * refuses for its values or rights. The rest is a server or a way to it that is away, slow or full.
 */
function isOurs(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(?:0A|22|25006|2F|42)/.test(error.code ?? '')
  return error instanceof Error && error.name === 'AssertionFailure'
}

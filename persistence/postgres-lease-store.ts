/**
 * The membership database in Postgres: the port of cluster/member.ts over `node_lease` and the tables of the policy.
 *
 * Renewals have a connection of their own and a bound of their own, connecting included. One that hangs is given up and its
 * connection destroyed; the next renewal makes a new one. So neither a frozen connection nor a queue of other statements
 * keeps a living process from renewing, and a renewal that arrives late adds one to a counter, which revives nobody
 * (Effect-TS/effect#6508: a lock's refresh hung on a dead connection, and two owners ran).
 *
 * Every change is one statement with its condition in it: dead is permanent, a death is declared once. Rows of the dead are
 * never deleted: an incarnation without a row counts as not dead, and its shards could never be taken.
 */
import type { QueryResultRow } from 'pg'
import { JournalError } from '../actors/journal.ts'
import {
  assertIncarnation,
  assertPolicyChange,
  type Deaths,
  type Incarnation,
  LeaseError,
  type LeaseStore,
  type Membership,
  nameOf,
  type PolicyChange,
} from '../cluster/member.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { type Log, silentLog } from '../runtime/log.ts'
import { sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import { type JournalLimits, journalLimits } from './journal-limits.ts'
import { type LeaseLimits, leaseLimits } from './lease-limits.ts'
import { changeStatement, type MembershipRow, membershipText, toMembership } from './membership-rows.ts'
import { Session } from './session.ts'
import { describe } from './statement-outcome.ts'

export interface PostgresLeaseStoreOptions {
  /** Of the membership database, the first of the journal databases. */
  readonly databaseUrl: string
  /** Whose connections these are. */
  readonly self: Incarnation
  readonly clock?: Clock
  readonly log?: Log
  readonly limits?: Partial<LeaseLimits>
}

const renewText = `
  UPDATE node_lease SET renewals = renewals + 1, draining = $3
  WHERE node = $1 AND incarnation = $2 AND state = 'alive'`

const declareText = `
  UPDATE node_lease SET state = 'dead'
  WHERE node = $1 AND incarnation = $2 AND state = 'alive' AND ($3::bigint IS NULL OR renewals = $3)
  RETURNING node`

const deadText = `
  SELECT l.node, l.incarnation FROM unnest($1::text[], $2::text[]) AS a (node, incarnation)
  JOIN node_lease l USING (node, incarnation) WHERE l.state = 'dead'`

export class PostgresLeaseStore implements LeaseStore, Deaths {
  readonly #options: PostgresLeaseStoreOptions
  readonly #clock: Clock
  readonly #limits: LeaseLimits
  readonly #sessionLimits: JournalLimits
  readonly #pool: DatabasePool
  /** The renewals' connection, while no renewal uses it. */
  #spare: Session | undefined
  #closed = false

  private constructor(options: PostgresLeaseStoreOptions) {
    assertIncarnation(options.self)
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limits = leaseLimits(options.limits)
    const { renewalTimeoutMs, renewalStatementTimeoutMs, connectTimeoutMs } = this.#limits
    const { statementTimeoutMs, queryTimeoutMs, poolMax } = this.#limits
    const timeouts = (statement: number): Partial<JournalLimits> => ({
      lockTimeoutMs: statement - 1,
      statementTimeoutMs: statement,
      transactionTimeoutMs: statement + 1,
      flushTimeoutMs: statement + 2,
    })
    this.#sessionLimits = journalLimits({ ...timeouts(renewalStatementTimeoutMs), connectTimeoutMs: renewalTimeoutMs })
    const log = options.log ?? silentLog
    this.#pool = new DatabasePool({
      databaseUrl: options.databaseUrl,
      applicationName: `${sessionTag(options.self)}members`,
      limits: journalLimits({ ...timeouts(statementTimeoutMs), queryTimeoutMs, connectTimeoutMs, poolMax }),
      connected: () => undefined,
      failed: (error) => log.warn({ reason: describe(error) }, 'a connection to the membership database was lost'),
    })
  }

  /** @throws {LeaseError} `membership_unavailable`; {JournalError} `journal_settings_unsafe`. */
  static async connect(options: PostgresLeaseStoreOptions): Promise<PostgresLeaseStore> {
    const store = new PostgresLeaseStore(options)
    try {
      await store.read()
    } catch (error) {
      await store.close()
      const { cause } = error as LeaseError
      throw cause instanceof JournalError && cause.code === 'journal_settings_unsafe' ? cause : error
    }
    return store
  }

  async start(self: Incarnation, details: { readonly address: string; readonly build: string }): Promise<void> {
    assertIncarnation(self)
    const { node, incarnation } = self
    const refused = await this.#asked('an incarnation could not be started', () =>
      this.#pool.transaction(async (client) => {
        // Asked first: an old incarnation that starts a second time must not end the one that lives.
        const known = await client.query('SELECT FROM node_lease WHERE node = $1 AND incarnation = $2', [
          node,
          incarnation,
        ])
        if (known.rowCount !== 0) return 'used'
        await client.query(`UPDATE node_lease SET state = 'dead' WHERE node = $1 AND state <> 'dead'`, [node])
        const inserted = await client.query(
          `INSERT INTO node_lease (node, incarnation, address, build, state) VALUES ($1, $2, $3, $4, 'alive')
          ON CONFLICT DO NOTHING`,
          [node, incarnation, details.address, details.build],
        )
        return inserted.rowCount === 0 ? 'overtaken' : undefined
      }),
    )
    if (refused === 'used') throw new LeaseError('incarnation_used', `${nameOf(self)} has been started before`)
    if (refused === 'overtaken') throw unavailable(`another incarnation of ${node} is starting at this moment`)
  }

  async renew(self: Incarnation, draining: boolean): Promise<'renewed' | 'dead'> {
    const giveUpAt = this.#clock.monotonic() + this.#limits.renewalTimeoutMs
    const session = await this.#renewalSession()
    const leftMs = Math.max(1, giveUpAt - this.#clock.monotonic())
    const values = [self.node, self.incarnation, draining]
    const outcome = await session.run({ name: 'renew', text: renewText, values }, leftMs)
    if (outcome.kind !== 'unknown') await this.#keep(session)
    if (outcome.kind !== 'done') throw unavailable('a renewal failed', outcome.error)
    return outcome.result.rowCount === 1 ? 'renewed' : 'dead'
  }

  async read(): Promise<Membership> {
    const [row] = await this.#query<MembershipRow>('members', membershipText, [])
    if (row === undefined) throw unavailable('the membership database did not answer')
    return toMembership(row)
  }

  async declareDead({ node, incarnation }: Incarnation, renewals: number | undefined): Promise<boolean> {
    const declared = await this.#query('declare', declareText, [node, incarnation, renewals ?? null])
    return declared.length === 1
  }

  async change(change: PolicyChange): Promise<void> {
    assertPolicyChange(change)
    const { text, values } = changeStatement(change)
    await this.#query(undefined, text, values)
  }

  async dead(of: readonly Incarnation[]): Promise<readonly Incarnation[]> {
    const values = [of.map(({ node }) => node), of.map(({ incarnation }) => incarnation)]
    return this.#query<{ node: string; incarnation: string }>('dead', deadText, values)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const spare = this.#spare
    this.#spare = undefined
    await Promise.all([spare?.end(), this.#pool.close()])
  }

  async #renewalSession(): Promise<Session> {
    this.#assertOpen()
    const spare = this.#spare
    this.#spare = undefined
    if (spare?.isLost === false) return spare
    try {
      return await Session.connect({
        databaseUrl: this.#options.databaseUrl,
        applicationName: `${sessionTag(this.#options.self)}lease`,
        limits: this.#sessionLimits,
        clock: this.#clock,
      })
    } catch (error) {
      throw unavailable('no connection for renewals', error)
    }
  }

  async #keep(session: Session): Promise<void> {
    if (this.#closed || this.#spare !== undefined) await session.end()
    else this.#spare = session
  }

  #query<Row extends QueryResultRow>(name: string | undefined, text: string, values: unknown[]): Promise<Row[]> {
    const query = { text, values, ...(name !== undefined && { name }) }
    return this.#asked('the membership database did not answer', () => this.#pool.query<Row>(query))
  }

  async #asked<Result>(trouble: string, ask: () => Promise<Result>): Promise<Result> {
    this.#assertOpen()
    try {
      return await ask()
    } catch (error) {
      throw error instanceof LeaseError ? error : unavailable(trouble, error)
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw unavailable('the store is closed')
  }
}

function unavailable(message: string, error?: unknown): LeaseError {
  return new LeaseError(
    'membership_unavailable',
    error === undefined ? message : `${message}: ${describe(error)}`,
    error === undefined ? undefined : { cause: error },
  )
}

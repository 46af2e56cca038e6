/**
 * A second set of the read side's tables, in the schema `read_next`, for folding the journal once more beside what is read.
 *
 * Guarantees:
 * - It is made from the tables that are there, as migrations have left them: columns, constraints, indexes, policies, rights.
 *   What could not be made alike, or was changed meanwhile, is found before anything is swapped.
 * - The live tables are touched by one transaction alone, the swap: it locks them all, in the projector's order, waits no longer
 *   for that than it was told, and commits only where every cursor of the second set has reached the live one.
 * - One rebuild of a database at a time: it holds an advisory lock, in the session that swaps. Whatever ends that session
 *   ends the rebuild. What it leaves behind, the next one removes.
 *
 * Whoever reads several tables as of one moment has to lock one of them before that moment (journal-chain-reading.ts): of
 * tables that are swapped in later it would see nothing. Leaves to others: what rows come of the journal.
 */
import { type Client, DatabaseError } from 'pg'
import { maskSecrets } from '../runtime/log.ts'
import { cloneStatements, definitionDifference } from './read-next-definition.ts'
import { projectorRole } from './read-cursor.ts'
import { isDefinite } from './statement-outcome.ts'

/** Where `--keep-old` puts what was live. */
export const keptSchema = 'read_old'
/** What was live goes here else: {@link ReadNext.drop} removes it when nobody waits for it any more. */
const replacedSchema = 'read_replaced'

/** As a text of eight bytes: "readnext". */
const lockKey = '8243101776948328564'

/** In the order in which the projector's statement names them: whoever locks them in another order may meet it halfway. */
const names = ['payment', 'refund', 'dispute', 'transfer', 'balance']
const tables = names.map((name) => `read.${name}`).join(', ')
const parents = names.map((name) => `ONLY read.${name}`).join(', ')

export type ReadNextErrorCode =
  | 'rebuild_running'
  | 'rebuild_not_migrated'
  | 'rebuild_not_owner'
  | 'rebuild_old_kept'
  | 'rebuild_replicated'
  | 'rebuild_definition'
  | 'rebuild_outcome_unknown'

export class ReadNextError extends Error {
  override readonly name = 'ReadNextError'
  readonly code: ReadNextErrorCode

  constructor(code: ReadNextErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface ShardLag {
  readonly shard: number
  /** Of its owner; 0: nobody ever had it. */
  readonly epoch: number
  /** Position of what is read. */
  readonly live: number
  readonly next: number
}

export interface ShardCursors extends ShardLag {
  /** Of the journal's last row; 0: it has none. */
  readonly tail: number
}

export type SwapOutcome =
  | { readonly kind: 'swapped'; readonly heldMs: number }
  /** `reach` could not do it in time. */
  | { readonly kind: 'behind' }
  /** Others use the tables. */
  | { readonly kind: 'in_use'; readonly by: readonly string[] }

export interface SwapOptions {
  /** Milliseconds that others wait behind the lock, at most, where it is not had. */
  readonly lockMs: number
  /** What was live is kept under {@link keptSchema}. */
  readonly keepsOld: boolean
  /** Folds up to where the live cursors are, while nobody moves them. False: nothing is swapped. */
  readonly reach: (behind: readonly ShardLag[]) => Promise<boolean>
}

export class ReadNext {
  /** Of the tables. */
  readonly owner: string
  /** Whether an interrupted rebuild had left tables behind. */
  readonly hadLeftovers: boolean
  readonly #client: Client

  private constructor(client: Client, owner: string, hadLeftovers: boolean) {
    this.#client = client
    this.owner = owner
    this.hadLeftovers = hadLeftovers
  }

  /**
   * Empty tables, with cursors at 0.
   * @param client of a session that does nothing else until the end.
   * @throws {ReadNextError}
   */
  static async create(
    client: Client,
    options: { readonly keepsOld: boolean; readonly isDryRun?: boolean },
  ): Promise<ReadNext> {
    await client.query(
      `SET application_name = 'shardpay-rebuild'; SET statement_timeout = 0; SET idle_session_timeout = 0;
      SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s'`,
    )
    const owner = await ownerOf(client)
    const { rows: locks } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [lockKey])
    if (locks[0]?.held !== true) {
      throw new ReadNextError('rebuild_running', 'another rebuild of this database is under way')
    }
    await client.query(`SELECT set_config('role', $1, false)`, [owner])
    const { rows } = await client.query<{ left: boolean; kept: boolean }>(
      `SELECT coalesce(to_regnamespace('read_next'), to_regnamespace($1)) IS NOT NULL AS left,
        to_regnamespace($2) IS NOT NULL AS kept`,
      [replacedSchema, keptSchema],
    )
    if (options.keepsOld && rows[0]?.kept === true) {
      throw new ReadNextError('rebuild_old_kept', `the schema ${keptSchema} holds what an earlier rebuild kept`)
    }
    await refusePublished(client, options.isDryRun === true)
    const next = new ReadNext(client, owner, rows[0]?.left === true)
    await next.drop()
    await next.#create()
    return next
  }

  async #create(): Promise<void> {
    await this.#transaction(async () => {
      await this.#client.query(`CREATE SCHEMA read_next;
        GRANT USAGE ON SCHEMA read_next TO ${projectorRole}, shardpay_auditor;
        COMMENT ON SCHEMA read_next IS 'Of shardpay projections rebuild, while it runs; the next one removes it.'`)
      for (const statement of await cloneStatements(this.#client)) await this.#client.query(statement)
      await this.#client.query(`SELECT ${monthsCall}`)
      await this.#client.query(`INSERT INTO shard_cursor (shard, consumer)
        SELECT shard, 'read_next' FROM shard_cursor WHERE consumer = 'read'`)
      await this.#compareDefinitions()
    })
  }

  async cursors(): Promise<readonly ShardCursors[]> {
    const { rows } = await this.#client.query<ShardCursors>(cursorsText)
    return rows
  }

  /** Statistics of what was filled, so that the first plans over it are good ones. */
  async analyze(): Promise<void> {
    await this.#client.query(`ANALYZE ${tables.replaceAll('read.', 'read_next.')}`)
  }

  /** @throws {ReadNextError} where tables differ by definition, or nobody knows whether they were swapped. */
  async swap({ lockMs, keepsOld, reach }: SwapOptions): Promise<SwapOutcome> {
    let beganAt = 0
    let isCommitting = false
    try {
      await this.#transaction(async () => {
        // Nobody waits for this one but who would make a month, or change the tables.
        await this.#client.query(
          `SET LOCAL lock_timeout = ${lockMs}; LOCK TABLE ${parents} IN SHARE UPDATE EXCLUSIVE MODE`,
        )
        await this.#compareDefinitions()
        await refusePublished(this.#client, false)
        await this.#client.query(`SELECT ${monthsCall}`)
        beganAt = performance.now()
        await this.#client.query(`LOCK TABLE ${tables} IN ACCESS EXCLUSIVE MODE`)
        const behind = await this.#behind()
        if (!(await reach(behind))) throw new NotYet()
        if (behind.length > 0 && (await this.#behind()).length > 0) throw new NotYet()
        await this.#client.query(swapText(keepsOld ? keptSchema : replacedSchema))
        isCommitting = true
      })
      return { kind: 'swapped', heldMs: performance.now() - beganAt }
    } catch (error) {
      if (error instanceof NotYet) return { kind: 'behind' }
      if (isCommitting && !(error instanceof DatabaseError && isDefinite(error))) {
        const message = 'the connection was lost while the tables were swapped: they were, or nothing was changed'
        throw new ReadNextError('rebuild_outcome_unknown', message, { cause: error })
      }
      if (error instanceof DatabaseError && isLockFailure(error)) return { kind: 'in_use', by: await this.#users() }
      throw error
    }
  }

  /** Everything of a rebuild but the live tables, and what is kept. */
  async drop(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#client.query(dropText)
        return
      } catch (error) {
        if (tries >= dropTriesMax || !(error instanceof DatabaseError && isLockFailure(error))) throw error
      }
    }
  }

  async #compareDefinitions(): Promise<void> {
    const difference = await definitionDifference(this.#client)
    if (difference === undefined) return
    throw new ReadNextError('rebuild_definition', `the new tables are not made as the live ones are: ${difference}`)
  }

  /** Shards whose live cursor is ahead. */
  async #behind(): Promise<readonly ShardLag[]> {
    const { rows } = await this.#client.query<ShardLag>(behindText)
    return rows
  }

  /** Who else has locks on the live tables, the longest first. */
  async #users(): Promise<readonly string[]> {
    const { rows } = await this.#client.query<{ name: string; pid: number; seconds: number }>(usersText)
    return rows.map(
      ({ name, pid, seconds }) => `${name === '' ? 'a session' : maskSecrets(name)} (pid ${pid}, for ${seconds} s)`,
    )
  }

  async #transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.#client.query('BEGIN')
    try {
      const result = await work()
      await this.#client.query('COMMIT')
      return result
    } catch (error) {
      // of a connection that is lost, nothing is left to be rolled back
      await this.#client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}

/** Nothing is swapped for now. */
class NotYet extends Error {}

/** @throws {ReadNextError} where the session's user may not act for them. */
async function ownerOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ owner: string; may: boolean }>(
    `SELECT relowner::regrole::text AS owner, pg_has_role(relowner, 'SET') AS may
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE nspname = 'read' AND relname = 'payment'`,
  )
  const [found] = rows
  if (found === undefined) throw new ReadNextError('rebuild_not_migrated', 'the database has no read side')
  if (found.may) return found.owner
  throw new ReadNextError('rebuild_not_owner', `only ${found.owner}, who owns the tables, may rebuild them`)
}

/**
 * A logical replica is told of changes alone: of tables that are swapped in it would have the rows that change afterwards, beside
 * the old ones, and answer with sums of both.
 * @param isDryRun nothing will be swapped; but a publication of all tables has the new ones too.
 * @throws {ReadNextError}
 */
async function refusePublished(client: Client, isDryRun: boolean): Promise<void> {
  const { rows } = await client.query<{ pubname: string }>(
    `SELECT DISTINCT pubname FROM pg_publication_tables JOIN pg_publication USING (pubname)
    WHERE schemaname = 'read' AND (puballtables OR NOT $1::boolean) ORDER BY pubname LIMIT 1`,
    [isDryRun],
  )
  const [found] = rows
  if (found === undefined) return
  throw new ReadNextError(
    'rebuild_replicated',
    `logical replicas follow the live tables by the publication ${found.pubname}`,
  )
}

/** lock_not_available, deadlock_detected */
function isLockFailure({ code }: DatabaseError): boolean {
  return code === '55P03' || code === '40P01'
}

const lagColumns = 'r.shard, coalesce(o.epoch, 0) AS epoch, r.position AS live, n.position AS next'
const bothCursors = `shard_cursor r JOIN shard_cursor n ON n.shard = r.shard AND n.consumer = 'read_next'
  LEFT JOIN shard_owner o ON o.shard = r.shard`

const behindText = `SELECT ${lagColumns} FROM ${bothCursors} WHERE r.consumer = 'read' AND n.position < r.position ORDER BY r.shard`

const cursorsText = `
  SELECT ${lagColumns}, coalesce(j.position, 0) AS tail FROM ${bothCursors}
  LEFT JOIN LATERAL (
    SELECT position FROM journal j WHERE j.shard = r.shard ORDER BY position DESC LIMIT 1
  ) j ON true
  WHERE r.consumer = 'read' ORDER BY r.shard`

/** Every month that the live tables have: owners know that they are there. */
const monthsCall = `
  read.ensure_partitions(m.start, m.start, 'read_next') FROM (
    SELECT DISTINCT (extract(epoch FROM to_date(right(relname, 7), 'YYYY_MM')) * 1000)::bigint AS start FROM pg_class
    WHERE relnamespace = 'read'::regnamespace AND relispartition AND relkind = 'r'
  ) m ORDER BY m.start`

/** Statements that waited for the tables while they were swapped lock them once more before they see it: in their order. */
const dropText = `DO $$
  BEGIN
    IF to_regnamespace('${replacedSchema}') IS NOT NULL THEN
      LOCK TABLE ${names.map((name) => `${replacedSchema}.${name}`).join(', ')} IN ACCESS EXCLUSIVE MODE;
    END IF;
    DROP SCHEMA IF EXISTS read_next, ${replacedSchema} CASCADE;
    DELETE FROM shard_cursor WHERE consumer = 'read_next';
  END $$`
/** Who locks them otherwise may meet it halfway, and is gone the next time. */
const dropTriesMax = 5

/** Of all tables of a schema, with their partitions: publications and functions belong to the schema and stay. */
function moveText(from: string, to: string): string {
  return `
    FOR moved IN SELECT relname FROM pg_class
      WHERE relnamespace = '${from}'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
    LOOP
      EXECUTE format('ALTER TABLE ${from}.%I SET SCHEMA ${to}', moved);
    END LOOP;`
}

/** One statement: whoever reads waits for it. A cursor may have been behind; its owner finds it where it is then. */
function swapText(replaced: string): string {
  return `DO $$
  DECLARE moved text;
  BEGIN
    CREATE SCHEMA ${replaced};
    ${moveText('read', replaced)}
    ${moveText('read_next', 'read')}
    UPDATE shard_cursor r SET position = n.position FROM shard_cursor n
    WHERE r.consumer = 'read' AND n.consumer = 'read_next' AND n.shard = r.shard AND n.position > r.position;
    DELETE FROM shard_cursor WHERE consumer = 'read_next';
    DROP SCHEMA read_next;
  END $$`
}

const usersText = `
  SELECT DISTINCT ON (l.pid) coalesce(a.application_name, '') AS name, l.pid,
    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::int AS seconds
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.granted AND c.relnamespace IN ('read'::regnamespace, 'read_next'::regnamespace) AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY l.pid`

/**
 * A journal database read as of one moment: one read-only snapshot, rows through a server-side cursor, the next batch
 * fetched while the last one is judged. Memory is two batches, however long the journal is.
 */
import { Client } from 'pg'
import type { JournalRow, JournalSource, TimerRows } from './journal-source.ts'

const rowsPerFetch = 5_000

type Columns = [number, string, Buffer, number, number, Buffer, string, string, Buffer]

export class PostgresJournal implements JournalSource {
  readonly name: string
  readonly #client: Client

  private constructor(name: string, client: Client) {
    this.name = name
    this.#client = client
  }

  /**
   * Opens the snapshot; what is committed later is not seen.
   * @throws where the server cannot be reached, or payments are archived: a judge of whole journals has nothing to say without their rows.
   */
  static async open(url: string): Promise<PostgresJournal> {
    const { hostname, port, pathname } = new URL(url)
    const client = new Client({ connectionString: url, application_name: 'shardpay-audit' })
    // the statement that runs, or the next one, fails of it
    client.on('error', () => undefined)
    await client.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await client.query('SET LOCAL transaction_timeout = 0; SET LOCAL statement_timeout = 0')
    const name = `${hostname}:${port}${pathname}`
    const { rows } = await client.query<{ payments: number }>('SELECT count(*)::int AS payments FROM journal_archived')
    const payments = rows[0]?.payments ?? 0
    if (payments > 0) {
      await client.end()
      throw new Error(`${payments} payments of ${name} are archived: shardpay journal restore them before an audit`)
    }
    return new PostgresJournal(name, client)
  }

  async *rows(first: number, last: number): AsyncGenerator<readonly JournalRow[]> {
    await this.#client.query(
      `DECLARE audited NO SCROLL CURSOR FOR
       SELECT shard, position, entity, seq, epoch, command, type, at, data FROM journal
       WHERE shard BETWEEN ${first} AND ${last} ORDER BY shard, position`,
    )
    let next = this.#fetch()
    for (;;) {
      const rows = await next
      if (rows.length === 0) break
      next = this.#fetch()
      // awaited on the next turn; where the reader stops early, its failure is nobody's
      next.catch(() => undefined)
      yield rows
    }
    await this.#client.query('CLOSE audited')
  }

  async timers(first: number, last: number): Promise<TimerRows> {
    const { rows: timers } = await this.#client.query<{ entity: string; due: string }>(
      `SELECT encode(entity, 'hex') AS entity, min(due) AS due FROM timer WHERE shard BETWEEN $1 AND $2 GROUP BY entity`,
      [first, last],
    )
    const { rows: cursors } = await this.#client.query<{ shard: number; position: string }>(
      `SELECT shard, position FROM shard_cursor WHERE consumer = 'actors' AND shard BETWEEN $1 AND $2`,
      [first, last],
    )
    return {
      due: new Map(timers.map(({ entity, due }) => [entity, Number(due)])),
      cursors: new Map(cursors.map(({ shard, position }) => [shard, Number(position)])),
    }
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  async #fetch(): Promise<readonly JournalRow[]> {
    const { rows } = await this.#client.query<Columns>({ text: `FETCH ${rowsPerFetch} FROM audited`, rowMode: 'array' })
    return rows.map(([shard, position, entity, seq, epoch, command, type, at, data]) => ({
      shard,
      position: Number(position),
      entity: entity.toString('hex'),
      seq,
      epoch,
      command: command.toString('hex'),
      type,
      at: Number(at),
      data,
    }))
  }
}

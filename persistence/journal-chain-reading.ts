/**
 * A journal database as of one moment, for proofs: one read-only snapshot, read by a role that may change nothing and sees no
 * personal data. What is committed later is not seen, so a proof may run while payments are taken.
 */
import { Client } from 'pg'
import { copyRows } from './copy-rows.ts'
import { chainedColumns, digestOf } from './journal-chain.ts'
import type { ChainBlock } from './journal-chain-proof.ts'
import { safeIntegerTypes } from './int8.ts'
import type { LogEntry, StandIn } from './journal-archive-log.ts'
import { logText, standInColumns, type StoredStandIn, toStandIn } from './stand-in-rows.ts'

/** What a proof of the journal looks at. */
export interface ProofRow {
  readonly shard: number
  readonly position: number
  /** 32 hexadecimal digits. */
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** Unix milliseconds. */
  readonly at: number
  /** As {@link digestOf} makes it. */
  readonly digest: string
}

export class ProofSnapshot {
  /** For what else is read as of the same moment. */
  readonly client: Client

  private constructor(client: Client) {
    this.client = client
  }

  static async open(databaseUrl: string): Promise<ProofSnapshot> {
    const client = new Client({
      connectionString: databaseUrl,
      application_name: 'shardpay-proof',
      types: safeIntegerTypes,
    })
    // the statement that runs, or the next one, fails of it
    client.on('error', () => undefined)
    await client.connect()
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
      await client.query(
        `SET LOCAL transaction_timeout = 0; SET LOCAL statement_timeout = 0; SET LOCAL jit = off;
        SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL ROLE shardpay_auditor`,
      )
      // Before the moment is fixed: tables that are swapped in after it would hold nothing yet, as of it (read-next.ts).
      await client.query('LOCK TABLE ONLY read.payment IN ACCESS SHARE MODE')
    } catch (error) {
      await client.end()
      throw error
    }
    return new ProofSnapshot(client)
  }

  /** Rows of a shard, epoch records included, in order of position. */
  rows(shard: number, visit: (row: ProofRow) => void): Promise<void> {
    const text = `SELECT position, ${chainedColumns} FROM journal WHERE shard = ${shard} ORDER BY position`
    return copyRows(this.client, text, (row) => {
      const position = row.int8()
      const digest = digestOf(row.rest())
      const ofShard = row.int4()
      const entity = row.hex()
      const seq = row.int4()
      const epoch = row.int4()
      row.skip()
      visit({ shard: ofShard, position, entity, seq, epoch, at: row.int8(), digest })
    })
  }

  /** Blocks of the shard's chain, in order of position. */
  async chain(shard: number): Promise<readonly ChainBlock[]> {
    const text = `SELECT first_position, last_position, hash, digests FROM journal_chain
      WHERE shard = ${shard} ORDER BY first_position`
    const blocks: ChainBlock[] = []
    await copyRows(this.client, text, (row) => {
      const [first, last] = [row.int8(), row.int8()]
      blocks.push({ first, last, hash: Buffer.from(row.bytes()), digests: Buffer.from(row.bytes()) })
    })
    return blocks
  }

  /** What stands in for archived rows of a shard, without personal data; in order of entity. */
  async standIns(shard: number): Promise<readonly StandIn[]> {
    const { rows } = await this.client.query<StoredStandIn>({
      name: 'stand_ins_of_shard',
      text: `SELECT ${standInColumns} FROM journal_archived a WHERE a.shard = $1 ORDER BY a.entity`,
      values: [shard],
    })
    return rows.map(toStandIn)
  }

  /** What was archived and restored of a shard, in order. */
  async archiveLog(shard: number): Promise<readonly LogEntry[]> {
    const values = [shard]
    return (await this.client.query<LogEntry>({ name: 'archive_log_of_shard', text: logText, values })).rows
  }

  /** `database_id` of the database; null where no process was ever started with it. */
  async databaseId(): Promise<string | null> {
    const { rows } = await this.client.query<{ id: string | null }>('SELECT database_id::text AS id FROM cluster_meta')
    return rows[0]?.id ?? null
  }

  /** Nothing was written: the connection is all there is to end. */
  close(): Promise<void> {
    return this.client.end()
  }
}

/**
 * A journal database as of one moment, for proofs: one read-only snapshot, read by a role that may change nothing and sees no
 * personal data. What is committed later is not seen, so a proof may run while payments are taken.
 */
import { Client } from 'pg'
import { copyRows } from './journal-chain-copy.ts'
import { chainedColumns } from './journal-chain.ts'
import type { ChainBlock } from './journal-chain-proof.ts'
import { safeIntegerTypes } from './int8.ts'

/** A row without its private part. `data` and `columns` live until the visitor returns. */
export interface ProofRow {
  readonly shard: number
  readonly position: number
  /** 32 hexadecimal digits. */
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly type: string
  /** Unix milliseconds. */
  readonly at: number
  readonly data: Buffer
  /** What the row's digest is made of. */
  readonly columns: Buffer
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
    } catch (error) {
      await client.end()
      throw error
    }
    return new ProofSnapshot(client)
  }

  /** Rows of a shard, epoch records included, in order of position. */
  rows(shard: number, visit: (row: ProofRow) => void): Promise<void> {
    const text = `SELECT position, ${chainedColumns} FROM journal WHERE shard = ${shard} ORDER BY position`
    return copyRows(this.client, text, (fields, columns) => {
      const [position, , entity, seq, epoch, , at, type, data] = fields as readonly Buffer[]
      visit({
        shard,
        position: int8Of(position as Buffer),
        entity: (entity as Buffer).toString('hex'),
        seq: (seq as Buffer).readInt32BE(),
        epoch: (epoch as Buffer).readInt32BE(),
        type: (type as Buffer).toString('latin1'),
        at: int8Of(at as Buffer),
        data: data as Buffer,
        columns,
      })
    })
  }

  async chain(shard: number): Promise<readonly ChainBlock[]> {
    const { rows } = await this.client.query<ChainBlock>({
      name: 'chain_of_shard',
      text: `SELECT first_position AS first, last_position AS last, hash, digests FROM journal_chain
        WHERE shard = $1 ORDER BY first_position`,
      values: [shard],
    })
    return rows
  }

  /** Nothing was written: the connection is all there is to end. */
  close(): Promise<void> {
    return this.client.end()
  }
}

function int8Of(bytes: Buffer): number {
  return bytes.readInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
}

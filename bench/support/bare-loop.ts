/**
 * What the journal is compared with: the same rows into a table of the same shape, by the shortest statement that can
 * write them. No ownership, no predecessor, no fence, no settling of outcomes.
 */
import { Client } from 'pg'
import type { DecisionRecord } from '../../actors/journal.ts'
import { shardCount } from '../../domain/ids.ts'
import { byteaArray, byteaArrayOfHex } from '../../persistence/binary-arrays.ts'
import { recordNumber } from './journal-rows.ts'

export const bareTable = 'bench_bare'

/** The journal's table once more, partitions and indexes included. */
export const createBareTable = `
  CREATE TABLE ${bareTable} (LIKE journal INCLUDING ALL) PARTITION BY RANGE (shard);
  DO $$
  BEGIN
    FOR part IN 0..15 LOOP
      EXECUTE format(
        'CREATE TABLE ${bareTable}_p%s PARTITION OF ${bareTable} FOR VALUES FROM (%s) TO (%s) WITH (fillfactor = 100)',
        part, part * 64, (part + 1) * 64);
    END LOOP;
  END
  $$`

const insert = `
  INSERT INTO ${bareTable} (shard, position, entity, seq, epoch, command, type, at, data, private, key_id)
  SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[], $4::int[], $5::int[], $6::bytea[], $7::text[], $8::bigint[],
    $9::bytea[], $10::bytea[], $11::text[])`

interface BareLane {
  readonly client: Client
  inFlight: Promise<unknown>
}

/**
 * Writes rows by number and gives each shard its positions. A lane is one connection with one statement in flight; the
 * next batch is made while it runs.
 */
export class BareLoop {
  readonly #lanes: BareLane[] = []
  readonly #positions = new Int32Array(shardCount)
  #next = 0

  /** Rows written so far: all numbers below it. */
  get rows(): number {
    return this.#next
  }

  /** Opens connections until there are `lanes`. */
  async connect(url: string, lanes: number): Promise<void> {
    while (this.#lanes.length < lanes) {
      const client = new Client({ connectionString: url })
      await client.connect()
      this.#lanes.push({ client, inFlight: Promise.resolve() })
    }
  }

  /** Writes one batch; resolves when it is committed. */
  async write(lane: number, batch: number): Promise<void> {
    const connection = this.#lanes[lane]
    if (connection === undefined) throw new Error(`lane ${lane} is not connected`)
    const values = this.#makeBatch(batch)
    const written = connection.inFlight.then(() => connection.client.query({ name: 'bare', text: insert, values }))
    connection.inFlight = written
    const { rowCount } = await written
    if (rowCount !== batch) throw new Error(`${rowCount} rows written of ${batch}`)
  }

  async close(): Promise<void> {
    for (const { client } of this.#lanes.splice(0)) await client.end()
  }

  #makeBatch(batch: number): unknown[] {
    const records = Array.from({ length: batch }, () => recordNumber(this.#next++))
    const positions = records.map(({ shard }) => {
      const position = (this.#positions[shard] ?? 0) + 1
      this.#positions[shard] = position
      return position
    })
    return parameters(records, positions)
  }
}

function parameters(records: readonly DecisionRecord[], positions: readonly number[]): unknown[] {
  return [
    records.map(({ shard }) => shard),
    positions,
    byteaArrayOfHex(records.map(({ entity }) => entity)),
    records.map(({ seq }) => seq),
    records.map(() => 1),
    byteaArrayOfHex(records.map(({ command }) => command)),
    records.map(({ type }) => type),
    records.map(({ at }) => at),
    byteaArray(records.map(({ data }) => data)),
    byteaArray(records.map((record) => record.private)),
    records.map(({ keyId }) => keyId),
  ]
}

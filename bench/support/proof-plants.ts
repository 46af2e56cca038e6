/** Corruptions that whoever has all rights on the database could plant, each in a shard of its own; and who finds them. */
import type { Client } from 'pg'
import { shardCount } from '../../domain/ids.ts'
import type { Proof } from './proof-command.ts'

export interface Plant {
  readonly what: string
  readonly foundBy: Proof
  /** All of them where it is found only over all. */
  readonly shards: readonly number[]
  /** What the proof has to say of it. */
  readonly named: RegExp
}

interface Row {
  readonly position: string
  readonly n: number
  readonly entity: string
  readonly first: string
}

interface PlantedKind {
  readonly what: string
  readonly foundBy: Proof
  /** Balances are of no shard. */
  readonly isOverAll?: true
  readonly statements: (shard: number, row: Row) => readonly string[]
  readonly named: (row: Row) => string
}

const transfer = (shard: number, { position, n }: Row): string =>
  `WHERE shard = ${shard} AND position = ${position} AND n = ${n}`
const decision = (shard: number, { position }: Row): string => `WHERE shard = ${shard} AND position = ${position}`
const payment = ({ entity }: Row): string => `WHERE entity = '\\x${entity}'`
const transferColumns = 'amount, shard, live, entity, merchant, currency, debit, credit, phase, connection, operation'

const kinds: readonly PlantedKind[] = [
  {
    what: 'a balance changed by one',
    foundBy: 'ledger',
    isOverAll: true,
    statements: (_shard, row) => [
      `UPDATE read.balance SET debits = debits + 1 WHERE account = 'psp_receivable'
        AND merchant = (SELECT merchant FROM read.payment ${payment(row)})`,
    ],
    named: () => 'psp_receivable of mer_bench\\d+ .*: debits are \\d+, the transfers come to \\d+',
  },
  {
    what: 'an amount of the ledger changed by one',
    foundBy: 'ledger',
    statements: (shard, row) => [`UPDATE read.transfer SET amount = amount + 1 ${transfer(shard, row)}`],
    named: ({ position, n }) => `position ${position}, transfer ${n}: amount is 5000, the journal says 4999`,
  },
  {
    what: 'a transfer removed',
    foundBy: 'ledger',
    statements: (shard, row) => [`DELETE FROM read.transfer ${transfer(shard, row)}`],
    named: ({ position, n }) => `position ${position}, transfer ${n}: is missing`,
  },
  {
    what: 'a transfer doubled',
    foundBy: 'ledger',
    statements: (shard, row) => [
      `INSERT INTO read.transfer (position, n, posted_at, ${transferColumns})
        SELECT position, n, posted_at + 1, ${transferColumns} FROM read.transfer ${transfer(shard, row)}`,
    ],
    named: ({ position, n }) => `position ${position}, transfer ${n}: is there twice`,
  },
  {
    what: 'another status of a payment',
    foundBy: 'ledger',
    statements: (_shard, row) => [`UPDATE read.payment SET status = 'authorized' ${payment(row)}`],
    named: ({ entity }) => `payment ${entity}: status is authorized, the journal says captured`,
  },
  {
    what: 'a payment removed',
    foundBy: 'ledger',
    statements: (_shard, row) => [`DELETE FROM read.payment ${payment(row)}`],
    named: ({ entity }) => `payment ${entity}: it has no row`,
  },
  {
    what: 'an amount of a sealed decision changed',
    foundBy: 'journal',
    statements: (shard, row) => [
      `UPDATE journal SET data = overlay(data PLACING '\\x1388' FROM position('\\x1387'::bytea IN data)) ${decision(shard, row)}`,
    ],
    named: ({ position }) => `: the row at position ${position} was changed`,
  },
  {
    what: 'a sealed decision removed',
    foundBy: 'journal',
    statements: (shard, row) => [`DELETE FROM journal ${decision(shard, row)}`],
    named: ({ position }) => `: the row that was sealed at position ${position} was removed`,
  },
  {
    what: 'a decision slipped in among sealed ones',
    foundBy: 'journal',
    statements: (shard, { position }) => [
      'ALTER TABLE journal DROP CONSTRAINT IF EXISTS journal_position_check',
      `UPDATE journal SET position = -position WHERE shard = ${shard} AND position >= ${position}`,
      `INSERT INTO journal SELECT ${position}, at, shard, 999, epoch, entity, command, type, data, private, key_id
        FROM journal WHERE shard = ${shard} AND position = -${position}`,
      `UPDATE journal SET position = 1 - position WHERE shard = ${shard} AND position < 0`,
    ],
    named: ({ position }) => `: the row at position ${position} was inserted after it was sealed`,
  },
  {
    what: 'a block of the chain forged',
    foundBy: 'journal',
    statements: (shard, { first }) => [
      `UPDATE journal_chain SET hash = sha256('forged') WHERE shard = ${shard} AND first_position = ${first}`,
    ],
    named: ({ first }) => `: the chain is broken at its block of positions ${first} to \\d+`,
  },
]

/** The row that is tampered with: a capture of the whole amount in the middle of the shard, and the block before it in the chain. */
const rowText = `
  SELECT t.position::text, t.n, encode(t.entity, 'hex') AS entity, b.first_position::text AS first
  FROM read.transfer t JOIN journal_chain b ON b.shard = t.shard AND t.position BETWEEN b.first_position AND b.last_position
  WHERE t.shard = $1 AND t.debit = 'psp_receivable' AND t.phase = 'posted' AND t.amount = 4999
  ORDER BY t.position OFFSET (SELECT count(*) / 4 FROM read.payment WHERE shard = $1) LIMIT 1`

/**
 * Plants one after the other, each when it is asked for.
 * @param admin has all rights.
 */
export async function* plantEach(admin: Client): AsyncGenerator<Plant> {
  for (const [index, { what, foundBy, isOverAll, statements, named }] of kinds.entries()) {
    const shard = (101 * (index + 1)) % shardCount
    const { rows } = await admin.query<Row>(rowText, [shard])
    const [row] = rows
    if (row === undefined) throw new Error(`shard ${shard} has no captured payment to tamper with`)
    for (const statement of statements(shard, row)) await admin.query(statement)
    const place = isOverAll ? '' : `shard ${shard}\\b.*`
    yield { what, foundBy, shards: isOverAll ? [] : [shard], named: new RegExp(`^${place}${named(row)}`) }
  }
}

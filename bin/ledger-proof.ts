/**
 * Proves the ledger against the journal: fold(journal) = transfers = payments' rows, shard by shard, as of one moment per
 * database; and transfers = balances, over all shards of a database. Both hold at every moment. What the read side does not know yet is left out: it is as far as its
 * cursor says.
 */
import type { Client } from 'pg'
import { decodeDecision } from '../actors/codec.ts'
import { balanceProblems } from '../domain/ledger/balance-proof.ts'
import { ShardBooks } from '../domain/ledger/proof.ts'
import type { PaymentEvent } from '../domain/payment/events.ts'
import { applyDecision } from '../domain/payment/evolve.ts'
import type { Payment } from '../domain/payment/state.ts'
import { copyRows } from '../persistence/copy-rows.ts'
import { ProofSnapshot } from '../persistence/journal-chain-reading.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import { ShardImage } from '../persistence/ledger-image.ts'
import {
  decisionsText,
  differingBalances,
  postedTransfers,
  readPositions,
  shownPayments,
} from '../persistence/ledger-reading.ts'

export interface LedgerProof {
  readonly shards: number
  readonly payments: number
  readonly transfers: number
  readonly problems: readonly string[]
}

export interface LedgerProofScope {
  readonly databases: readonly JournalDatabase[]
  /** Default: all, and balances. */
  readonly shards?: ReadonlySet<number>
  readonly progress?: (shard: number, transfers: number) => void
}

/** That balances are what the transfers of all shards come to: what differs. @throws where a database cannot be read. */
export async function proveBalances(databases: readonly JournalDatabase[]): Promise<readonly string[]> {
  const problems: string[] = []
  for (const { url } of databases) {
    const snapshot = await ProofSnapshot.open(url)
    try {
      await snapshot.client.query('SET LOCAL enable_seqscan = on')
      problems.push(...balanceProblems(await differingBalances(snapshot.client)))
    } finally {
      await snapshot.close()
    }
  }
  return problems
}

/** @throws where a database cannot be read. */
export async function proveLedger({ databases, shards, progress }: LedgerProofScope): Promise<LedgerProof> {
  const proof = { shards: 0, payments: 0, transfers: 0, problems: [] as string[] }
  for (const { url, first, last } of databases) {
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const asked = numbers.filter((shard) => shards?.has(shard) !== false)
    if (asked.length === 0) continue
    const snapshot = await ProofSnapshot.open(url)
    try {
      const positions = await readPositions(snapshot.client, { first, last })
      for (const shard of asked) {
        const { payments, transfers, problems } = await proveShard(snapshot, shard, positions.get(shard) ?? 0)
        proof.shards += 1
        proof.payments += payments
        proof.transfers += transfers
        proof.problems.push(...problems)
        progress?.(shard, proof.transfers)
      }
    } finally {
      await snapshot.close()
    }
  }
  if (shards === undefined) proof.problems.push(...(await proveBalances(databases)))
  return proof
}

type ShardProof = Omit<LedgerProof, 'shards'>

/** Rows are looked at one by one only where the shard is not as it should be. */
async function proveShard(snapshot: ProofSnapshot, shard: number, until: number): Promise<ShardProof> {
  const image = await foldShard(snapshot.client, shard, until)
  if (image !== undefined && (await image.isStored(snapshot.client))) {
    return { payments: image.payments, transfers: image.transfers, problems: [] }
  }
  const { payments, transfers, problems } = await readBooks(snapshot, shard, until)
  const unnamed = `shard ${shard}: the ledger is not what the journal folds to, and no row of it tells why`
  return { payments, transfers, problems: problems.length > 0 ? problems : [unnamed] }
}

/** @returns undefined where a decision cannot be folded. */
async function foldShard(client: Client, shard: number, until: number): Promise<ShardImage | undefined> {
  const image = new ShardImage(shard)
  const entity = Buffer.alloc(16)
  let state: Payment | undefined
  let isFolded = true
  await copyRows(client, decisionsText(shard, until, 'entity, seq'), (row) => {
    if (!isFolded) return
    const position = row.int8()
    const own = row.bytes()
    if (state === undefined || !own.equals(entity)) {
      if (state !== undefined) image.payment(entity, state)
      own.copy(entity)
      state = undefined
    }
    const meta = { seq: row.int4(), epoch: row.int4(), at: row.int8() }
    try {
      const { events, transfers } = decodeDecision<PaymentEvent>(row.bytes(), null)
      state = applyDecision(state, events, meta)
      image.posted(position, meta.at, entity, state, transfers)
    } catch {
      // Whoever reads row by row meets it again, and tells.
      isFolded = false
    }
  })
  if (state !== undefined) image.payment(entity, state)
  return isFolded ? image : undefined
}

async function readBooks(snapshot: ProofSnapshot, shard: number, until: number): Promise<ShardBooks> {
  const books = new ShardBooks(shard, until)
  await copyRows(snapshot.client, decisionsText(shard, until, 'position'), (row) => {
    const decision = { position: row.int8(), entity: row.hex(), seq: row.int4(), epoch: row.int4(), at: row.int8() }
    try {
      books.decided({ ...decision, ...decodeDecision<PaymentEvent>(row.bytes(), null) })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      books.problems.push(`shard ${shard}, position ${decision.position}: the decision cannot be folded: ${why}`)
    }
  })
  await postedTransfers(snapshot.client, shard, (row) => books.posted(row))
  await shownPayments(snapshot.client, shard, (row) => books.shown(row))
  books.end()
  return books
}

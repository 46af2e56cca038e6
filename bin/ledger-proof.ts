/**
 * Proves the ledger against the journal: fold(journal) = transfers = payments' rows, shard by shard, as of one moment per
 * database; and transfers = balances, over all shards of a database. Both hold at every moment. What the read side does not know yet is left out: it is as far as its
 * cursor says.
 */
import { decodeDecision } from '../actors/codec.ts'
import { balanceProblems } from '../domain/ledger/balance-proof.ts'
import { ShardBooks } from '../domain/ledger/proof.ts'
import type { PaymentEvent } from '../domain/payment/events.ts'
import { ProofSnapshot } from '../persistence/journal-chain-reading.ts'
import type { JournalDatabase } from '../persistence/journal-databases.ts'
import { differingBalances, postedTransfers, readPositions, shownPayments } from '../persistence/ledger-reading.ts'

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
        const books = await readBooks(snapshot, shard, positions.get(shard) ?? 0)
        proof.shards += 1
        proof.payments += books.payments
        proof.transfers += books.transfers
        proof.problems.push(...books.problems)
        progress?.(shard, proof.transfers)
      }
    } finally {
      await snapshot.close()
    }
  }
  if (shards === undefined) proof.problems.push(...(await proveBalances(databases)))
  return proof
}

async function readBooks(snapshot: ProofSnapshot, shard: number, until: number): Promise<ShardBooks> {
  const books = new ShardBooks(shard, until)
  await snapshot.rows(shard, ({ position, entity, seq, epoch, at, type, data }) => {
    if (!type.startsWith('payment.') || position > until) return
    try {
      books.decided({ position, entity, seq, epoch, at, ...decodeDecision<PaymentEvent>(data, null) })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      books.problems.push(`shard ${shard}, position ${position}: the decision cannot be folded: ${why}`)
    }
  })
  await postedTransfers(snapshot.client, shard, (row) => books.posted(row))
  await shownPayments(snapshot.client, shard, (row) => books.shown(row))
  books.end()
  return books
}

/**
 * Proves the ledger against the journal: fold(journal) = transfers = payments' rows, shard by shard, as of one moment per
 * database; and transfers = balances, over all shards of a database. Both hold at every moment. What the read side does not know yet is left out: it is as far as its
 * cursor says. Decisions that were archived are read from the files that are at hand; without them the state that stands in for
 * them is compared, and their transfers are taken as they are.
 */
import type { Client } from 'pg'
import { restoreArchived } from '../actors/archived.ts'
import { decodeDecision } from '../actors/codec.ts'
import { paymentStates } from '../actors/payment-kind.ts'
import { balanceProblems } from '../domain/ledger/balance-proof.ts'
import { type Decided, ShardBooks } from '../domain/ledger/proof.ts'
import type { PaymentEvent } from '../domain/payment/events.ts'
import { applyDecision } from '../domain/payment/evolve.ts'
import type { Payment } from '../domain/payment/state.ts'
import { copyRows } from '../persistence/copy-rows.ts'
import type { StandIn } from '../persistence/journal-archive-log.ts'
import { type ArchiveIndex, readArchiveShard } from '../persistence/journal-archive-reader.ts'
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
import { nameOfFile } from './archive/files.ts'

export interface LedgerProof {
  readonly shards: number
  readonly payments: number
  readonly transfers: number
  /** Payments whose decisions are in archives that were not at hand: what was posted of them is proved by the hash chain alone. */
  readonly archived: number
  readonly problems: readonly string[]
}

export interface LedgerProofScope {
  readonly databases: readonly JournalDatabase[]
  /** Default: all, and balances. */
  readonly shards?: ReadonlySet<number>
  /** Archive files that are at hand. */
  readonly archives?: readonly ArchiveIndex[]
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
export async function proveLedger(scope: LedgerProofScope): Promise<LedgerProof> {
  const { databases, shards, archives = [], progress } = scope
  const proof = { shards: 0, payments: 0, transfers: 0, archived: 0, problems: [] as string[] }
  for (const { url, first, last } of databases) {
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const asked = numbers.filter((shard) => shards?.has(shard) !== false)
    if (asked.length === 0) continue
    const snapshot = await ProofSnapshot.open(url)
    try {
      const positions = await readPositions(snapshot.client, { first, last })
      for (const shard of asked) {
        const until = positions.get(shard) ?? 0
        const { payments, transfers, archived, problems } = await proveShard(snapshot, shard, until, archives)
        proof.shards += 1
        proof.payments += payments
        proof.transfers += transfers
        proof.archived += archived
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

/** Rows are looked at one by one only where the shard is not as it should be, or decisions of it are archived. */
async function proveShard(
  snapshot: ProofSnapshot,
  shard: number,
  until: number,
  archives: readonly ArchiveIndex[],
): Promise<ShardProof> {
  const standIns = await snapshot.standIns(shard)
  if (standIns.length > 0) return readBooks(snapshot, shard, until, { standIns, archives })
  const image = await foldShard(snapshot.client, shard, until)
  if (image !== undefined && (await image.isStored(snapshot.client))) {
    return { payments: image.payments, transfers: image.transfers, archived: 0, problems: [] }
  }
  const books = await readBooks(snapshot, shard, until)
  if (books.problems.length > 0) return books
  const unnamed = `shard ${shard}: the ledger is not what the journal folds to, and no row of it tells why`
  return { ...countsOf(books), problems: [unnamed] }
}

function countsOf({ payments, transfers, archived }: ShardBooks): Omit<ShardProof, 'problems'> {
  return { payments, transfers, archived }
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

interface Away {
  readonly standIns: readonly StandIn[]
  readonly archives: readonly ArchiveIndex[]
}

type DecidedRow = Pick<Decided, 'position' | 'entity' | 'seq' | 'epoch' | 'at'> & { readonly data: Buffer }

async function readBooks(snapshot: ProofSnapshot, shard: number, until: number, away?: Away): Promise<ShardBooks> {
  const books = new ShardBooks(shard, until)
  const decided = ({ data, ...decision }: DecidedRow): void => {
    try {
      books.decided({ ...decision, ...decodeDecision<PaymentEvent>(data, null) })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      books.problems.push(`shard ${shard}, position ${decision.position}: the decision cannot be folded: ${why}`)
    }
  }
  const archived = away === undefined ? [] : await archivedRows(shard, away, books)
  let next = 0
  await copyRows(snapshot.client, decisionsText(shard, until, 'position'), (row) => {
    const decision = { position: row.int8(), entity: row.hex(), seq: row.int4(), epoch: row.int4(), at: row.int8() }
    for (
      let first = archived[next];
      first !== undefined && first.position < decision.position;
      first = archived[next]
    ) {
      decided(first)
      next += 1
    }
    decided({ ...decision, data: row.bytes() })
  })
  for (const row of archived.slice(next)) decided(row)
  await postedTransfers(snapshot.client, shard, (row) => books.posted(row))
  await shownPayments(snapshot.client, shard, (row) => books.shown(row))
  books.end()
  return books
}

/** Archived decisions that are at hand, in order of position; payments of which they are not are told to the books. */
async function archivedRows(
  shard: number,
  { standIns, archives }: Away,
  books: ShardBooks,
): Promise<readonly DecidedRow[]> {
  const rows: DecidedRow[] = []
  for (const [file, ofFile] of Map.groupBy(standIns, (standIn) => standIn.file)) {
    const index = archives.find(({ path }) => nameOfFile(path) === file)
    if (index === undefined) {
      for (const standIn of ofFile) {
        const state = restoreArchived(paymentStates, standIn) as Payment
        books.archivedAs({ entity: standIn.entity, positions: standIn.positions, state })
      }
      continue
    }
    const wanted = new Set(ofFile.map(({ entity }) => entity))
    rows.push(...(await readArchiveShard(index, shard)).filter(({ entity }) => wanted.has(entity)))
  }
  return rows.sort((a, b) => a.position - b.position)
}

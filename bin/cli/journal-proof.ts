/** Proves the journal from its own rows: what must hold of each shard (journal-verify.ts), and its hash chain. */
import { shardCount } from '../../domain/ids.ts'
import { type ChainHead, type DigestedRow, proveChain } from '../../persistence/journal-chain-proof.ts'
import { ProofSnapshot } from '../../persistence/journal-chain-reading.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { ShardVerifier } from './journal-verify.ts'

export interface JournalProof {
  readonly shards: number
  readonly rows: number
  readonly entities: number
  /** Rows that the chain covers; those behind them were not sealed yet. */
  readonly sealed: number
  readonly problems: readonly string[]
  /** To be kept outside the database. */
  readonly heads: readonly ChainHead[]
}

export interface ProofScope {
  readonly databases: readonly JournalDatabase[]
  /** Default: all. */
  readonly shards?: ReadonlySet<number>
  /** Heads that were noted earlier, by shard. */
  readonly kept?: ReadonlyMap<number, ChainHead>
  readonly progress?: (shard: number, rows: number) => void
}

/** As of one moment per database. @throws where a database cannot be read. */
export async function proveJournal({ databases, shards, kept, progress }: ProofScope): Promise<JournalProof> {
  const proof = { shards: 0, rows: 0, entities: 0, sealed: 0, problems: [] as string[], heads: [] as ChainHead[] }
  for (const { url, first, last } of databases) {
    const snapshot = await ProofSnapshot.open(url)
    try {
      for (let shard = first; shard <= last; shard += 1) {
        if (shards?.has(shard) === false) continue
        const { verifier, digests } = await readShard(snapshot, shard)
        const blocks = await snapshot.chain(shard)
        const { problems, sealed } = proveChain(blocks, digests, kept?.get(shard))
        const head = blocks.at(-1)
        proof.shards += 1
        proof.rows += verifier.rows
        proof.entities += verifier.entities
        proof.sealed += sealed
        proof.problems.push(...verifier.problems, ...problems.map((problem) => `shard ${shard}: ${problem}`))
        if (head !== undefined) proof.heads.push({ shard, position: head.last, hash: head.hash.toString('hex') })
        progress?.(shard, proof.rows)
      }
    } finally {
      await snapshot.close()
    }
  }
  return proof
}

async function readShard(
  snapshot: ProofSnapshot,
  shard: number,
): Promise<{ readonly verifier: ShardVerifier; readonly digests: readonly DigestedRow[] }> {
  const verifier = new ShardVerifier(String(shard))
  const digests: DigestedRow[] = []
  await snapshot.rows(shard, (row) => {
    verifier.take(row)
    digests.push(row)
  })
  return { verifier, digests }
}

/** Heads as `journal verify --json` has printed them; undefined where the text holds none. */
export function headsIn(text: string): ReadonlyMap<number, ChainHead> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const heads: unknown = (value as { readonly heads?: unknown } | null)?.heads
  return Array.isArray(heads) && heads.every(isHead) ? new Map(heads.map((head) => [head.shard, head])) : undefined
}

function isHead(value: unknown): value is ChainHead {
  const { shard, position, hash } = (value ?? {}) as Partial<ChainHead>
  const isShard = Number.isInteger(shard) && Number(shard) >= 0 && Number(shard) < shardCount
  return isShard && Number.isSafeInteger(position) && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
}

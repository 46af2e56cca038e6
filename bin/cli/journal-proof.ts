/** Proves the journal from its own rows: what must hold of each shard (journal-verify.ts), and its hash chain. */
import { shardCount } from '../../domain/ids.ts'
import { proveArchived, type StandIn } from '../../persistence/journal-archive-log.ts'
import { type ChainHead, type DigestedRow, proveChain } from '../../persistence/journal-chain-proof.ts'
import { ProofSnapshot } from '../../persistence/journal-chain-reading.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { proveFiles } from '../archive/proof.ts'
import { ShardVerifier } from './journal-verify.ts'

export interface JournalProof {
  readonly shards: number
  readonly rows: number
  readonly entities: number
  /** Rows that the chain covers; those behind them were not sealed yet. */
  readonly sealed: number
  /** What is in files: what stands in for it was compared with the log of archives. */
  readonly archived: { readonly payments: number; readonly rows: number }
  /** Names of those whose rows were compared with the chain; null where no directory was named. */
  readonly files: readonly string[] | null
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
  /** Where the archive files are: they are proved as well. */
  readonly archive?: string
  readonly progress?: (shard: number, rows: number) => void
}

/** As of one moment per database. @throws where a database cannot be read. */
export async function proveJournal(scope: ProofScope): Promise<JournalProof> {
  const { databases, shards, kept, archive, progress } = scope
  const counts = { shards: 0, rows: 0, entities: 0, sealed: 0 }
  const proof = { ...counts, archived: { payments: 0, rows: 0 }, problems: [] as string[], heads: [] as ChainHead[] }
  const files = new Set<string>()
  for (const { url, first, last } of databases) {
    const snapshot = await ProofSnapshot.open(url)
    /** SHA-256 of each file that rows are in, by its name. */
    const expected = new Map<string, string>()
    try {
      for (let shard = first; shard <= last; shard += 1) {
        if (shards?.has(shard) === false) continue
        const standIns = await snapshot.standIns(shard)
        const log = await snapshot.archiveLog(shard)
        const archives = proveArchived(log, standIns, kept?.get(shard)?.archive)
        for (const [file, sha256] of archives.files) expected.set(file, sha256)
        const { verifier, digests } = await readShard(snapshot, shard, standIns)
        const blocks = await snapshot.chain(shard)
        const away = new Set(standIns.flatMap(({ positions }) => positions))
        const { problems, sealed } = proveChain(blocks, digests, kept?.get(shard), away)
        const head = blocks.at(-1)
        const last = log.at(-1)
        proof.shards += 1
        proof.rows += verifier.rows
        proof.entities += verifier.entities
        proof.sealed += sealed
        proof.archived.payments += standIns.length
        proof.archived.rows += away.size
        const found = [...problems, ...archives.problems].map((problem) => `shard ${shard}: ${problem}`)
        proof.problems.push(...verifier.problems, ...found)
        if (head !== undefined) {
          const noted = last && { archive: { n: last.n, hash: last.hash.toString('hex') } }
          proof.heads.push({ shard, position: head.last, hash: head.hash.toString('hex'), ...noted })
        }
        progress?.(shard, proof.rows)
      }
      if (archive === undefined) continue
      proof.problems.push(...(await proveFiles(snapshot, archive, expected, shards)))
      for (const file of expected.keys()) files.add(file)
    } finally {
      await snapshot.close()
    }
  }
  return { ...proof, files: archive === undefined ? null : [...files] }
}

async function readShard(
  snapshot: ProofSnapshot,
  shard: number,
  standIns: readonly StandIn[],
): Promise<{ readonly verifier: ShardVerifier; readonly digests: readonly DigestedRow[] }> {
  const verifier = new ShardVerifier(String(shard), standIns)
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
  const { shard, position, hash, archive } = (value ?? {}) as Partial<ChainHead>
  const isShard = Number.isInteger(shard) && Number(shard) >= 0 && Number(shard) < shardCount
  const isArchive = archive === undefined || (Number.isSafeInteger(archive?.n) && isHash(archive.hash))
  return isShard && isArchive && Number.isSafeInteger(position) && isHash(hash)
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

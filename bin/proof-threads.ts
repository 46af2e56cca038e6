/** Proofs of journal and ledger by as many threads as there are processors, each over every so-manyth shard. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { shardCount } from '../domain/ids.ts'
import type { JournalProof, ProofScope } from './cli/journal-proof.ts'
import { type LedgerProof, type LedgerProofScope, proveBalances } from './ledger-proof.ts'
import type { ThreadMessage, ThreadWork } from './proof-thread.ts'

/** Each has a connection to a database. */
const threadsMax = 4

/** Each thread sees its shards as of a moment of its own. @throws where a database cannot be read. */
export async function proveLedgerInThreads(scope: LedgerProofScope): Promise<LedgerProof> {
  const { databases, shards, archives = [], progress } = scope
  const proving = inThreads<LedgerProof>(shards, progress, (own) => ({
    ...{ of: 'ledger', databases, shards: own, archives },
  }))
  const [differing, proofs] = await Promise.all([shards === undefined ? proveBalances(databases) : [], proving])
  return {
    shards: sum(proofs, (proof) => proof.shards),
    payments: sum(proofs, (proof) => proof.payments),
    transfers: sum(proofs, (proof) => proof.transfers),
    archived: sum(proofs, (proof) => proof.archived),
    problems: [...proofs.flatMap(({ problems }) => problems), ...differing],
  }
}

/** The same of the journal. */
export async function proveJournalInThreads(scope: ProofScope): Promise<JournalProof> {
  const { databases, shards, kept, archive, progress } = scope
  const proofs = await inThreads<JournalProof>(shards, progress, (own) => ({
    ...{ of: 'journal', databases, shards: own },
    ...(kept !== undefined && { kept }),
    ...(archive !== undefined && { archive }),
  }))
  return {
    shards: sum(proofs, (proof) => proof.shards),
    rows: sum(proofs, (proof) => proof.rows),
    entities: sum(proofs, (proof) => proof.entities),
    sealed: sum(proofs, (proof) => proof.sealed),
    archived: {
      payments: sum(proofs, (proof) => proof.archived.payments),
      rows: sum(proofs, (proof) => proof.archived.rows),
    },
    files: archive === undefined ? null : [...new Set(proofs.flatMap(({ files }) => files ?? []))],
    // What is wrong with a file as a whole every thread has found.
    problems: [...new Set(proofs.flatMap(({ problems }) => problems))],
    heads: proofs.flatMap(({ heads }) => heads).sort((a, b) => a.shard - b.shard),
  }
}

/** @param workOf what the thread of these shards has to do. */
async function inThreads<Proof>(
  only: ReadonlySet<number> | undefined,
  progress: ((shard: number, count: number) => void) | undefined,
  workOf: (shards: ReadonlySet<number>) => ThreadWork,
): Promise<readonly Proof[]> {
  const shards = [...(only ?? Array.from({ length: shardCount }, (_, shard) => shard))]
  const threads = Math.min(threadsMax, availableParallelism(), shards.length)
  const counts = new Map<number, number>()
  const workers: Worker[] = []
  const running = Array.from({ length: threads }, (_, thread) => {
    const own = new Set(shards.filter((_shard, index) => index % threads === thread))
    const worker = new Worker(new URL('./proof-thread.ts', import.meta.url), { workerData: workOf(own) })
    workers.push(worker)
    return proofOf<Proof>(worker, (shard, count) => {
      counts.set(thread, count)
      progress?.(
        shard,
        [...counts.values()].reduce((total, each) => total + each, 0),
      )
    })
  })
  try {
    return await Promise.all(running)
  } finally {
    // where one has failed nothing is proved, and nobody waits for the others
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function proofOf<Proof>(worker: Worker, progress: (shard: number, count: number) => void): Promise<Proof> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'progress') progress(message.shard, message.count)
      else resolve(message.proof as Proof)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a thread of the proof ended with ${code} and no proof`)))
  })
}

function sum<Proof>(proofs: readonly Proof[], of: (proof: Proof) => number): number {
  return proofs.reduce((total, proof) => total + of(proof), 0)
}

/** The proof of the ledger by as many threads as there are processors, each over every so-manyth shard. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { shardCount } from '../domain/ids.ts'
import { type LedgerProof, type LedgerProofScope, proveBalances } from './ledger-proof.ts'
import type { WorkerMessage, WorkerScope } from './ledger-proof-worker.ts'

/** Each has a connection to a database. */
const threadsMax = 4

/** Each thread sees its shards as of a moment of its own. @throws where a database cannot be read. */
export async function proveLedgerInParallel(scope: LedgerProofScope): Promise<LedgerProof> {
  const shards = [...(scope.shards ?? Array.from({ length: shardCount }, (_, shard) => shard))]
  const threads = Math.min(threadsMax, availableParallelism(), shards.length)
  const transfers = new Map<number, number>()
  const parts = Array.from({ length: threads }, (_, thread) => {
    const own = new Set(shards.filter((_shard, index) => index % threads === thread))
    return proveInThread({ databases: scope.databases, shards: own }, (shard, count) => {
      transfers.set(thread, count)
      scope.progress?.(
        shard,
        [...transfers.values()].reduce((sum, each) => sum + each, 0),
      )
    })
  })
  const balances = scope.shards === undefined ? proveBalances(scope.databases) : []
  const [differing, ...proofs] = await Promise.all([balances, ...parts])
  const sum = (of: (proof: LedgerProof) => number): number => proofs.reduce((total, proof) => total + of(proof), 0)
  return {
    shards: sum((proof) => proof.shards),
    payments: sum((proof) => proof.payments),
    transfers: sum((proof) => proof.transfers),
    problems: [...proofs.flatMap(({ problems }) => problems), ...differing],
  }
}

function proveInThread(scope: WorkerScope, progress: (shard: number, transfers: number) => void): Promise<LedgerProof> {
  const worker = new Worker(new URL('./ledger-proof-worker.ts', import.meta.url), { workerData: scope })
  return new Promise((resolve, reject) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'progress') progress(message.shard, message.transfers)
      else resolve(message.proof)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a thread of the proof ended with ${code} and no proof`)))
  })
}

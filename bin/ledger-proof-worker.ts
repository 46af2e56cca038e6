/** A thread that proves a part of the shards (ledger-proof-parallel.ts): folding decisions is work of a processor. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../runtime/assert.ts'
import { type LedgerProofScope, proveLedger } from './ledger-proof.ts'

export type WorkerScope = Pick<LedgerProofScope, 'databases' | 'shards'>

/** How far it is, then its proof. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly shard: number; readonly transfers: number }
  | { readonly kind: 'proof'; readonly proof: Awaited<ReturnType<typeof proveLedger>> }

assert(parentPort !== null, 'it runs in a thread of its own')
const port = parentPort
const tell = (message: WorkerMessage): void => port.postMessage(message)

const proof = await proveLedger({
  ...(workerData as WorkerScope),
  progress: (shard, transfers) => tell({ kind: 'progress', shard, transfers }),
})
tell({ kind: 'proof', proof })

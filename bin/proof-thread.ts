/** A thread that proves a part of the shards (proof-threads.ts): folding decisions and hashing rows is work of a processor. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../runtime/assert.ts'
import { type JournalProof, type ProofScope, proveJournal } from './cli/journal-proof.ts'
import { type LedgerProof, type LedgerProofScope, proveLedger } from './ledger-proof.ts'

export type ThreadWork =
  | ({ readonly of: 'ledger' } & Omit<LedgerProofScope, 'progress'>)
  | ({ readonly of: 'journal' } & Omit<ProofScope, 'progress'>)

/** How far it is, in transfers or rows; then its proof. */
export type ThreadMessage =
  | { readonly kind: 'progress'; readonly shard: number; readonly count: number }
  | { readonly kind: 'proof'; readonly proof: LedgerProof | JournalProof }

assert(parentPort !== null, 'it runs in a thread of its own')
const port = parentPort
const tell = (message: ThreadMessage): void => port.postMessage(message)

const work = workerData as ThreadWork
const progress = (shard: number, count: number): void => tell({ kind: 'progress', shard, count })
const proof = await (work.of === 'ledger' ? proveLedger({ ...work, progress }) : proveJournal({ ...work, progress }))
tell({ kind: 'proof', proof })

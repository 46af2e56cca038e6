/** A thread that builds a part of the shards (read-rebuild-parallel.ts): folding decisions is work of a processor. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../runtime/assert.ts'
import { type BuildTarget, type ParkedShard, ReadBuilder } from './read-builder.ts'
import { RebuildFailure } from './read-rebuild-failure.ts'

export interface WorkerScope {
  readonly databaseUrl: string
  readonly owner: string
  readonly part: number
  readonly targets: readonly BuildTarget[]
}

/** How far it is, then what could not be stored, or why it ended. */
export type WorkerMessage =
  | { readonly kind: 'stored'; readonly rows: number }
  | { readonly kind: 'built'; readonly parked: readonly ParkedShard[] }
  | { readonly kind: 'failed'; readonly isJournalBroken: boolean; readonly message: string }

assert(parentPort !== null, 'it runs in a thread of its own')
const port = parentPort
const tell = (message: WorkerMessage): void => port.postMessage(message)
const { targets, ...scope } = workerData as WorkerScope

const builder = new ReadBuilder({ ...scope, stored: (rows) => tell({ kind: 'stored', rows }) })
try {
  await builder.reach(targets)
  tell({ kind: 'built', parked: builder.parked })
} catch (error) {
  // as a message: of an error's class nothing is left between threads
  const message = error instanceof Error ? error.message : String(error)
  tell({ kind: 'failed', isJournalBroken: error instanceof RebuildFailure, message })
} finally {
  await builder.close()
}

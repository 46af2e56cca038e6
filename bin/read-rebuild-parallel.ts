/** Builds shards by as many threads as there are processors, each every so-manyth of them. */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { JournalError } from '../actors/journal.ts'
import type { ParkedShard } from './read-builder.ts'
import { RebuildFailure } from './read-rebuild-failure.ts'
import type { WorkerMessage, WorkerScope } from './read-rebuild-worker.ts'

/** Each has three connections to the database. */
export const threadsMax = 4

/**
 * @param stored is told of rows of the journal that were stored.
 * @param signal ends it.
 * @throws the first failure, or the signal's reason; all threads are ended then.
 */
export async function buildInParallel(
  { targets, ...scope }: Omit<WorkerScope, 'part'>,
  stored: (rows: number) => void,
  signal: AbortSignal,
): Promise<readonly ParkedShard[]> {
  const threads = Math.min(threadsMax, availableParallelism(), targets.length)
  const workers = Array.from({ length: threads }, (_, thread) => {
    const own = targets.filter((_target, index) => index % threads === thread)
    const workerData: WorkerScope = { ...scope, part: thread, targets: own }
    return new Worker(new URL('./read-rebuild-worker.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 32 },
    })
  })
  try {
    const built = Promise.all(workers.map((worker) => parkedOf(worker, stored)))
    return (await Promise.race([built, abortOf(signal)])).flat()
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function parkedOf(worker: Worker, stored: (rows: number) => void): Promise<readonly ParkedShard[]> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'stored') stored(message.rows)
      else if (message.kind === 'built') resolve(message.parked)
      else if (message.isJournalBroken) reject(new RebuildFailure('rebuild_journal_broken', message.message))
      else reject(new JournalError('journal_unavailable', message.message))
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a thread of the rebuild ended with ${code} before it was done`)))
  })
}

async function abortOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

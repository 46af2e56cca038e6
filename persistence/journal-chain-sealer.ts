/**
 * Seals what the journal has gained, block by block, a few seconds after it was written: the operators' process does it, not
 * the shard's owner. So whoever writes decisions does not also write their proof, no event loop that serves payments hashes
 * anything, and a shard without an owner is sealed as well. Several such processes may run; a block is sealed by one of them.
 *
 * Guarantees: a database is asked by one statement at a time, and one that is away is tried again with the next round.
 * Leaves to others: telling of failures (`failed`), and proving.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import { sealText } from './journal-chain.ts'
import type { ReadingDatabase } from './reading-pools.ts'

export const sealerLimits = {
  everyMs: 5_000,
  /** Rows that fill no block are sealed at this age. Until a row is sealed, the chain says nothing of it. */
  partialAfterMs: 60_000,
  /** Shards of a statement: with a block of each it takes tens of milliseconds. */
  shardsAtOnce: 64,
} as const

export interface SealerEvents {
  sealed(rows: number): void
  failed(error: unknown): void
}

export interface SealerOptions {
  readonly databases: readonly ReadingDatabase[]
  readonly clock: Clock
  readonly events: SealerEvents
}

export class JournalSealer {
  readonly #options: SealerOptions
  #cancel: Cancel | undefined
  #running: Promise<void> | undefined
  #isStopped = false

  constructor(options: SealerOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.clock.schedule(sealerLimits.everyMs, () => {
      this.#running = this.#round().then(() => {
        if (!this.#isStopped) this.start()
      })
    })
  }

  /** Resolves when the statement under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    await this.#running
  }

  async #round(): Promise<void> {
    const { databases, clock, events } = this.#options
    const olderThan = clock.now() - sealerLimits.partialAfterMs
    const sealOne = async (database: ReadingDatabase): Promise<void> => {
      try {
        events.sealed(await sealDatabase(database, olderThan, () => this.#isStopped))
      } catch (error) {
        events.failed(error)
      }
    }
    await Promise.all(databases.map(sealOne))
  }
}

/**
 * Seals whole blocks, and rows older than `olderThan` (unix ms), until there are none.
 * @returns how many rows were sealed.
 */
export async function sealDatabase(
  { pool, first, last }: ReadingDatabase,
  olderThan: number,
  isStopped: () => boolean = () => false,
): Promise<number> {
  let sealed = 0
  for (let shard = first; shard <= last; shard += sealerLimits.shardsAtOnce) {
    const end = Math.min(last, shard + sealerLimits.shardsAtOnce - 1)
    for (let rows = -1; rows !== 0 && !isStopped(); ) {
      rows = await pool.transaction(async (client) => {
        await client.query('SET LOCAL ROLE shardpay_sealer')
        const values = [shard, end, olderThan]
        const { rows: answer } = await client.query<{ rows: number }>({ name: 'seal', text: sealText, values })
        return answer[0]?.rows ?? 0
      })
      sealed += rows
    }
  }
  return sealed
}

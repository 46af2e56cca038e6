/**
 * Takes shards and keeps at it. Shards of one database are taken together, those of different databases apart, so one that
 * is away holds up no other. What failed waits, longer each time; a shard that fails for a reason of its own is found by
 * halving, and its neighbours are opened without it.
 *
 * Whether a shard may be taken is the journal's to decide; asking for one that may not costs a statement.
 */
import type { Clock } from '../runtime/clock.ts'
import type { ClusterLimits } from './cluster-limits.ts'
import type { OwnedShard } from './hand-off-wire.ts'
import type { ShardHost } from './shard-host.ts'

export interface TakingOptions {
  readonly host: ShardHost
  readonly clock: Clock
  readonly limits: Pick<ClusterLimits, 'takeRetryMs' | 'takeStuckMs' | 'lostRowsRetryMs'>
  /** Which journal database a shard is in: shards of one are taken in one statement. */
  readonly databaseOf: (shard: number) => number
  /** Whether the database of a shard was heard of lately. */
  readonly isReachable: (shard: number) => boolean
  /** These serve here now. Called before {@link Taking.take} resolves. */
  readonly opened: (shards: readonly OwnedShard[], tookMs: number) => void
  /** Told of what is new: shards that fail again for the same reason are not repeated. */
  readonly failed: (error: unknown, shards: readonly number[]) => void
}

interface UnderWay {
  readonly since: number
  readonly result: Promise<readonly OwnedShard[]>
}

interface Trouble {
  readonly failures: number
  /** On the monotonic clock. */
  readonly nextTryAt: number
  readonly reason: string
}

/** What no trying mends: somebody has to look at the database. */
const lostRows = 'journal_lost_acknowledged_rows'

/** Left out of what was opened: somebody has it who may, or took it first. Not a trouble to show. */
const notFree = 'not_free'

export class Taking {
  readonly #options: TakingOptions
  readonly #underWay = new Map<number, UnderWay>()
  readonly #troubles = new Map<number, Trouble>()

  constructor(options: TakingOptions) {
    this.#options = options
  }

  /** Shards that this process was told to have and cannot open, with the reason. In order of shard. */
  get stuck(): readonly { readonly shard: number; readonly reason: string }[] {
    const { clock, limits } = this.#options
    const lateBefore = clock.monotonic() - limits.takeStuckMs
    const slow = [...this.#underWay].flatMap(([shard, { since }]) =>
      since < lateBefore && !this.#troubles.has(shard) ? [{ shard, reason: 'opening' }] : [],
    )
    const troubled = [...this.#troubles].flatMap(([shard, { reason }]) =>
      reason === notFree ? [] : [{ shard, reason }],
    )
    return [...slow, ...troubled].sort((a, b) => a.shard - b.shard)
  }

  /** Why a shard is not served here, where nobody else may serve it either: its journal has lost what was acknowledged. */
  refusalOf(shard: number): string | undefined {
    const reason = this.#troubles.get(shard)?.reason
    return reason === lostRows ? reason : undefined
  }

  get count(): number {
    return this.#underWay.size
  }

  isUnderWay(shard: number): boolean {
    return this.#underWay.has(shard)
  }

  /** From when on it may be tried again, on the monotonic clock. */
  waitsUntil(shard: number): number {
    return this.#troubles.get(shard)?.nextTryAt ?? 0
  }

  /** It is not to be here any more. */
  forget(shard: number): void {
    this.#troubles.delete(shard)
  }

  /** Those of `shards` that serve here afterwards; what is being taken already is waited for. Never rejects. */
  async take(shards: readonly number[]): Promise<readonly OwnedShard[]> {
    const wanted = new Set(shards)
    const waits = new Set<Promise<readonly OwnedShard[]>>()
    const groups = new Map<number, number[]>()
    for (const shard of [...wanted].sort((a, b) => a - b)) {
      const underWay = this.#underWay.get(shard)
      if (underWay !== undefined) {
        waits.add(underWay.result)
        continue
      }
      const database = this.#options.databaseOf(shard)
      const group = groups.get(database)
      if (group === undefined) groups.set(database, [shard])
      else group.push(shard)
    }
    for (const group of groups.values()) waits.add(this.#begin(group))
    const results = await Promise.all(waits)
    return results.flat().filter(({ shard }) => wanted.has(shard))
  }

  #begin(shards: readonly number[]): Promise<readonly OwnedShard[]> {
    const since = this.#options.clock.monotonic()
    const result = this.#open(shards, since).finally(() => {
      for (const shard of shards) this.#underWay.delete(shard)
    })
    for (const shard of shards) this.#underWay.set(shard, { since, result })
    return result
  }

  async #open(shards: readonly number[], since: number): Promise<readonly OwnedShard[]> {
    const { host, clock, isReachable, opened, failed } = this.#options
    try {
      const answer = await host.openShards(shards)
      const names = new Set(answer.opened.map(({ shard }) => shard))
      for (const shard of names) this.#troubles.delete(shard)
      for (const shard of shards) {
        if (!names.has(shard)) this.#failed([shard], isReachable(shard) ? notFree : 'journal_unavailable')
      }
      if (answer.opened.length > 0) opened(answer.opened, clock.monotonic() - since)
      return answer.opened
    } catch (error) {
      const { code, canRetry, named } = describe(error)
      const concerned = named.size > 0 ? shards.filter((shard) => named.has(shard)) : shards
      if (concerned.some((shard) => this.#troubles.get(shard)?.reason !== code)) failed(error, concerned)
      const culprits = shards.filter((shard) => named.has(shard))
      if (culprits.length > 0 && culprits.length < shards.length) {
        this.#failed(culprits, code)
        return this.#open(
          shards.filter((shard) => !named.has(shard)),
          since,
        )
      }
      if (canRetry || shards.length === 1) {
        this.#failed(shards, code)
        return []
      }
      const middle = shards.length >> 1
      return [...(await this.#open(shards.slice(0, middle), since)), ...(await this.#open(shards.slice(middle), since))]
    }
  }

  #failed(shards: readonly number[], reason: string): void {
    const { clock, limits } = this.#options
    const { min, max } = limits.takeRetryMs
    for (const shard of shards) {
      const failures = (this.#troubles.get(shard)?.failures ?? 0) + 1
      const pauseMs =
        reason === lostRows ? limits.lostRowsRetryMs : Math.min(max, min * 2 ** Math.min(failures - 1, 16))
      this.#troubles.set(shard, { failures, nextTryAt: clock.monotonic() + pauseMs, reason })
    }
  }
}

/** What the journal's errors say (actors/journal.ts), whoever made them. */
function describe(error: unknown): {
  readonly code: string
  readonly canRetry: boolean
  readonly named: ReadonlySet<number>
} {
  const { code, canRetry, shards } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly code?: unknown
    readonly canRetry?: unknown
    readonly shards?: unknown
  }
  return {
    code: typeof code === 'string' ? code : 'open_failed',
    canRetry: canRetry === true,
    named: new Set(Array.isArray(shards) ? (shards as readonly number[]) : []),
  }
}

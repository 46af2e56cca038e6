/**
 * The twin of a node's actor host, over owner rows in memory that have the conflicts of the real ones: shards open, serve and
 * leave as with actors/host.ts, and a command is executed as one row of its shard, or refused with the word that the real host
 * would use. Every step takes a time of the clock, so that others come in between.
 */
import type { MemoryDatabase } from '../../actors/memory-database.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Incarnation } from '../../cluster/member.ts'
import type { Envelope, RouteAnswer } from '../../cluster/router.ts'
import type { OpenedShards, ReleasedShard, ShardHost, ShardLoad } from '../../cluster/shard-host.ts'

export class MemoryOpenError extends Error {
  readonly code: string
  readonly canRetry: boolean
  readonly shards: readonly number[]

  constructor(code: string, canRetry: boolean, shards: readonly number[] = []) {
    super(code)
    this.code = code
    this.canRetry = canRetry
    this.shards = shards
  }
}

/** What was executed, by anybody, in order. */
export interface Execution {
  readonly id: string
  readonly shard: number
  readonly epoch: number
  readonly by: Incarnation
}

export interface MemoryShardHostOptions {
  readonly self: Incarnation
  readonly databaseOf: (shard: number) => MemoryDatabase
  readonly clock: Clock
  /** One statement. Default: 2. */
  readonly statementMs?: number
  /** Shared by the hosts of a cluster. */
  readonly executed: Execution[]
}

interface HeldShard {
  readonly epoch: number
  status: 'open' | 'releasing'
  underWay: number
}

export class MemoryShardHost implements ShardHost {
  /** Its process is gone: nothing that it began has an effect any more. */
  isDead = false
  /** Shards that cannot be opened, for a reason that no repetition cures. */
  readonly broken = new Set<number>()
  /** Opening waits until this is undefined again and {@link MemoryShardHost.letOpen} is called. */
  #held: (() => void)[] | undefined
  /** The next releases reach the database, and their answers do not come back. */
  releasesToLose = 0
  /** Every call of `openShards`. */
  readonly asked: (readonly number[])[] = []
  readonly #options: MemoryShardHostOptions
  readonly #shards = new Map<number, HeldShard>()

  constructor(options: MemoryShardHostOptions) {
    this.#options = options
  }

  get ownedShards(): readonly number[] {
    return [...this.#shards.keys()]
  }

  holdOpening(): void {
    this.#held = []
  }

  letOpen(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  async openShards(shards: readonly number[]): Promise<OpenedShards> {
    this.asked.push(shards)
    const held = this.#held
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve))
    const { self, databaseOf } = this.#options
    const stayed = shards.filter((shard) => this.#shards.has(shard))
    const seen = shards.filter((shard) => !this.#shards.has(shard)).map((shard) => ({ shard, ...this.#rowOf(shard) }))
    await this.#statement()
    if (seen.some(({ shard }) => !databaseOf(shard).available)) throw new MemoryOpenError('journal_unavailable', true)
    const taken = seen.flatMap(({ shard, epoch, owner }) => {
      const database = databaseOf(shard)
      const dead = owner !== undefined && database.membership.isDead(owner) ? [owner] : []
      const own = database.membership.isDead(self) ? undefined : database.take(shard, epoch, self, dead)
      return own === undefined ? [] : [{ shard, epoch: own }]
    })
    await this.#statement()
    const culprits = taken.filter(({ shard }) => this.broken.has(shard))
    if (culprits.length > 0) throw new MemoryOpenError('shard_unreadable', false)
    for (const { shard, epoch } of taken) this.#shards.set(shard, { epoch, status: 'open', underWay: 0 })
    return {
      opened: [...stayed, ...taken.map(({ shard }) => shard)].flatMap((shard) => {
        const epoch = this.#shards.get(shard)?.epoch
        return epoch === undefined ? [] : [{ shard, epoch }]
      }),
    }
  }

  async releaseShards(shards: readonly number[]): Promise<readonly ReleasedShard[]> {
    const { databaseOf, clock } = this.#options
    const leaving = shards.flatMap((shard) => {
      const held = this.#shards.get(shard)
      return held === undefined || held.status === 'releasing' ? [] : [{ shard, held }]
    })
    for (const { held } of leaving) held.status = 'releasing'
    const darkSince = clock.monotonic()
    while (leaving.some(({ held }) => held.underWay > 0)) await this.#statement()
    await this.#statement()
    const isLost = this.releasesToLose > 0
    if (isLost) this.releasesToLose -= 1
    const darkMs = clock.monotonic() - darkSince
    return leaving.flatMap(({ shard, held: { epoch } }) => {
      const database = databaseOf(shard)
      const position = database.shard(shard).rows.length
      const isReleased = database.available && database.release(shard, epoch, position)
      this.#shards.delete(shard)
      return isReleased && !isLost ? [{ shard, epoch, position, darkMs }] : []
    })
  }

  async route<Answer>({ id, shard }: Envelope): Promise<RouteAnswer<Answer>> {
    const held = this.#shards.get(shard)
    if (held === undefined) return refused('shard_not_owned')
    if (held.status === 'releasing') return refused('shard_moved')
    held.underWay += 1
    await this.#statement()
    held.underWay -= 1
    const { self, databaseOf, executed } = this.#options
    if (!databaseOf(shard).owns(shard, held.epoch)) {
      this.#shards.delete(shard)
      return refused('shard_not_owned')
    }
    executed.push({ id, shard, epoch: held.epoch, by: self })
    return { kind: 'answered', answer: self.node as Answer }
  }

  takeLoad(): readonly ShardLoad[] {
    return this.ownedShards.map((shard) => ({ shard, commands: 0 }))
  }

  #rowOf(shard: number): { readonly epoch: number; readonly owner: Incarnation | undefined } {
    const { epoch, owner } = this.#options.databaseOf(shard).shard(shard)
    return { epoch, owner }
  }

  #statement(): Promise<void> {
    const { clock, statementMs = 2 } = this.#options
    return new Promise((resolve) => {
      clock.schedule(statementMs, () => {
        if (!this.isDead) resolve()
      })
    })
  }
}

function refused(reason: string): RouteAnswer<never> {
  return { kind: 'unavailable', certainty: 'not_accepted', reason, retryAfterMs: 0 }
}

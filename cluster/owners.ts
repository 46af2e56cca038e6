/**
 * Who owns which shard, as this process believes it: a cache fed by polling the owner rows (the truth), by hints and by
 * `moved` answers. Being wrong costs a detour: the journal, not this table, keeps a stale owner from writing.
 */
import type { Cancel } from '../runtime/clock.ts'
import { assert } from '../runtime/assert.ts'
import { type Incarnation, sameIncarnation } from './member.ts'

export interface ShardOwner {
  readonly shard: number
  /** 0: never owned. */
  readonly epoch: number
  /** The owner, or the last one where it was released. */
  readonly owner: Incarnation | undefined
  /** The owner gave it up and it waits to be taken. */
  readonly released: boolean
}

/** Reads the owner rows of all shards, in order of shard, from every journal database. */
export interface OwnerStore {
  /** Shards whose database is away are left out. */
  owners(): Promise<readonly ShardOwner[]>
}

/** Says that something has probably changed; polling stays the truth. */
export interface HintSource {
  subscribe(listener: (about: 'owners' | 'members') => void): Cancel
}

export type OwnerListener = (changed: readonly ShardOwner[]) => void

export class OwnerTable {
  readonly #owners: ShardOwner[]
  /** Count of changes at which a shard's row last changed. */
  readonly #changedAt: number[]
  #changes = 0
  readonly #listeners = new Set<OwnerListener>()

  constructor(shardCount: number) {
    this.#owners = Array.from({ length: shardCount }, (_, shard) => ({
      shard,
      epoch: 0,
      owner: undefined,
      released: false,
    }))
    this.#changedAt = this.#owners.map(() => 0)
  }

  get(shard: number): ShardOwner {
    const owner = this.#owners[shard]
    assert(owner !== undefined, 'a shard has a row in the table', { shard })
    return owner
  }

  get all(): readonly ShardOwner[] {
    return this.#owners
  }

  /** Rises with every change: taken before a read of the rows, it says what the read may overrule. */
  get changes(): number {
    return this.#changes
  }

  /** Takes what is newer: a higher epoch, or the release of the same epoch. Listeners hear of what changed, at once. */
  learn(news: readonly ShardOwner[]): void {
    this.#take(news.filter((each) => isNewer(each, this.get(each.shard))))
  }

  /**
   * Takes rows as they were read. A row that says less than is known counts where nothing was learned of its shard since the
   * read began: a database that lost rows in a fail-over has older epochs, and its owners are the true ones.
   * @param since {@link OwnerTable.changes} when the read began.
   */
  learnRead(rows: readonly ShardOwner[], since: number): void {
    this.#take(
      rows.filter((each) => {
        const known = this.get(each.shard)
        return isNewer(each, known) || (!isSame(each, known) && (this.#changedAt[each.shard] ?? 0) <= since)
      }),
    )
  }

  #take(changed: readonly ShardOwner[]): void {
    if (changed.length === 0) return
    this.#changes += 1
    for (const each of changed) {
      this.#owners[each.shard] = each
      this.#changedAt[each.shard] = this.#changes
    }
    for (const listener of this.#listeners) listener(changed)
  }

  onChange(listener: OwnerListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

function isNewer(each: ShardOwner, known: ShardOwner): boolean {
  return each.epoch > known.epoch || (each.epoch === known.epoch && each.released && !known.released)
}

function isSame(a: ShardOwner, b: ShardOwner): boolean {
  if (a.epoch !== b.epoch || a.released !== b.released) return false
  if (a.owner === undefined || b.owner === undefined) return a.owner === b.owner
  return sameIncarnation(a.owner, b.owner)
}

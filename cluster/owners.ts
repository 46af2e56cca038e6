/**
 * Who owns which shard, as this process believes it: a cache fed by polling the owner rows (the truth), by hints and by
 * `moved` answers. Being wrong costs a detour: the journal, not this table, keeps a stale owner from writing.
 */
import type { Cancel } from '../runtime/clock.ts'
import { assert } from '../runtime/assert.ts'
import type { Incarnation } from './member.ts'

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
  readonly #listeners = new Set<OwnerListener>()

  constructor(shardCount: number) {
    this.#owners = Array.from({ length: shardCount }, (_, shard) => ({
      shard,
      epoch: 0,
      owner: undefined,
      released: false,
    }))
  }

  get(shard: number): ShardOwner {
    const owner = this.#owners[shard]
    assert(owner !== undefined, 'a shard has a row in the table', { shard })
    return owner
  }

  get all(): readonly ShardOwner[] {
    return this.#owners
  }

  /** Takes what is newer: a higher epoch, or the release of the same epoch. Listeners hear of what changed, at once. */
  learn(news: readonly ShardOwner[]): void {
    const changed = news.filter((each) => {
      const known = this.get(each.shard)
      if (each.epoch < known.epoch || (each.epoch === known.epoch && (known.released || !each.released))) return false
      this.#owners[each.shard] = each
      return true
    })
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed)
  }

  onChange(listener: OwnerListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

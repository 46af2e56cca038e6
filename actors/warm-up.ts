/**
 * Loads the entities that a shard's new owner must look at: those with rows after the cursor, whose timers are not stored
 * yet, and those with an open operation, whose outcome may have been lost with the old owner. The shard serves meanwhile;
 * a command for an entity that has not had its turn loads it at once.
 *
 * A bounded number loads at a time, over all shards, in the order in which shards were opened: a shard with a thousand
 * open payments stops neither the event loop nor its neighbours, and the PSPs hear of its open operations one after the
 * other. It leaves to entities what recovery means, and to cursor-flush.ts that no cursor passes what is still unread.
 */
import type { AnyKind } from './entity-kind.ts'
import type { Entity } from './entity.ts'
import type { Shard } from './shard.ts'

export interface WarmUpItem {
  readonly kind: AnyKind
  /** 32 hexadecimal digits. */
  readonly entity: string
  /** It has rows after the shard's cursor. */
  readonly behind: boolean
}

export class WarmUp {
  readonly #loadingMax: number
  readonly #activate: (shard: Shard, item: WarmUpItem) => Entity
  readonly #loading = new Set<Entity>()
  readonly #queue: { readonly shard: Shard; readonly items: readonly WarmUpItem[]; next: number }[] = []

  /**
   * @param loadingMax how many load at a time.
   * @param activate finds the entity or begins to load it.
   */
  constructor(loadingMax: number, activate: (shard: Shard, item: WarmUpItem) => Entity) {
    this.#loadingMax = loadingMax
    this.#activate = activate
  }

  /** How many have not had their turn. */
  get waiting(): number {
    return this.#queue.reduce((sum, { items, next }) => sum + items.length - next, 0)
  }

  add(shard: Shard, items: readonly WarmUpItem[]): void {
    if (items.length === 0) return
    shard.unread += items.filter(({ behind }) => behind).length
    this.#queue.push({ shard, items, next: 0 })
    this.#next()
  }

  /** An entity has its state, or will never have it. */
  ended(entity: Entity): void {
    if (this.#loading.delete(entity)) this.#next()
  }

  clear(): void {
    this.#queue.length = 0
    this.#loading.clear()
  }

  #next(): void {
    while (this.#loading.size < this.#loadingMax) {
      const first = this.#queue[0]
      const item = first?.items[first.next]
      if (first === undefined || item === undefined || gone(first.shard)) {
        if (this.#queue.shift() === undefined) return
        continue
      }
      first.next += 1
      const entity = this.#activate(first.shard, item)
      if (item.behind) first.shard.unread -= 1
      if (entity.mode === 'loading') this.#loading.add(entity)
    }
  }
}

function gone({ status }: Shard): boolean {
  return status === 'releasing' || status === 'lost'
}

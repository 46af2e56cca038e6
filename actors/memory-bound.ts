/**
 * Keeps entities in memory within a bound in bytes: beyond it the longest idle leave, closed ones before open ones.
 * An entity that is not idle, or whose timers are not stored yet, stays whatever it costs.
 *
 * Idle entities stand in lists linked through the entities themselves. As members of a Set they would be deleted and added
 * again several times per payment, and whoever looks for the oldest would step over all that was deleted before it.
 */
import { assert } from '../runtime/assert.ts'
import type { Entity } from './entity.ts'

/** What an entity costs beside its rows: actor, state, maps. Measured by bench/actors.bench.ts. */
const bytesPerEntity = 2500
/** State in memory per byte of row. */
const bytesPerRowByte = 3

/** An entity's place here. */
export interface MemoryPlace {
  /** What it counts for; 0 before it was counted and after it left. */
  weight: number
  list: IdleList | undefined
  older: Entity | undefined
  newer: Entity | undefined
}

export function memoryPlace(): MemoryPlace {
  return { weight: 0, list: undefined, older: undefined, newer: undefined }
}

/** Longest idle first. */
export class IdleList {
  #oldest: Entity | undefined
  #newest: Entity | undefined

  get oldest(): Entity | undefined {
    return this.#oldest
  }

  add(entity: Entity): void {
    const { place } = entity
    assert(place.list === undefined, 'an entity stands in one list')
    place.list = this
    place.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entity
    else this.#newest.place.newer = entity
    this.#newest = entity
  }

  remove({ place }: Entity): void {
    assert(place.list === this, 'an entity leaves the list that it stands in')
    const { older, newer } = place
    if (older === undefined) this.#oldest = newer
    else older.place.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.place.older = older
    place.list = undefined
    place.older = undefined
    place.newer = undefined
  }
}

export class MemoryBound {
  readonly #bytesMax: number
  readonly #closed = new IdleList()
  readonly #open = new IdleList()
  #bytes = 0
  #entities = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get entities(): number {
    return this.#entities
  }

  /** The entity was used, or became idle: it is the last to leave now. */
  touch(entity: Entity): void {
    const { place } = entity
    const weight = bytesPerEntity + entity.bytes * bytesPerRowByte
    if (place.weight === 0) this.#entities += 1
    this.#bytes += weight - place.weight
    place.weight = weight
    place.list?.remove(entity)
    if (!entity.idle) return
    const closed = entity.state === undefined || entity.kind.isClosed(entity.state)
    if (closed) this.#closed.add(entity)
    else this.#open.add(entity)
  }

  forget(entity: Entity): void {
    const { place } = entity
    if (place.weight > 0) this.#entities -= 1
    this.#bytes -= place.weight
    place.weight = 0
    place.list?.remove(entity)
  }

  /** Calls `passivate` for as many idle entities as are too much. */
  enforce(passivate: (entity: Entity) => void): void {
    for (const list of [this.#closed, this.#open]) {
      while (this.#bytes > this.#bytesMax) {
        const entity = list.oldest
        if (entity === undefined) break
        list.remove(entity)
        if (entity.idle) passivate(entity)
      }
    }
  }
}

/**
 * Keeps entities in memory within a bound in bytes: beyond it the longest idle leave, closed ones before open ones.
 * An entity that is not idle, or whose timers are not stored yet, stays whatever it costs.
 */
import type { Entity } from './entity.ts'

/** What an entity costs beside its rows: actor, state, maps. Measured by bench/actors.bench.ts. */
const bytesPerEntity = 2500
/** State in memory per byte of row. */
const bytesPerRowByte = 3

export class MemoryBound {
  readonly #bytesMax: number
  readonly #weights = new Map<Entity, number>()
  /** Idle entities, longest idle first. */
  readonly #closed = new Set<Entity>()
  readonly #open = new Set<Entity>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get entities(): number {
    return this.#weights.size
  }

  /** The entity was used, or became idle: it is the last to leave now. */
  touch(entity: Entity): void {
    const weight = bytesPerEntity + entity.bytes * bytesPerRowByte
    this.#bytes += weight - (this.#weights.get(entity) ?? 0)
    this.#weights.set(entity, weight)
    this.#closed.delete(entity)
    this.#open.delete(entity)
    if (!entity.idle) return
    const closed = entity.state === undefined || entity.kind.isClosed(entity.state)
    if (closed) this.#closed.add(entity)
    else this.#open.add(entity)
  }

  forget(entity: Entity): void {
    this.#bytes -= this.#weights.get(entity) ?? 0
    this.#weights.delete(entity)
    this.#closed.delete(entity)
    this.#open.delete(entity)
  }

  /** Calls `passivate` for as many idle entities as are too much. */
  enforce(passivate: (entity: Entity) => void): void {
    for (const idle of [this.#closed, this.#open]) {
      for (const entity of idle) {
        if (this.#bytes <= this.#bytesMax) return
        if (entity.idle) passivate(entity)
        else idle.delete(entity)
      }
    }
  }
}

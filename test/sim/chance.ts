/**
 * Chance from a seed, split by subsystem: each asks for its own stream by name, so that one more draw in one of them
 * (another fault, another retry) does not reshuffle all the others.
 */
import { assert } from '../../runtime/assert.ts'
import { type Random, seededRandom } from '../../runtime/random.ts'

export class Chance implements Random {
  readonly #seed: number
  readonly #random: Random

  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#random = seededRandom(this.#seed)
  }

  /** A stream of its own, the same for the same name, whatever was drawn from this one. */
  split(name: string): Chance {
    let hash = this.#seed ^ 0x811c9dc5
    for (let index = 0; index < name.length; index += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193)
      hash ^= hash >>> 15
    }
    return new Chance(hash)
  }

  float(): number {
    return this.#random.float()
  }

  hex(count: number): string {
    return this.#random.hex(count)
  }

  /** Whole, from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.#random.float() * below)
  }

  /** Whole, both ends included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in a share of `rate` (0 to 1) of all calls. Draws always, so that a rate of 0 does not shift what follows. */
  happens(rate: number): boolean {
    return this.#random.float() < rate
  }

  pick<T>(among: readonly T[]): T {
    const picked = among[this.below(among.length)]
    assert(picked !== undefined, 'there is something to pick from')
    return picked
  }

  /** Whole, mostly near `typical`, now and then up to a hundred times as long. */
  latency(typical: number): number {
    const draw = this.#random.float()
    return Math.ceil(typical * (draw < 0.9 ? 0.5 + draw : 1 + (draw - 0.9) ** 2 * 9900))
  }
}

import { randomFillSync } from 'node:crypto'

/** Randomness as a port, so that tests and the simulation can repeat it from a seed. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  /** `count` random bytes as lower-case hexadecimal. */
  hex(count: number): string
}

/** A call for random bytes costs 1.6 µs however few they are, so they are drawn by the pool. */
const poolBytes = 4096
const pool = Buffer.allocUnsafeSlow(poolBytes)
let used = poolBytes

export const systemRandom: Random = {
  float: () => Math.random(),
  hex(count) {
    if (count > poolBytes) return randomFillSync(Buffer.allocUnsafe(count)).toString('hex')
    if (used + count > poolBytes) {
      randomFillSync(pool)
      used = 0
    }
    const hex = pool.toString('hex', used, used + count)
    // What was handed out is not kept.
    pool.fill(0, used, used + count)
    used += count
    return hex
  },
}

/** A repeatable generator (mulberry32). Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    float: next,
    hex: (count) =>
      Array.from({ length: count }, () =>
        Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0'),
      ).join(''),
  }
}

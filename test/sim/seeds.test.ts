/** Histories from seeds, judged as they happen (docs/simulation.md). A seed that fails here replays with `npm run sim -- --seed N`. */
import { describe, expect, test } from 'vitest'
import { scaled } from '../support/scale.ts'
import { describe as described, flagsOf } from './flags.ts'
import { textOf } from './shrink.ts'
import { runWorld } from './world.ts'

const seeds = scaled('simulationSeeds')
const firstSeed = 1

describe('whatever fails, in whatever order', () => {
  test(`every claim holds: ${seeds} seeds`, async () => {
    const failures: string[] = []
    let effects = 0
    let compared = 0
    let shown = 0
    let disputes = 0
    for (let seed = firstSeed; seed < firstSeed + seeds && failures.length < 3; seed += 1) {
      const result = await runWorld(flagsOf(seed))
      effects += result.effects
      compared += result.compared
      shown += result.shown
      disputes += result.disputes
      if (result.failure !== undefined) {
        failures.push(`npm run sim -- --seed ${seed} --shrink\n${described(result.flags)}\n${textOf(result.failure)}`)
      }
    }
    expect(failures).toEqual([])
    // It was no empty world: payments moved money, were compared with the PSP's book at the end, and shown all the while.
    expect(effects).toBeGreaterThan(seeds)
    expect(compared).toBeGreaterThan(seeds)
    expect(shown).toBeGreaterThan(100 * seeds)
    expect(disputes).toBeGreaterThan(seeds / 5)
  })

  test('a seed is a history: run twice, it is the same turn for turn', async () => {
    for (const seed of [3, 7, 11, 19, 42, 77, 101, 128]) {
      const first = await runWorld(flagsOf(seed))
      const second = await runWorld(flagsOf(seed))
      expect({ seed, hash: second.hash, turns: second.turns }).toEqual({ seed, hash: first.hash, turns: first.turns })
    }
  })

  test('another seed is another history', async () => {
    const hashes = new Set<string>()
    for (const seed of [1, 2, 3, 4]) hashes.add((await runWorld(flagsOf(seed))).hash)
    expect(hashes.size).toBe(4)
  })
})

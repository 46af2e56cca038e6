import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ordinals, SeenKeys } from './repeats.ts'

describe('keys that were seen', () => {
  it('are told from all others, over half a million of them that differ in a few digits', () => {
    const seen = new SeenKeys()
    let wrong = 0
    for (let index = 0; index < 500_000; index += 1) if (seen.add(`txn_1QwErTyUiOpAs${index}`)) wrong += 1
    for (let index = 0; index < 500_000; index += 7) if (!seen.add(`txn_1QwErTyUiOpAs${index}`)) wrong += 1
    expect(wrong).toBe(0)
  })

  it('are those of a set', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 200 }), (keys) => {
        const [seen, set] = [new SeenKeys(), new Set<string>()]
        for (const key of keys) {
          expect(seen.add(key)).toBe(set.has(key))
          set.add(key)
        }
      }),
    )
  })
})

describe('lines without a reference', () => {
  it('have their order in their keys', () => {
    const ordinals = new Ordinals()
    expect(['a', 'b', 'a', 'a'].map((base) => ordinals.keyOf(base, 1))).toEqual(['a', 'b', 'a#2', 'a#3'])
  })
})

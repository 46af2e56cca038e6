import { describe, expect, it } from 'vitest'
import { topFunctions } from './cpu-profile.ts'

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber })

describe('the top functions of a CPU profile', () => {
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)') },
      { id: 2, callFrame: frame('pack', 'node:internal/pack', 41) },
      { id: 3, callFrame: frame('(idle)') },
      { id: 4, callFrame: frame('pack', 'node:internal/pack', 41) },
      { id: 5, callFrame: frame('', 'node:internal/other', 0) },
      { id: 6, callFrame: frame('(garbage collector)') },
    ],
    samples: [2, 4, 3, 5, 6, 1],
    timeDeltas: [0, 3000, 2000, 90_000, 1000, 4000],
  }

  it('are ordered by self time, one function called from two places counted once', () => {
    expect(topFunctions(profile, 10)).toEqual([
      { name: 'pack', where: 'node:internal/pack:42', selfMs: 5, share: 0.5 },
      { name: '(garbage collector)', where: '', selfMs: 4, share: 0.4 },
      { name: '(anonymous)', where: 'node:internal/other:1', selfMs: 1, share: 0.1 },
    ])
  })

  it('leave out idle time, and are at most as many as asked for', () => {
    const top = topFunctions(profile, 1)
    expect(top.map(({ name }) => name)).toEqual(['pack'])
  })

  it('are none for an empty profile', () => {
    expect(topFunctions({ nodes: [] }, 10)).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../runtime/clock.ts'
import { Bulkhead } from './bulkhead.ts'

describe('a bulkhead', () => {
  it('gives turns in order of arrival, one for each that is given back', async () => {
    const bulkhead = new Bulkhead(new VirtualClock(), { concurrent: 1, queueMax: 10 })
    const order: string[] = []
    expect(bulkhead.enter(100)).toBe('admitted')
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      expect(await bulkhead.enter(100)).toBe('admitted')
      order.push(name)
    })
    for (let turn = 0; turn < 3; turn += 1) bulkhead.release()
    await Promise.all(waiting)
    expect(order).toEqual(['a', 'b', 'c'])
    expect(bulkhead.running).toBe(1)
  })

  it('tells who waited too long, and gives that place to nobody', async () => {
    const clock = new VirtualClock()
    const bulkhead = new Bulkhead(clock, { concurrent: 1, queueMax: 10 })
    expect(bulkhead.enter(100)).toBe('admitted')
    const short = bulkhead.enter(10)
    const long = bulkhead.enter(1000)
    clock.advance(10)
    expect(await short).toBe('expired')
    bulkhead.release()
    expect(await long).toBe('admitted')
    bulkhead.release()
    expect(bulkhead.running).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('turns away who finds the queue full, and everyone once it is closed', async () => {
    const bulkhead = new Bulkhead(new VirtualClock(), { concurrent: 1, queueMax: 1 })
    expect(bulkhead.enter(100)).toBe('admitted')
    const waiting = bulkhead.enter(100)
    expect(bulkhead.enter(100)).toBe('full')
    bulkhead.close()
    expect(await waiting).toBe('closed')
    expect(bulkhead.enter(100)).toBe('closed')
  })

  it('refuses to take back more turns than it gave', () => {
    const bulkhead = new Bulkhead(new VirtualClock(), { concurrent: 1, queueMax: 1 })
    expect(() => bulkhead.release()).toThrow('a turn is given back once')
  })
})

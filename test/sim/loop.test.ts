import { describe, expect, test } from 'vitest'
import { createScheduler } from '../../actors/scheduler.ts'
import { Chance } from './chance.ts'
import { Loop } from './loop.ts'
import { Ordered, SimProcess } from './process.ts'

function loopOf(seed: number): Loop {
  return new Loop(new Chance(seed), () => undefined)
}

describe('a loop', () => {
  test('runs what is due in order of time, and of one instant in an order that the seed decides', async () => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const loop = loopOf(seed)
      const process = new SimProcess(loop, 1, 'p')
      const ran: string[] = []
      for (const name of ['a', 'b', 'c']) process.after(10, () => ran.push(name))
      process.after(5, () => ran.push('first'))
      await loop.run(100)
      expect(ran[0]).toBe('first')
      orders.add(ran.join(' '))
    }
    expect(orders.size).toBeGreaterThan(3)
  })

  test('lets every microtask of a turn run before the next turn', async () => {
    const loop = loopOf(1)
    const process = new SimProcess(loop, 1, 'p')
    const ran: string[] = []
    for (const name of ['a', 'b']) {
      process.after(0, () => {
        void (async () => {
          for (let n = 0; n < 50; n += 1) await Promise.resolve()
          ran.push(`${name} ends`)
        })()
        ran.push(`${name} begins`)
      })
    }
    await loop.run(1)
    expect(ran.map((line) => line.split(' ')[1])).toEqual(['begins', 'ends', 'begins', 'ends'])
  })

  test('rejects with what a turn throws, and puts the real setImmediate back', async () => {
    const real = globalThis.setImmediate
    const loop = loopOf(1)
    new SimProcess(loop, 1, 'p').after(1, () => {
      throw new Error('broken')
    })
    await expect(loop.run(10)).rejects.toThrow('broken')
    expect(globalThis.setImmediate).toBe(real)
  })
})

describe('a process', () => {
  test('does nothing after it was killed, not even what its actors were about to do', async () => {
    const loop = loopOf(1)
    const victim = new SimProcess(loop, 1, 'victim')
    const ran: string[] = []
    const scheduler = createScheduler('sim-loop-test', () => undefined)
    const actor = scheduler.spawn('actor', () => ran.push('actor'))
    victim.after(10, () => actor.wake())
    victim.after(1_000, () => ran.push('timer'))
    victim.after(2_000, () => {
      actor.wake()
      victim.kill()
    })
    victim.after(3_000, () => ran.push('late timer'))
    await loop.run(10_000)
    expect(ran).toEqual(['actor', 'timer'])
    scheduler.stop()
  })

  test('that is frozen wakes up with everything that came meanwhile, messages in their order', async () => {
    const loop = loopOf(3)
    const process = new SimProcess(loop, 1, 'p')
    const world = new SimProcess(loop, 2, 'world')
    const inbox = new Ordered(loop, process)
    const ran: string[] = []
    process.clock.schedule(2, () => ran.push(`timer at ${process.clock.monotonic() - 1000}`))
    process.freeze()
    for (const name of ['a', 'b', 'c']) world.after(10, () => inbox.send(5, () => ran.push(name)))
    await loop.run(5_000)
    expect(ran).toEqual([])
    world.after(1_000, () => process.thaw())
    await loop.run(10_000)
    expect(ran.filter((each) => each.length === 1)).toHaveLength(3)
    expect(ran).toContain('timer at 6')
  })

  test('keeps the order of what it is sent, however long each message travels', async () => {
    const loop = loopOf(5)
    const process = new SimProcess(loop, 1, 'p')
    const inbox = new Ordered(loop, process)
    const ran: number[] = []
    for (let n = 0; n < 10; n += 1) inbox.send((n * 7919) % 13, () => ran.push(n))
    await loop.run(1_000)
    expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})

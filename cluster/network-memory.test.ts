import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import type { Pipe } from './link.ts'
import { describeNetwork } from './network-conformance.ts'
import { MemoryNetwork } from './network-memory.ts'

describeNetwork('the network in memory', () => {
  const clock = new VirtualClock()
  const network = new MemoryNetwork({ clock, random: seededRandom(1) })
  return Promise.resolve({
    network: (name) => network.networkOf(name),
    nowhere: 'nobody',
    async pass() {
      clock.advance(1)
      await nextTurn()
    },
    close: () => Promise.resolve(),
  })
})

describe('faults of the network in memory', () => {
  async function world(seed = 1) {
    const clock = new VirtualClock()
    const network = new MemoryNetwork({ clock, random: seededRandom(seed), latencyMs: { min: 1, max: 20 } })
    const trace: string[] = []
    const run = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 1) {
        clock.advance(1)
        await nextTurn()
      }
    }
    const eventsOf = (name: string) => ({
      frame: (bytes: Uint8Array) => void trace.push(`${clock.monotonic()} ${name} ${Buffer.from(bytes).toString()}`),
      drained: () => {},
      ended: (how: string) => void trace.push(`${clock.monotonic()} ${name} ${how}`),
    })
    const accepted: Pipe[] = []
    await network.networkOf('b').listen((pipe) => {
      accepted.push(pipe)
      return eventsOf(`b${accepted.length}`)
    })
    const dial = async (name: string): Promise<Pipe> => {
      const dialling = network.networkOf('a').dial('b', eventsOf(name))
      await run(50)
      return (await dialling).pipe
    }
    const said = () => trace.map((line) => line.split(' ').slice(1).join(' '))
    return { clock, network, trace, said, run, dial, accepted }
  }

  async function history(seed: number): Promise<readonly string[]> {
    const { network, trace, run, dial } = await world(seed)
    const pipes = [await dial('a1'), await dial('a2')]
    for (let index = 0; index < 40; index += 1) {
      pipes[index % 2]?.send(Buffer.from(String(index)))
      if (index === 20) network.cut('a', 'b')
      if (index === 30) network.healAll()
      await run(1)
    }
    network.reset('a', 'b')
    await run(100)
    return trace
  }

  test('the same seed gives the same history, another seed another', async () => {
    expect(await history(7)).toEqual(await history(7))
    expect(await history(7)).not.toEqual(await history(8))
  })

  test('frames of one pipe stay in order, those of two overtake each other', async () => {
    const { said, run, dial } = await world(3)
    const pipes = [await dial('a1'), await dial('a2')]
    for (let index = 0; index < 50; index += 1) for (const pipe of pipes) pipe.send(Buffer.from(String(index)))
    await run(100)
    const of = (name: string) => said().filter((line) => line.startsWith(name))
    for (const name of ['b1', 'b2'])
      expect(of(name)).toEqual(Array.from({ length: 50 }, (_, index) => `${name} ${index}`))
    const interleaved = Array.from({ length: 50 }, (_, index) => [`b1 ${index}`, `b2 ${index}`]).flat()
    expect(said()).not.toEqual(interleaved)
  })

  test('a cut holds one direction up; what was sent arrives once it is healed', async () => {
    const { network, said, run, dial, accepted } = await world()
    const pipe = await dial('a1')
    network.cut('a', 'b')
    pipe.send(Buffer.from('forth'))
    accepted[0]?.send(Buffer.from('back'))
    await run(1_000)
    expect(said()).toEqual(['a1 back'])
    expect(pipe.buffered).toBe(5)
    network.heal('a', 'b')
    await run(50)
    expect(said()).toEqual(['a1 back', 'b1 forth'])
  })

  test('a dial across a cut is not refused, it is not answered', async () => {
    const { network, run } = await world()
    network.cut('b', 'a')
    const events = { frame: () => {}, drained: () => {}, ended: () => {} }
    const failed = network
      .networkOf('a')
      .dial('b', events)
      .catch((error: unknown) => error)
    await run(2_100)
    expect(await failed).toMatchObject({ name: 'DialError', refused: false })
  })

  test('a paused process takes nothing until it goes on, then all of it in order', async () => {
    const { network, said, run, dial } = await world()
    const pipe = await dial('a1')
    network.pause('b')
    for (const text of ['1', '2', '3']) pipe.send(Buffer.from(text))
    await run(1_000)
    expect(said()).toEqual([])
    network.resume('b')
    await run(50)
    expect(said()).toEqual(['b1 1', 'b1 2', 'b1 3'])
  })

  test('a process that stopped is a reset at its peers, refuses dials and hears nothing', async () => {
    const { network, said, run, dial, accepted } = await world()
    const pipe = await dial('a1')
    pipe.send(Buffer.from('on its way'))
    network.stop('b')
    accepted[0]?.send(Buffer.from('from the dead'))
    await run(50)
    expect(said()).toEqual(['a1 reset'])
    const events = { frame: () => {}, drained: () => {}, ended: () => {} }
    const failed = network
      .networkOf('a')
      .dial('b', events)
      .catch((error: unknown) => error)
    await run(50)
    expect(await failed).toMatchObject({ refused: true })
  })
})

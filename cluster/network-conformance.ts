/**
 * What everything that carries frames must do, as one suite: run over memory by network-memory.test.ts and over WebSockets by
 * ws-network.test.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DialError, type Network, type Pipe } from './link.ts'

export interface NetworkHarness {
  /** The port of one process. */
  network(name: string): Network
  /** An address at which nobody listens. */
  readonly nowhere: string
  /** Lets a little time pass. */
  pass(): Promise<void>
  close(): Promise<void>
}

interface End {
  readonly pipe: Pipe
  readonly frames: Uint8Array[]
  readonly ended: string[]
  drained: number
}

export function describeNetwork(name: string, makeHarness: () => Promise<NetworkHarness>): void {
  describe(name, () => {
    let harness: NetworkHarness

    beforeEach(async () => {
      harness = await makeHarness()
    })

    afterEach(() => harness.close())

    async function until(what: string, condition: () => boolean): Promise<void> {
      for (let round = 0; round < 4_000; round += 1) {
        if (condition()) return
        await harness.pass()
      }
      throw new Error(`it did not happen: ${what}`)
    }

    function recorder(): Omit<End, 'pipe'> & { events: Parameters<Network['dial']>[1] } {
      const end = { frames: [] as Uint8Array[], ended: [] as string[], drained: 0 }
      const events = {
        frame: (frame: Uint8Array) => void end.frames.push(frame),
        drained: () => void (end.drained += 1),
        ended: (how: string) => void end.ended.push(how),
      }
      return Object.assign(end, { events })
    }

    /** Both ends of a pipe, the dialler's first. */
    async function connected(): Promise<{ dialler: End; acceptor: End; listener: Network; address: string }> {
      const accepted: { pipe: Pipe; end: ReturnType<typeof recorder> }[] = []
      const listener = harness.network('acceptor')
      const address = await listener.listen((pipe) => {
        const end = recorder()
        accepted.push({ pipe, end })
        return end.events
      })
      const mine = recorder()
      const dialling = harness.network('dialler').dial(address, mine.events)
      await until('a pipe at both ends', () => accepted.length === 1)
      let pipe: Pipe | undefined
      void dialling.then((dialled) => {
        pipe = dialled.pipe
      })
      await until('the dialler has its pipe', () => pipe !== undefined)
      const [other] = accepted
      return {
        dialler: Object.assign(mine, { pipe: pipe as Pipe }),
        acceptor: Object.assign(other?.end as ReturnType<typeof recorder>, { pipe: other?.pipe as Pipe }),
        listener,
        address,
      }
    }

    test('frames arrive whole and in order, both ways, whatever their size', async () => {
      const { dialler, acceptor } = await connected()
      const sizes = [1, 0, 125, 126, 65_535, 65_536, 1_000_000, 2, 2 * 1024 * 1024, 3]
      for (const [from, to] of [[dialler, acceptor] as const, [acceptor, dialler] as const]) {
        for (const [index, size] of sizes.entries()) from.pipe.send(Buffer.alloc(size, index))
        await until('all frames are there', () => to.frames.length === sizes.length)
        expect(to.frames.map(({ length }) => length)).toEqual(sizes)
        expect(to.frames.every((frame, index) => frame.every((byte) => byte === index))).toBe(true)
      }
    })

    test('an orderly end comes after the frames sent before it, at both ends', async () => {
      const { dialler, acceptor } = await connected()
      for (let index = 0; index < 100; index += 1) dialler.pipe.send(Buffer.alloc(10_000, index))
      dialler.pipe.close()
      await until('both have heard', () => acceptor.ended.length + dialler.ended.length === 2)
      expect(acceptor.frames).toHaveLength(100)
      expect([acceptor.ended, dialler.ended]).toEqual([['closed'], ['closed']])
    })

    test('an end at once is a reset at the other end, and nothing is heard at this one', async () => {
      const { dialler, acceptor } = await connected()
      acceptor.pipe.send(Buffer.alloc(10))
      dialler.pipe.destroy()
      await until('the other end has heard', () => acceptor.ended.length === 1)
      for (let round = 0; round < 20; round += 1) await harness.pass()
      expect(acceptor.ended).toEqual(['reset'])
      expect(dialler.ended).toEqual([])
    })

    test('what is sent after the end goes nowhere, without an error', async () => {
      const { dialler, acceptor } = await connected()
      acceptor.pipe.close()
      await until('both have heard', () => acceptor.ended.length + dialler.ended.length === 2)
      dialler.pipe.send(Buffer.alloc(10))
      acceptor.pipe.send(Buffer.alloc(10))
      dialler.pipe.close()
      acceptor.pipe.destroy()
      for (let round = 0; round < 20; round += 1) await harness.pass()
      expect([acceptor.frames, dialler.frames]).toEqual([[], []])
      expect([acceptor.ended, dialler.ended]).toEqual([['closed'], ['closed']])
    })

    test('what has to wait is seen as buffered, and the end of it is told', async () => {
      const { dialler, acceptor } = await connected()
      for (let index = 0; index < 16; index += 1) dialler.pipe.send(Buffer.alloc(1024 * 1024, index))
      expect(dialler.pipe.buffered).toBeGreaterThan(1024 * 1024)
      await until('it has drained', () => dialler.drained > 0 && dialler.pipe.buffered === 0)
      await until('all frames are there', () => acceptor.frames.length === 16)
    })

    test('dialling where nobody listens is refused', async () => {
      let error: unknown
      harness
        .network('dialler')
        .dial(harness.nowhere, recorder().events)
        .catch((reason: unknown) => {
          error = reason
        })
      await until('the dial has failed', () => error !== undefined)
      expect(error).toBeInstanceOf(DialError)
      expect((error as DialError).refused).toBe(true)
    })

    test('a network that was closed is not listening any more', async () => {
      const { listener, address, acceptor } = await connected()
      acceptor.pipe.close()
      let isClosed = false
      void listener.close().then(() => {
        isClosed = true
      })
      await until('it is closed', () => isClosed)
      let error: unknown
      harness
        .network('dialler')
        .dial(address, recorder().events)
        .catch((reason: unknown) => {
          error = reason
        })
      await until('the dial has failed', () => error !== undefined)
      expect((error as DialError).refused).toBe(true)
    })
  })
}

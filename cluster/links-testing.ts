/** Processes with links over a {@link MemoryNetwork} on a virtual clock, for tests: what each of them saw is recorded. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import type { LinkEnd, Network, Peer } from './link.ts'
import { createLinks, type RunningLinks } from './links.ts'
import type { LinkLimits } from './links-limits.ts'
import type { LinksObserver } from './links-observer.ts'
import { nameOf, type Role } from './member.ts'
import { MemoryNetwork } from './network-memory.ts'

export interface TestProcess {
  readonly links: RunningLinks
  readonly peer: Peer
  readonly address: string
  /** `up node/incarnation`, `down node/incarnation reset`, `gone …`, `told … topic`, `refused reason`, in order. */
  readonly saw: string[]
  readonly dropped: string[]
  readonly counts: { sent: number; messages: number; failedDials: number }
}

export interface ProcessOptions {
  readonly incarnation?: string
  readonly roles?: readonly Role[]
  readonly limits?: Partial<LinkLimits>
  readonly network?: Network
}

export class LinkRig {
  readonly clock = new VirtualClock()
  readonly #random
  readonly network: MemoryNetwork
  readonly #processes: TestProcess[] = []

  constructor(seed = 1, latencyMs = { min: 0.2, max: 1 }) {
    this.#random = seededRandom(seed)
    this.network = new MemoryNetwork({ clock: this.clock, random: this.#random, latencyMs })
  }

  async start(node: string, options: ProcessOptions = {}): Promise<TestProcess> {
    const saw: string[] = []
    const dropped: string[] = []
    const counts = { sent: 0, messages: 0, failedDials: 0 }
    const observer: LinksObserver = {
      refused: (reason, peer) => void saw.push(`refused ${peer === undefined ? '' : `${nameOf(peer)} `}${reason}`),
      refusedBy: (reason) => void saw.push(`refused by ${reason}`),
      malformed: (problem) => void saw.push(`malformed ${problem}`),
      dialFailed: () => void (counts.failedDials += 1),
      dropped: (what) => void dropped.push(what),
      handlerFailed: (method) => void saw.push(`failed ${method}`),
      frameSent(_bytes, messages) {
        counts.sent += 1
        counts.messages += messages
      },
    }
    const self = { node, incarnation: options.incarnation ?? 'a', roles: options.roles ?? ['node'], build: 'test' }
    const links = createLinks({
      self,
      network: options.network ?? this.network.networkOf(node),
      clock: this.clock,
      random: this.#random,
      observer,
      defer: (callback) => void this.clock.schedule(0, callback),
      ...(options.limits !== undefined && { limits: options.limits }),
    })
    links.on({
      up: (link) => void saw.push(`up ${nameOf(link.peer)}`),
      down: (link, end: LinkEnd) => void saw.push(`down ${nameOf(link.peer)} ${end}`),
      gone: (peer) => void saw.push(`gone ${nameOf(peer)}`),
      told: (from, topic) => void saw.push(`told ${nameOf(from)} ${topic}`),
    })
    const address = await links.listen()
    const process = { links, peer: { ...self, protocol: 1 }, address, saw, dropped, counts }
    this.#processes.push(process)
    return process
  }

  /** Crashes it: what it was doing stops, and its peers see resets. */
  async kill(process: TestProcess): Promise<void> {
    this.network.stop(process.peer.node)
    await process.links.close()
  }

  /** Lets virtual time pass, in steps of a millisecond with a turn of the real loop after each. */
  async run(ms: number): Promise<void> {
    await nextTurn()
    for (let passed = 0; passed < ms; passed += 1) {
      this.clock.advance(1)
      await nextTurn()
    }
  }

  async close(): Promise<void> {
    for (const { links } of this.#processes) await links.close()
  }
}

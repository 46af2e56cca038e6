/** A node of counters over a journal in memory, for tests of the host: a clock that stands still, effects that end when told. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Envelope, RouteAnswer } from '../cluster/router.ts'
import { addressOfName, shardCount } from '../domain/ids.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { type CounterAnswer, type CounterCommand, type CounterEffect, counterKind } from './counter-kind.ts'
import { defaultHostLimits, Host, type HostLimits, type HostTrouble } from './host.ts'
import { MemoryJournal } from './journal-memory.ts'
import type { MemoryDatabase } from './memory-database.ts'

let names = 0
export const stops: (() => Promise<void>)[] = []

/** Stops every host that a test started. */
export async function stopHosts(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()))
}

/** Lets everything that is due in this instant happen. */
export async function settle(): Promise<void> {
  for (let n = 0; n < 12; n += 1) await turn()
}

const everyShard = Array.from({ length: shardCount }, (_, shard) => shard)

export interface TestHostOptions {
  readonly node?: string
  /** Opened at the start; default: all. */
  readonly shards?: readonly number[]
  readonly forward?: (envelope: Envelope) => Promise<RouteAnswer<unknown>>
}

export class TestHost {
  readonly clock: VirtualClock
  readonly journal: MemoryJournal
  readonly host: Host
  readonly effects: { readonly effect: CounterEffect; readonly end: (result: string | undefined) => void }[] = []
  readonly troubles: HostTrouble[] = []
  readonly lost: number[] = []
  readonly shards: readonly number[]
  #commands = 0
  readonly #name: string

  constructor(
    database: MemoryDatabase,
    clock = new VirtualClock(),
    limits: Partial<HostLimits> = {},
    { node = 'node-1', shards = everyShard, forward }: TestHostOptions = {},
  ) {
    this.#name = `hosttest${++names}`
    this.shards = shards
    this.clock = clock
    this.journal = new MemoryJournal(database, { node, incarnation: this.#name, clock })
    this.host = new Host({
      name: this.#name,
      kinds: [counterKind],
      journal: this.journal,
      clock,
      random: seededRandom(names),
      limits: { ...defaultHostLimits, ...limits },
      ...(forward !== undefined && { forward }),
      observer: {
        trouble: (what) => this.troubles.push(what),
        shardLost: (shard) => this.lost.push(shard),
        shardUncertain: () => undefined,
        shardRecovered: () => undefined,
      },
      runEffect: (effect) =>
        new Promise((resolve) => {
          const call = effect as CounterEffect
          this.effects.push({
            effect: call,
            end: (result) =>
              resolve(
                result === undefined
                  ? undefined
                  : ({ type: 'Outcome', key: call.key, result } satisfies CounterCommand),
              ),
          })
        }),
    })
  }

  static async start(...args: ConstructorParameters<typeof TestHost>): Promise<TestHost> {
    const node = new TestHost(...args)
    await node.host.openShards(node.shards)
    stops.push(async () => {
      const stopping = node.host.stop()
      for (let n = 0; n < 200; n += 1) {
        node.clock.advance(100)
        await turn()
      }
      await stopping
    })
    return node
  }

  /** Sends a command to a counter; `answer` is what came back so far. */
  send(counter: string, command: CounterCommand, options: Partial<Envelope> = {}): Sent {
    const sent: Sent = { answer: undefined }
    const { shard, entity } = addressOfName(counter)
    const id = (++this.#commands).toString(16).padStart(32, '0')
    void this.host
      .route<CounterAnswer>({
        id,
        shard,
        entity,
        kind: 'counter',
        class: 'begin',
        bytes: 10,
        payload: command,
        deadline: this.clock.monotonic() + 15_000,
        waitUntil: this.clock.monotonic() + 10_000,
        attach: false,
        ...options,
      })
      .then((answer) => {
        sent.answer = answer
      })
    return sent
  }

  async read(counter: string): Promise<RouteAnswer<CounterAnswer> | undefined> {
    const sent = this.send(counter, { type: 'Read' }, { class: 'read' })
    await settle()
    return sent.answer
  }
}

export interface Sent {
  answer: RouteAnswer<CounterAnswer> | undefined
}

/**
 * One payment over days at a simulated PSP: the actor host with the real connector in this process, over HTTP, both by one
 * virtual clock. The journal is in memory.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createEffectRunner } from '../../../actors/effect-runner.ts'
import { defaultHostLimits, Host } from '../../../actors/host.ts'
import { MemoryJournal } from '../../../actors/journal-memory.ts'
import { MemoryDatabase } from '../../../actors/memory-database.ts'
import { paymentKind } from '../../../actors/payment-kind.ts'
import { addressOfPayment } from '../../../domain/ids.ts'
import type { PaymentAnswer } from '../../../domain/payment/answers.ts'
import type { PaymentCommand, PaymentQuery } from '../../../domain/payment/commands.ts'
import type { PaymentEffect } from '../../../domain/payment/effects.ts'
import type { Payment } from '../../../domain/payment/state.ts'
import { merchant, merchantId, paymentId, startedAt } from '../../../domain/payment/testing/fixtures.ts'
import type { Connector } from '../../../psp/connector.ts'
import type { BehaviourRule } from '../../../psp/simulator/behaviour.ts'
import type { BookEntry } from '../../../psp/simulator/book.ts'
import { type Simulator, startSimulator } from '../../../psp/simulator/simulator.ts'
import { VirtualClock } from '../../../runtime/clock.ts'
import { seededRandom } from '../../../runtime/random.ts'
import { type AnswerProxy, startAnswerProxy } from '../../support/answer-proxy.ts'

const connection = 'first'
/** Time passes in steps of this, between which what was begun is done. */
const stepMs = 30_000
let names = 0

export class PspDays {
  readonly clock: VirtualClock
  /** Before the PSP, where the connector goes through it. */
  readonly proxy: AnswerProxy
  readonly #host: Host
  readonly #simulator: Simulator
  readonly #connector: Connector
  readonly #directory: string
  #commands = 0

  private constructor(parts: {
    readonly clock: VirtualClock
    readonly proxy: AnswerProxy
    readonly host: Host
    readonly simulator: Simulator
    readonly connector: Connector
    readonly directory: string
  }) {
    this.clock = parts.clock
    this.proxy = parts.proxy
    this.#host = parts.host
    this.#simulator = parts.simulator
    this.#connector = parts.connector
    this.#directory = parts.directory
  }

  /** @param connectorTo the PSP at this address */
  static async start(
    connectorTo: (options: { connection: string; baseUrl: string; clock: VirtualClock }) => Connector,
    through: 'directly' | 'through the proxy' = 'directly',
  ): Promise<PspDays> {
    const clock = new VirtualClock(startedAt)
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-days-'))
    const simulator = await startSimulator({ directory, clock })
    const proxy = await startAnswerProxy(simulator.url)
    const baseUrl = through === 'directly' ? simulator.url : proxy.url
    const connector = connectorTo({ connection, baseUrl, clock })
    const call = createEffectRunner(new Map([[connection, connector]]), clock, {
      called: () => undefined,
      broken: (_connection, error) => {
        throw error
      },
    })
    const host = new Host({
      name: `psp-days-${(names += 1)}`,
      kinds: [
        paymentKind({
          directory: { get: () => ({ ...merchant, routes: [{ connection, mode: 'test' }] }) },
          connections: new Map([[connection, connector.profile]]),
          random: seededRandom(1),
          returnUrlBase: () => 'https://pay.example/return',
        }),
      ],
      journal: new MemoryJournal(new MemoryDatabase(), { node: 'node-1', incarnation: 'i1', clock }),
      clock,
      random: seededRandom(2),
      limits: defaultHostLimits,
      observer: {
        trouble: (what, error) => {
          throw new Error(what, { cause: error })
        },
        shardLost: () => undefined,
        shardUncertain: () => undefined,
        shardRecovered: () => undefined,
      },
      runEffect: (effect) => call(effect as PaymentEffect),
    })
    await host.openShards([address.shard])
    return new PspDays({ clock, proxy, host, simulator, connector, directory })
  }

  async behave(rules: readonly BehaviourRule[]): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ rules })
    const response = await fetch(`${this.#simulator.adminUrl}/behaviour`, { method: 'POST', headers, body })
    if (!response.ok) throw new Error(await response.text())
  }

  async book(): Promise<readonly BookEntry[]> {
    const text = await (await fetch(`${this.#simulator.adminUrl}/book?payment=${paymentId}`)).text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as BookEntry)
  }

  /** What the PSP did, in order. */
  async effects(): Promise<readonly string[]> {
    return (await this.book()).filter(({ effect }) => effect).map(({ operation }) => operation)
  }

  /** Sends a command, and lets everything happen that needs no time to pass. */
  async tell(command: PaymentCommand): Promise<PaymentAnswer | undefined> {
    let answer: PaymentAnswer | undefined
    void this.#route(command, 'begin').then((given) => {
      answer = given
    })
    await this.#settle()
    return answer
  }

  async payment(): Promise<Payment> {
    const query: PaymentQuery = { type: 'ReadPayment', merchant: merchantId, mode: 'test' }
    const answer = await this.#route(query, 'read')
    if (answer?.kind !== 'payment') throw new Error('there is no payment')
    return answer.state
  }

  /** Lets time pass; what falls due is done on the way. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    while (this.clock.now() < end) {
      this.clock.advance(Math.min(stepMs, end - this.clock.now()))
      await this.#settle()
    }
  }

  async stop(): Promise<void> {
    const stopping = this.#host.stop()
    for (let n = 0; n < 100; n += 1) {
      this.clock.advance(1_000)
      await turn()
    }
    await stopping
    await this.#connector.close()
    await this.proxy.close()
    await this.#simulator.close()
    await rm(this.#directory, { recursive: true })
  }

  /** Calls to the PSP take real time and none of the clock's. */
  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < 6; quiet += 1) {
      await turn()
      if (this.#host.stats().calls > 0) quiet = 0
    }
  }

  async #route(payload: PaymentCommand | PaymentQuery, of: 'begin' | 'read'): Promise<PaymentAnswer | undefined> {
    const deadline = this.clock.monotonic() + 60_000
    const times = { deadline, waitUntil: deadline, bytes: 0, attach: true }
    const id = (this.#commands += 1).toString(16).padStart(32, '0')
    const routed = await this.#host.route<PaymentAnswer>({
      ...{ id, ...address, kind: 'payment', class: of, payload },
      ...times,
    })
    return routed.kind === 'answered' ? routed.answer : undefined
  }
}

const address = addressOfPayment(paymentId) ?? { shard: 0, entity: '' }

/**
 * Webhooks under measurement: one PSP pushes to one process that is gateway and node, over a database of its own. Before each
 * load there are payments for its messages to be about; after it every message must be in the journal once.
 */
import { BenchMember } from './bench-member.ts'
import { benchMerchants } from './bench-merchants.ts'
import type { BenchServer } from './bench-server.ts'
import type { MemberFigures } from './cluster-process.ts'
import type { TopFunction } from './cpu-profile.ts'
import { Generator } from './http-generator.ts'
import { PaymentCheck } from './payment-check.ts'
import { machineBusyMs } from './process-cpu.ts'
import { PspLoad } from './psp-load.ts'
import { connectionOf, type MessageSubject, type PushingPsp } from './psp-messages.ts'
import { NoticeCheck, type PushedNotice } from './psp-notice-check.ts'
import type { PushResult } from './psp-pushing.ts'

/** `payment`: each about a payment of its own, which knows that already. `copies`: of the load before, once more. */
export type About = 'payment' | 'nothing' | 'copies'

export interface PushLoad {
  readonly about: About
  readonly connections: number
  readonly result: PushResult
  readonly messages: number
  /** What each part spent until everything was handed over. */
  readonly serverMs: number
  readonly postgresMs: number
  /** Of the whole machine. */
  readonly machineMs: number
  readonly gcMs: number
  readonly decisions: number
  readonly flushes: number
  readonly flushSeconds: number
}

export interface WebhookRigOptions {
  readonly psp: PushingPsp
  readonly postgres: BenchServer
  /** Of Node in the server's process. */
  readonly nodeFlags: readonly string[]
}

interface Spent {
  readonly serverMs: number
  readonly postgresMs: number
  readonly machineMs: number
  readonly figures: MemberFigures
}

const paymentSeconds = 4
const paymentConnections = 256

export class WebhookRig {
  readonly psp: PushingPsp
  /** Everything that was not as it should be, in words. */
  readonly wrong: string[] = []
  readonly #postgres: BenchServer
  readonly #server: BenchMember
  readonly #databaseUrl: string
  readonly #notices: NoticeCheck
  readonly #merchants: Generator
  readonly #pusher = new PspLoad()
  readonly #payments: string[] = []
  /** Payments that no message was about. */
  readonly #fresh: string[] = []
  #prepared = 0
  #paymentLoads = 0

  private constructor(
    { psp, postgres }: WebhookRigOptions,
    databaseUrl: string,
    server: BenchMember,
    notices: NoticeCheck,
    merchants: Generator,
  ) {
    this.psp = psp
    this.#postgres = postgres
    this.#databaseUrl = databaseUrl
    this.#server = server
    this.#notices = notices
    this.#merchants = merchants
  }

  static async start(options: WebhookRigOptions): Promise<WebhookRig> {
    const { psp, postgres, nodeFlags } = options
    const databaseUrl = await postgres.createDatabase(`bench_webhooks_${psp}`)
    const member = { name: 'bench', roles: ['node', 'gateway'], databaseUrl, latencyMs: 0, psp } as const
    const server = await BenchMember.start(member, nodeFlags)
    await server.know(benchMerchants, true)
    const notices = new NoticeCheck(databaseUrl)
    await notices.connect()
    const merchants = await Generator.create(benchMerchants.map(({ apiKey }) => apiKey))
    return new WebhookRig(options, databaseUrl, server, notices, merchants)
  }

  /** Pushes new messages, and compares the journal with them. */
  async push(about: Exclude<About, 'copies'>, messages: number, connections: number): Promise<PushLoad> {
    const notices = await this.#prepare(about, messages)
    const load = await this.#load(about, messages, connections)
    this.wrong.push(...(await this.#notices.check(notices)))
    return load
  }

  /** Pushes the messages of the load before once more: nothing of them may be in the journal again. */
  async pushCopies(messages: number, connections: number): Promise<PushLoad> {
    const load = await this.#load('copies', messages, connections)
    this.wrong.push(...(await this.#notices.check([])))
    return load
  }

  /** Where the server spends its time while messages are pushed, each about a payment. */
  async profile(messages: number, connections: number, milliseconds: number): Promise<readonly TopFunction[]> {
    const notices = await this.#prepare('payment', messages)
    const [top] = await Promise.all([this.#server.profile(milliseconds), this.#load('payment', messages, connections)])
    this.wrong.push(...(await this.#notices.check(notices)))
    return top
  }

  /** Ends all, after a last look at the payments: each is captured once still. */
  async stop(): Promise<void> {
    await this.#pusher.stop()
    const check = new PaymentCheck(this.#databaseUrl)
    await check.connect()
    const { wrong } = await check.check(this.#payments, this.#paymentLoads * paymentConnections)
    this.wrong.push(...wrong)
    await check.close()
    await this.#notices.close()
    await this.#merchants.close()
    await this.#server.stop()
  }

  /** Signs messages about what nobody has told of yet. */
  async #prepare(about: Exclude<About, 'copies'>, messages: number): Promise<readonly PushedNotice[]> {
    if (about === 'payment') await this.#makePayments(messages)
    const payments = about === 'payment' ? this.#fresh.splice(0, messages) : []
    this.#prepared += 1
    const subjects = Array.from({ length: messages }, (_, index): MessageSubject => {
      const payment = payments[index]
      const name = `L${this.#prepared}N${String(index).padStart(10, '0')}`
      return { name, ...(payment !== undefined && { payment }) }
    })
    const connection = connectionOf(this.psp)
    const url = `${this.#server.url}/webhooks/${this.psp}/${connection}`
    const ids = await this.#pusher.prepare(this.psp, url, subjects)
    return ids.map((id, index) => ({ ...subjects[index], connection, id }))
  }

  async #makePayments(count: number): Promise<void> {
    while (this.#fresh.length < count) {
      this.#paymentLoads += 1
      const prefix = `webhooks-${this.psp}-${this.#paymentLoads}-`
      const load = await this.#merchants.load({
        ...{ url: this.#server.url, connections: paymentConnections, seconds: paymentSeconds, prefix },
      })
      const others = [...load.others].map(([answer, number]) => `${number} × ${answer}`)
      if (load.payments.length === 0) throw new Error(`no payments could be made: ${others.join(', ')}`)
      this.wrong.push(...others)
      this.#payments.push(...load.payments)
      this.#fresh.push(...load.payments)
    }
  }

  async #load(about: About, messages: number, connections: number): Promise<PushLoad> {
    const before = await this.#spent()
    const result = await this.#pusher.push(connections)
    const after = await this.#spent()
    for (const [status, count] of result.statuses) {
      if (status !== '200') this.wrong.push(`${this.psp}, ${about}: ${count} × ${status}`)
    }
    const figure = (name: 'gcMs' | 'decisions' | 'flushes' | 'flushSeconds'): number =>
      after.figures[name] - before.figures[name]
    return {
      ...{ about, connections, result, messages },
      serverMs: after.serverMs - before.serverMs,
      postgresMs: after.postgresMs - before.postgresMs,
      machineMs: after.machineMs - before.machineMs,
      gcMs: figure('gcMs'),
      decisions: figure('decisions'),
      flushes: figure('flushes'),
      flushSeconds: figure('flushSeconds'),
    }
  }

  async #spent(): Promise<Spent> {
    const { figures, troubles } = await this.#server.settle()
    this.wrong.push(...troubles)
    const [serverMs, postgresMs] = [this.#server.cpuMs(), this.#postgres.cpuMs()]
    return { serverMs, postgresMs, machineMs: machineBusyMs(), figures }
  }
}

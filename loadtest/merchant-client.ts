/**
 * A merchant's program that does what the documentation says: what got no answer is sent again with the same key, through
 * the next gateway, until there is one. Every send is an operation of the history.
 *
 * Leaves to others: how many do so at once (`generator.ts`), and what to ask for.
 */
import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'
import type { Clock } from '../runtime/clock.ts'
import { endOf, understand, type Understood } from './answer.ts'
import type { EndType, OperationName } from './history.ts'
import type { HistoryWriter } from './history-writer.ts'

export interface Merchant {
  readonly id: string
  readonly apiKey: string
  readonly mode: 'live' | 'test'
}

export interface Call {
  readonly f: OperationName
  readonly path: string
  /** Idempotency key; absent for reads. */
  readonly key?: string
  readonly body?: object
  readonly paymentId?: string
  readonly phase?: 'load' | 'final'
}

export interface Outcome {
  /** The last send's; undefined where it got no answer at all. */
  readonly understood: Understood | undefined
  readonly status: number | undefined
  readonly sends: number
  /** The client's name in the history from here on. */
  readonly proc: string
  readonly firstSendNs: number
  readonly endNs: number
}

export interface ClientOptions {
  /** Base addresses; a retry goes to the next one. */
  readonly gateways: readonly string[]
  readonly history: HistoryWriter
  readonly clock: Clock
  /** Sockets per gateway. */
  readonly connections: number
  /** One send; the product answers within its longest wait, so what takes longer is lost. */
  readonly tryTimeoutMs: number
  /** Before a request is sent again: doubled each time, up to the second number. */
  readonly retryPauseMs: readonly [first: number, max: number]
  /** From the first send on; then the outcome is left open. */
  readonly patienceMs: number
  /** Other machines are somebody's: loopback addresses alone, unless this says otherwise. */
  readonly remote?: boolean
}

export const clientDefaults = {
  connections: 256,
  tryTimeoutMs: 15_000,
  retryPauseMs: [50, 400],
  patienceMs: 60_000,
} as const

/** Nobody was there to take it: the one failure of a connection that proves that nothing was done. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH'])

export class MerchantClient {
  /** Sends that got no answer, and answers that asked to come again, by code. */
  readonly troubles = new Map<string, number>()
  readonly #options: ClientOptions
  readonly #agents: readonly Agent[]

  /** @throws where a gateway is not on this machine and `remote` is not set. */
  constructor(options: ClientOptions) {
    if (options.gateways.length === 0) throw new Error('a client needs a gateway')
    if (options.remote !== true) for (const gateway of options.gateways) assertLoopback(gateway)
    this.#options = options
    this.#agents = options.gateways.map(
      () =>
        new Agent({
          connections: options.connections,
          pipelining: 1,
          connect: { timeout: 2_000 },
          keepAliveTimeout: 4_000,
        }),
    )
  }

  /** One send to one gateway. The outcome says under which name this client goes on. */
  async send(merchant: Merchant, call: Call, proc: string, gateway: number): Promise<Outcome> {
    const { history, tryTimeoutMs } = this.#options
    const index = gateway % this.#agents.length
    const address = this.#options.gateways[index] ?? ''
    const method = call.key === undefined ? 'GET' : 'POST'
    const body = call.body === undefined ? '' : JSON.stringify(call.body)
    const { i, startNs } = history.invoke({
      proc,
      f: call.f,
      phase: call.phase ?? 'load',
      merchant: merchant.id,
      mode: merchant.mode,
      key: call.key ?? null,
      body_hash: call.key === undefined ? null : hashOf(`${method} ${call.path} ${body}`),
      ...(call.paymentId !== undefined && { payment_id: call.paymentId }),
      gateway: `g${index}`,
    })
    try {
      const response = await request(`${address}${call.path}`, {
        method,
        ...(this.#agents[index] !== undefined && { dispatcher: this.#agents[index] }),
        signal: AbortSignal.timeout(tryTimeoutMs),
        headers: {
          authorization: `Bearer ${merchant.apiKey}`,
          ...(call.key !== undefined && { 'idempotency-key': call.key }),
          ...(call.body !== undefined && { 'content-type': 'application/json' }),
        },
        body: call.body === undefined ? null : body,
      })
      const { statusCode: status, headers } = response
      const text = await response.body.text()
      const etag = typeof headers['etag'] === 'string' ? headers['etag'] : undefined
      const answer = { status, etag, replayed: headers['idempotent-replayed'] === 'true', text }
      const understood = understand(answer)
      const endNs = history.end({ i, ...endOf(answer, understood, hashOf(text)) })
      if (understood.isUnanswered) this.#trouble(`${status} ${understood.code ?? ''}`.trim())
      return { understood, status, sends: 1, proc: nextName(proc, understood.type), firstSendNs: startNs, endNs }
    } catch (error) {
      const code = codeOf(error)
      this.#trouble(code)
      const type = neverSent.has(code) ? 'fail' : 'info'
      const endNs = history.end({ i, type, code })
      return {
        understood: undefined,
        status: undefined,
        sends: 1,
        proc: nextName(proc, type),
        firstSendNs: startNs,
        endNs,
      }
    }
  }

  /** Sends until there is an answer or patience ends, through one gateway after the other. */
  async insist(merchant: Merchant, call: Call, proc: string, firstGateway: number): Promise<Outcome> {
    const { clock, patienceMs, retryPauseMs } = this.#options
    const [firstPauseMs, pauseMsMax] = retryPauseMs
    const until = clock.monotonic() + patienceMs
    let name = proc
    let first: number | undefined
    for (let sends = 1; ; sends += 1) {
      const outcome = await this.send(merchant, call, name, firstGateway + sends - 1)
      first ??= outcome.firstSendNs
      const { understood } = outcome
      const isOpen = understood === undefined || understood.isUnanswered
      if (!isOpen || clock.monotonic() > until) return { ...outcome, sends, firstSendNs: first }
      name = outcome.proc
      await pause(clock, Math.min(pauseMsMax, firstPauseMs * 2 ** (sends - 1)))
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.destroy()))
  }

  #trouble(name: string): void {
    this.troubles.set(name, (this.troubles.get(name) ?? 0) + 1)
  }
}

export async function pause(clock: Clock, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    clock.schedule(ms, resolve)
  })
}

function assertLoopback(address: string): void {
  const { hostname } = new URL(address)
  if (hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)) return
  throw new Error(`${hostname} is not this machine; remote targets have to be asked for`)
}

/** A client that does not know what its request did is none that has seen its outcome: it goes on as another. */
function nextName(proc: string, type: EndType): string {
  if (type !== 'info') return proc
  const [name, times = '0'] = proc.split('~')
  return `${name ?? proc}~${Number(times) + 1}`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

/** A connection's error code, or the name of what ended the wait. */
function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === 'string') return code
  return typeof name === 'string' ? name : 'unknown_error'
}

/**
 * Sends what endpoints are owed, as each PSP does: Stripe every message by itself, Adyen in lanes (`adyen-lane.ts`).
 *
 * Guarantees: a message is sent until an endpoint acknowledges it with 2xx, the PSP's schedule has run out, or the endpoint
 * is gone; how it ended is in the book before anything else happens. At most `concurrencyMax` attempts run at once.
 * Leaves to others: what is owed (`outbox.ts`), what goes wrong (`faults.ts`), the wire (`requests.ts`, `transport.ts`).
 */
import { assert } from '../../../runtime/assert.ts'
import type { Cancel, Clock } from '../../../runtime/clock.ts'
import type { Random } from '../../../runtime/random.ts'
import { AdyenLane } from './adyen-lane.ts'
import type { Endpoint, WebhookConfig } from './endpoints.ts'
import { WebhookFaults } from './faults.ts'
import { type AttemptRecord, DeliveryLog } from './log.ts'
import type { Delivery, DeliveryEnd, Outbox, WebhookLine } from './outbox.ts'
import type { PostResult, Transport } from './ports.ts'
import { requestOf } from './requests.ts'
import { stripeWaitsMs } from './schedule.ts'

export interface SenderOptions {
  readonly outbox: Outbox
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** Writes a line of the book and tells the outbox. */
  readonly write: (line: WebhookLine) => void
}

export const concurrencyMax = 64
const delayMsMax = 2 ** 31 - 1
/** Attempts that an overview shows. */
const overviewMax = 100

export class WebhookSender {
  readonly #options: SenderOptions
  readonly #faults: WebhookFaults
  readonly #log = new DeliveryLog()
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #lanes = new Map<string, AdyenLane>()
  readonly #timers = new Set<Cancel>()
  /** Attempts that wait for their turn. */
  readonly #waiting: (() => Promise<void>)[] = []
  /** Attempts that answers of the API wait for. */
  readonly #beforeAnswers = new Set<Promise<void>>()
  readonly #idle = new Set<() => void>()
  #running = 0
  /** Copies that are to be sent beside what is owed. */
  #copies = 0
  #timeScale = 1
  #stopped = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#faults = new WebhookFaults(options.random)
    options.outbox.onOwed((delivery) => this.#begin(delivery))
  }

  /** Sends what was owed to endpoints that nobody could sign for until now. */
  configure({ endpoints, time_scale: timeScale, rules }: WebhookConfig): void {
    if (timeScale !== undefined) this.#timeScale = timeScale
    if (rules !== undefined) this.#faults.replace(rules)
    if (endpoints === undefined) return
    const { outbox, write } = this.#options
    const known = endpoints.map(({ id, psp, url, ...rest }) => ({
      ...{ id, psp, url },
      ...('merchant_account' in rest && rest.merchant_account !== undefined
        ? { merchant_account: rest.merchant_account }
        : {}),
    }))
    const resumed = endpoints.filter(({ id }) => !this.#endpoints.has(id))
    this.#endpoints.clear()
    for (const endpoint of endpoints) this.#endpoints.set(endpoint.id, endpoint)
    for (const id of this.#lanes.keys()) if (!this.#endpoints.has(id)) this.#lanes.delete(id)
    if (JSON.stringify(known) !== JSON.stringify(outbox.endpoints)) write({ endpoints: known })
    for (const { id } of resumed) for (const delivery of outbox.owedTo(id)) this.#begin(delivery)
    this.#releaseIdle()
  }

  /** Ends once every message has been tried that is to arrive before the API's answer. */
  async beforeAnswer(): Promise<void> {
    await Promise.all(this.#beforeAnswers)
  }

  /** How many deliveries and copies are still to come. */
  get pending(): number {
    const { outbox } = this.#options
    return outbox.endpoints.reduce((sum, { id }) => sum + outbox.owedCount(id), this.#copies)
  }

  /** Ends once nothing is pending, or after `withinMs`. @returns what is pending then */
  async flush(withinMs: number): Promise<number> {
    if (this.pending === 0) return 0
    await new Promise<void>((resolve) => {
      const release = (): void => {
        cancel()
        this.#idle.delete(release)
        resolve()
      }
      const cancel = this.#options.clock.schedule(withinMs, release)
      this.#idle.add(release)
    })
    return this.pending
  }

  /** For people: no secrets. */
  overview(): object {
    const { outbox } = this.#options
    return {
      endpoints: outbox.endpoints.map((endpoint) => ({
        ...endpoint,
        configured: this.#endpoints.has(endpoint.id),
        pending: outbox.owedCount(endpoint.id),
      })),
      time_scale: this.#timeScale,
      rules: this.#faults.list(),
      counts: { pending: this.pending, ...this.#log.counts },
      deliveries: this.#log.recent().slice(0, overviewMax),
    }
  }

  recent(): readonly AttemptRecord[] {
    return this.#log.recent()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
    this.#waiting.length = 0
    for (const release of this.#idle) release()
    await this.#options.transport.close()
  }

  #begin(delivery: Delivery): void {
    const { message, endpoint } = delivery
    if (!this.#endpoints.has(endpoint)) return
    const { swallowed, beforeAnswer, delaysMs } = this.#faults.ofMessage(message.psp, message.type)
    if (swallowed) {
      this.#after(0, () => this.#end(delivery, 'swallowed'))
      return
    }
    const [firstMs = 0, ...copiesMs] = delaysMs
    for (const delayMs of copiesMs) {
      this.#copies += 1
      this.#after(delayMs, () => this.#inTurn(() => this.#sendCopy(delivery)))
    }
    if (beforeAnswer) {
      const attempt = new Promise<void>((resolve) => {
        this.#inTurn(() => this.#attempt(delivery).finally(resolve))
      }).finally(() => this.#beforeAnswers.delete(attempt))
      this.#beforeAnswers.add(attempt)
    } else this.#after(firstMs, () => this.#offer(delivery))
  }

  #offer(delivery: Delivery): void {
    if (delivery.message.psp === 'adyen') this.#laneOf(delivery.endpoint).offer(delivery)
    else this.#inTurn(() => this.#attempt(delivery))
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { outbox } = this.#options
    const { message, endpoint } = delivery
    if (outbox.isOwed(delivery)) {
      delivery.attempts += 1
      const result = await this.#post(delivery, delivery.attempts)
      if (this.#stopped) return
      if (isAcknowledged(result)) this.#end(delivery, 'delivered')
    }
    const lane = message.psp === 'adyen' ? this.#laneOf(endpoint) : undefined
    if (!outbox.isOwed(delivery)) lane?.left(delivery)
    else if (lane === undefined) this.#retry(delivery)
    else lane.failed(delivery)
  }

  #retry(delivery: Delivery): void {
    const waitMs = stripeWaitsMs[delivery.attempts - 1]
    if (waitMs === undefined) this.#end(delivery, 'given_up')
    else this.#after(waitMs / this.#timeScale, () => this.#inTurn(() => this.#attempt(delivery)))
  }

  async #sendCopy(delivery: Delivery): Promise<void> {
    if (this.#endpoints.has(delivery.endpoint)) await this.#post(delivery, 0)
    this.#copies -= 1
    this.#releaseIdle()
  }

  /** @param attempt 0 for a copy */
  async #post({ message, endpoint: id }: Delivery, attempt: number): Promise<PostResult> {
    const { clock, random, transport } = this.#options
    const endpoint = this.#endpoints.get(id)
    assert(endpoint !== undefined, 'what is sent has an endpoint', { id })
    const faults = this.#faults.ofAttempt(message.psp, message.type)
    const request = requestOf(message, endpoint, { at: clock.now(), faults, keyDraw: random.float() })
    const result: PostResult = faults.lost ? { kind: 'failed', reason: 'lost' } : await transport.post(request)
    this.#log.add({
      at: clock.now(),
      psp: message.psp,
      type: message.type,
      message: message.id,
      payment: message.payment,
      endpoint: id,
      attempt,
      result: result.kind === 'answered' ? String(result.status) : result.reason,
    })
    return result
  }

  #end(delivery: Delivery, how: DeliveryEnd): void {
    if (!this.#options.outbox.isOwed(delivery)) return
    this.#options.write({ ended: { endpoint: delivery.endpoint, message: delivery.message.id, how } })
    this.#log.ended(how)
    this.#releaseIdle()
  }

  #releaseIdle(): void {
    if (this.pending > 0) return
    for (const release of this.#idle) release()
  }

  #laneOf(endpoint: string): AdyenLane {
    const lane = this.#lanes.get(endpoint) ?? this.#newLane()
    this.#lanes.set(endpoint, lane)
    return lane
  }

  #newLane(): AdyenLane {
    return new AdyenLane({
      attempt: (delivery) => this.#inTurn(() => this.#attempt(delivery)),
      after: (waitMs, run) => this.#after(waitMs / this.#timeScale, run),
      giveUp: (delivery) => this.#end(delivery, 'given_up'),
    })
  }

  #after(waitMs: number, run: () => void): void {
    const cancel = this.#options.clock.schedule(Math.min(waitMs, delayMsMax), () => {
      this.#timers.delete(cancel)
      run()
    })
    this.#timers.add(cancel)
  }

  /** Runs an attempt when fewer than the most are running, in order. */
  #inTurn(attempt: () => Promise<void>): void {
    this.#waiting.push(attempt)
    this.#proceed()
  }

  #proceed(): void {
    if (this.#running >= concurrencyMax) return
    const attempt = this.#waiting.shift()
    if (attempt === undefined) return
    this.#running += 1
    void attempt().finally(() => {
      this.#running -= 1
      this.#proceed()
    })
  }
}

function isAcknowledged(result: PostResult): boolean {
  return result.kind === 'answered' && result.status >= 200 && result.status < 300
}

/**
 * What merchants do all day, seeded: payments that are captured at once or later, in part or not at all, declined, refunded.
 * Every worker goes on through crashes; `stop` lets the journeys under way come to their end.
 */
import { randomUUID } from 'node:crypto'
import { type Random, seededRandom } from '../../../runtime/random.ts'
import { type Client, paymentIn } from './client.ts'

export class Workload {
  journeys = 0
  readonly #clients: readonly Client[]
  readonly #random: Random
  readonly #run: string
  #stopped = false
  #workers: Promise<void>[] = []
  /** A worker's failure: a broken promise of the product, not a fault that was injected. */
  #failure: Error | undefined

  constructor(clients: readonly Client[], seed: number) {
    this.#clients = clients
    this.#random = seededRandom(seed)
    this.#run = randomUUID().slice(0, 8)
  }

  start(workers: number): void {
    for (let worker = 0; worker < workers; worker += 1) {
      const client = this.#clients[worker % this.#clients.length]
      if (client === undefined) throw new Error('a workload has clients')
      this.#workers.push(
        this.#work(client, worker).catch((error: unknown) => {
          this.#failure ??= error instanceof Error ? error : new Error('a worker failed', { cause: error })
          this.#stopped = true
        }),
      )
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#workers)
    this.#workers = []
    if (this.#failure !== undefined) throw this.#failure
  }

  async #work(client: Client, worker: number): Promise<void> {
    for (let n = 0; !this.#stopped; n += 1) {
      await this.#journey(client, `${this.#run}-${worker}-${n}`)
      this.journeys += 1
    }
  }

  async #journey(client: Client, name: string): Promise<void> {
    const amount = 100 + Math.floor(this.#random.float() * 9900)
    const manual = this.#random.float() < 0.4
    const declined = this.#random.float() < 0.1
    const created = await client.insist('POST', '/v1/payments', `${name}-create`, {
      amount,
      currency: 'eur',
      payment_method: declined ? 'pm_card_visa_chargeDeclined' : 'pm_card_visa',
      capture_method: manual ? 'manual' : 'automatic',
      merchant_reference: name,
    })
    const payment = paymentIn(created)
    if (payment === undefined) throw new Error(`a create answered ${created.status} without a payment: ${created.text}`)
    if (payment.status === 'authorized') {
      const choice = this.#random.float()
      if (choice < 0.2)
        return void (await client.insist('POST', `/v1/payments/${payment.id}/cancel`, `${name}-cancel`, {}))
      const part = choice < 0.5 ? Math.ceil(amount / 2) : amount
      await client.insist('POST', `/v1/payments/${payment.id}/capture`, `${name}-capture`, { amount: part })
    }
    if (this.#random.float() < 0.4) {
      const now = await client.get(payment.id)
      if (now.amount_captured > 1) {
        await client.insist('POST', `/v1/payments/${payment.id}/refunds`, `${name}-refund`, {
          amount: Math.floor(now.amount_captured / 2),
        })
      }
    }
  }
}

/**
 * One payment on a node that the test chose, asked for by hand: for what a load cannot see, such as who answers what at which
 * moment.
 */
import { randomUUID } from 'node:crypto'
import { addressOfPayment, paymentIdOf } from '../../../domain/ids.ts'
import type { Cluster, Merchant } from './cluster.ts'
import type { Member } from './member.ts'
import { until } from './until.ts'

/** Longer than a gateway takes to say that it cannot. */
const answerWithinMs = 20_000

export interface HandAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export class Shopper {
  /** What a payment is asked for with. */
  static readonly request = {
    amount: 1_000,
    currency: 'eur',
    payment_method: 'pm_card_visa',
    capture_method: 'manual',
  } as const
  readonly paymentId: string
  readonly key: string
  readonly #merchant: Merchant

  private constructor(merchant: Merchant, key: string, paymentId: string) {
    this.#merchant = merchant
    this.key = key
    this.paymentId = paymentId
  }

  /** Authorized, not captured, on shards of this node. */
  static async authorizedOn(cluster: Cluster, node: Member, count: number): Promise<readonly Shopper[]> {
    const shards = await cluster.shardsOf(node)
    const [merchant] = cluster.merchants
    const [gateway] = cluster.gateways
    if (merchant === undefined || gateway === undefined) throw new Error('a cluster has a merchant and a gateway')
    const shoppers: Shopper[] = []
    while (shoppers.length < count) {
      const key = randomUUID()
      const paymentId = paymentIdOf(cluster.idKey, merchant.id, 'test', key)
      const shard = addressOfPayment(paymentId)?.shard
      if (shard === undefined || !shards.has(shard)) continue
      const shopper = new Shopper(merchant, key, paymentId)
      await shopper.authorizeThrough(gateway)
      shoppers.push(shopper)
    }
    return shoppers
  }

  /** Sent until it is answered, always the same request. @returns the last answer. */
  async authorizeThrough(gateway: Member): Promise<HandAnswer> {
    return this.#insist(gateway, '/v1/payments', this.key, Shopper.request)
  }

  async captureThrough(gateway: Member): Promise<HandAnswer> {
    return this.#insist(gateway, `/v1/payments/${this.paymentId}/capture`, `${this.key}-capture`, {})
  }

  /** Undefined where there was no answer, or none with a payment. */
  async statusThrough(gateway: Member): Promise<string | undefined> {
    const answer = await this.ask(gateway, 'GET', `/v1/payments/${this.paymentId}`).catch(() => undefined)
    return answer?.status === 200 ? String(answer.body['status']) : undefined
  }

  /** The first status that is told. */
  async settledStatusThrough(gateway: Member): Promise<string> {
    let status: string | undefined
    await until(async () => (status = await this.statusThrough(gateway)) !== undefined, {
      what: `an answer to a read of ${this.paymentId}`,
    })
    return status ?? ''
  }

  /** One send. @throws where there is no answer. */
  async ask(gateway: Member, method: 'GET' | 'POST', path: string, key?: string, body?: object): Promise<HandAnswer> {
    const response = await fetch(`${gateway.merchantUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#merchant.apiKey}`,
        // seconds for the outcome; nobody waits for any answer five seconds after them
        prefer: 'wait=2',
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerWithinMs),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  async #insist(gateway: Member, path: string, key: string, body: object): Promise<HandAnswer> {
    let answer: HandAnswer | undefined
    await until(
      async () => {
        answer = await this.ask(gateway, 'POST', path, key, body).catch(() => undefined)
        return answer?.status === 201 || answer?.status === 200
      },
      { what: `an answer to ${path}`, everyMs: 50 },
    )
    if (answer === undefined) throw new Error('an answer came')
    return answer
  }
}

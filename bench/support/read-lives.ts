/**
 * Whole lives of payments for the read side: what merchants ask and what the PSP answers, decided by the kind that the actor
 * host runs, so that every row, state and transfer is one that a node would have written. Merchants are chosen by Zipf's law:
 * the first has as many payments as the second and the third together.
 */
import { createHash } from 'node:crypto'
import { encodeDecision } from '../../actors/codec.ts'
import type { AnyKind } from '../../actors/entity-kind.ts'
import type { DecisionRecord } from '../../actors/journal.ts'
import { type PaymentKind, paymentKind } from '../../actors/payment-kind.ts'
import type { HeardDecision } from '../../actors/read-buffer.ts'
import { type Address, addressOfPayment, paymentIdOf } from '../../domain/ids.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { MerchantRequest, PaymentCommand } from '../../domain/payment/commands.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { OperationOutcome } from '../../domain/payment/operations.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { type Random, seededRandom } from '../../runtime/random.ts'
import { benchConnection } from './payments.ts'

export const merchantsMax = 1_000

/** What becomes of a payment, and of how many of a thousand. */
const courses = {
  captured: 680,
  /** Authorized, and captured by the merchant. */
  capturedLater: 130,
  authorized: 30,
  declined: 100,
  refunded: 50,
  disputed: 10,
} as const
export type Course = keyof typeof courses

/** After the decision before it, in milliseconds. */
const pspMs = 250
const merchantMs = 1_500

export interface LifeStep {
  readonly record: DecisionRecord
  readonly heard: HeardDecision
}

export interface Life {
  readonly merchant: string
  readonly course: Course
  /** The merchant's. */
  readonly reference: string
  readonly steps: readonly LifeStep[]
}

const idKey = Buffer.alloc(32, 9)
const connections = [benchConnection, { ...benchConnection, connection: 'adyen-test', psp: 'adyen' }]

export function merchantName(rank: number): string {
  return `mer_bench${String(rank).padStart(4, '0')}`
}

export class Lives {
  readonly #kind: PaymentKind
  readonly #random: Random
  /** Of the merchants up to each rank, as a share of all. */
  readonly #shares: readonly number[]

  /** @param merchants how many. */
  constructor(merchants: number = merchantsMax, seed = 1) {
    const routes = connections.map(({ connection }) => ({ connection, mode: 'test' }) as const)
    const configurations = new Map(
      Array.from({ length: merchants }, (_, rank): [string, MerchantConfiguration] => {
        const id = merchantName(rank)
        return [
          id,
          { id, name: 'Bench', status: 'active', version: 1, rateTier: 'standard', routes, limits: [], keys: [] },
        ]
      }),
    )
    this.#random = seededRandom(seed)
    this.#kind = paymentKind({
      directory: { get: (merchant) => configurations.get(merchant) },
      connections: new Map(connections.map((each) => [each.connection, each])),
      random: this.#random,
      returnUrlBase: () => 'https://pay.example/return',
    })
    const weights = Array.from({ length: merchants }, (_, rank) => 1 / (rank + 1))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    let share = 0
    this.#shares = weights.map((weight) => (share += weight / sum))
  }

  get kind(): AnyKind {
    return this.#kind
  }

  /** Life number `index`, each with a key of its own. @param at Unix milliseconds of its first decision. */
  next(index: number, at: number, course: Course = this.#course()): Life {
    const merchant = merchantName(this.#rank())
    const key = `order-2026-${String(index).padStart(12, '0')}`
    const life = new OneLife(this.#kind, merchant, key, at)
    const [adyen, usd] = [this.#random.float() < 0.1, this.#random.float() < 0.15]
    life.create({
      amountMinor: 100 + Math.floor(this.#random.float() * 20_000),
      currency: usd ? 'USD' : 'EUR',
      captureMethod: course === 'authorized' || course === 'capturedLater' ? 'manual' : 'automatic',
      connection: adyen ? 'adyen-test' : 'stripe-test',
      declined: course === 'declined',
    })
    if (course === 'capturedLater') life.capture()
    if (course === 'refunded') life.refund()
    if (course === 'disputed') life.dispute()
    return { merchant, course, reference: life.reference, steps: life.steps }
  }

  #course(): Course {
    let left = Math.floor(this.#random.float() * 1_000)
    for (const [course, count] of Object.entries(courses)) {
      if (left < count) return course as Course
      left -= count
    }
    return 'captured'
  }

  #rank(): number {
    const share = this.#random.float()
    let [low, high] = [0, this.#shares.length - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#shares[middle] ?? 1) < share) low = middle + 1
      else high = middle
    }
    return low
  }
}

interface Wanted {
  readonly amountMinor: number
  readonly currency: string
  readonly captureMethod: 'automatic' | 'manual'
  readonly connection: string
  readonly declined: boolean
}

/** Commands decided one after the other, and what the PSP answers to each of their calls. */
class OneLife {
  readonly steps: LifeStep[] = []
  readonly #kind: PaymentKind
  readonly #merchant: string
  readonly #key: string
  readonly #address: Address
  #at: number
  #state: Payment | undefined
  #declines = false

  constructor(kind: PaymentKind, merchant: string, key: string, at: number) {
    this.#kind = kind
    this.#merchant = merchant
    this.#key = key
    this.#address = addressOfPayment(paymentIdOf(idKey, merchant, 'test', key)) as Address
    this.#at = at
  }

  get reference(): string {
    return `SO-${this.#key.slice(-8)}`
  }

  create({ amountMinor, currency, captureMethod, connection, declined }: Wanted): void {
    this.#declines = declined
    this.#take({
      type: 'CreatePayment',
      request: this.#request('create'),
      ...{ amountMinor, currency, captureMethod, confirm: true, routing: { connection } },
      paymentMethod: { type: 'card', token: 'pm_card_visa' },
      merchantReference: this.reference,
      description: 'Order of two pairs of socks',
      returnUrl: 'https://shop.example/checkout/return',
      metadata: { channel: 'web', cart: this.#key.slice(-12) },
    })
  }

  capture(): void {
    this.#at += merchantMs
    this.#take({ type: 'CapturePayment', request: this.#request('capture'), final: true })
  }

  /** Of half the amount. */
  refund(): void {
    this.#at += merchantMs
    const amountMinor = Math.floor((this.#state?.amountMinor ?? 0) / 2)
    this.#take({ type: 'RefundPayment', request: this.#request('refund'), amountMinor })
  }

  dispute(): void {
    this.#at += merchantMs
    const { amountMinor = 0, currency = '' } = this.#state ?? {}
    this.#take({
      ...{ type: 'RecordDispute', pspReference: `dp_${this.#key.slice(-8)}`, stage: 'chargeback', status: 'open' },
      ...{ amountMinor, currency, feeMinor: 1_500, fundsWithdrawn: true, factId: `evt_${this.#key.slice(-8)}` },
    })
  }

  #request(suffix: string): MerchantRequest {
    const idempotencyKey = suffix === 'create' ? this.#key : `${this.#key}-${suffix}`
    const digest = createHash('sha256').update(`${this.#merchant} ${idempotencyKey}`).digest('hex')
    return {
      ...{ merchant: this.#merchant, mode: 'test', idempotencyKey, fingerprint: digest },
      ...{ requestId: `req_${digest.slice(0, 24)}`, apiVersion: '2026-11-01' },
    }
  }

  #take(command: PaymentCommand): void {
    const before = this.#state
    const decision = this.#kind.decide(before, command, { address: this.#address, now: this.#at, epoch: 1 })
    if (decision.kind !== 'accepted') throw new Error(`${command.type}: ${JSON.stringify(decision)}`)
    const seq = this.steps.length + 1
    const state = this.#kind.apply(before, decision.events, { seq, at: this.#at, epoch: 1 })
    const transfers = this.#kind.transfers(before, decision.events, state)
    const { shard, entity } = this.#address
    const record: DecisionRecord = {
      ...{ shard, entity, seq, at: this.#at, type: `payment.${this.#kind.commandType(command)}` },
      command: createHash('md5').update(`${entity} ${seq}`).digest('hex'),
      ...encodeDecision(decision.events, transfers),
      keyId: null,
    }
    this.steps.push({ record, heard: { kind: this.#kind, entity, state, transfers, at: this.#at } })
    this.#state = state
    for (const effect of this.#kind.effects(state, decision.events)) {
      this.#at += pspMs
      this.#take(this.#answer(effect))
    }
  }

  #answer({ call }: PaymentEffect): PaymentCommand {
    if (call.kind === 'void' || call.kind === 'complete') throw new Error(`these payments have no ${call.kind}`)
    const { operationId, amountMinor, currency } = call
    const pspReference = `pi_${operationId.slice(-24)}`
    const outcome: OperationOutcome = this.#declines
      ? { kind: 'declined', decline: { class: 'hard', code: 'insufficient_funds' }, pspReference }
      : {
          ...{ kind: 'succeeded', pspReference, amountMinor, currency },
          ...(call.kind === 'authorize' && call.captureMethod === 'automatic' && { captured: true }),
        }
    return { type: 'RecordOutcome', operationId, outcome, source: 'response', firstSend: true }
  }
}

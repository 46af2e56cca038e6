/**
 * Payments of realistic size: a merchant's request with a reference, a description, an address to return to and two
 * entries of metadata; a PSP that answers every call with success. One payment is a series of commands, and through the
 * kind that the actor host runs it becomes the very rows that a journal holds.
 */
import { createHash } from 'node:crypto'
import { encodeDecision } from '../../actors/codec.ts'
import { type PaymentKind, paymentKind } from '../../actors/payment-kind.ts'
import { type Address, addressOfPayment, paymentIdOf, paymentIdOfEntity } from '../../domain/ids.ts'
import type { Transfer } from '../../domain/ledger/transfer.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type {
  CapturePayment,
  CreatePayment,
  MerchantRequest,
  PaymentCommand,
  RecordOutcome,
  RefundPayment,
} from '../../domain/payment/commands.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { ConnectionProfile } from '../../domain/payment/operations.ts'
import type { CaptureMethod, Payment } from '../../domain/payment/state.ts'
import { systemRandom } from '../../runtime/random.ts'
import type { Command } from './host-rig.ts'

const idKey = Buffer.alloc(32, 7)
const merchantsCount = 1000
const hourMs = 3_600_000

export const benchConnection: ConnectionProfile = {
  connection: 'stripe-test',
  psp: 'stripe',
  requestVersion: 1,
  available: true,
  multicapture: false,
  repeatWindowMs: 23 * hourMs,
  quietPeriodMs: 300_000,
  authorizationValidityMs: 7 * 24 * hourMs,
  sendWithinMs: 120_000,
  acceptedWithinMs: hourMs,
}

const merchants: ReadonlyMap<string, MerchantConfiguration> = new Map(
  Array.from({ length: merchantsCount }, (_, index): [string, MerchantConfiguration] => {
    const id = `mer_bench${String(index).padStart(4, '0')}`
    const routes = [{ connection: benchConnection.connection, mode: 'test' }] as const
    const configured = { version: 1, rateTier: 'standard', routes, limits: [], keys: [] } as const
    return [id, { id, name: 'Bench', status: 'active', ...configured }]
  }),
)
const merchantIds = [...merchants.keys()]

/** The kind, as a node would build it, with merchants and connection in memory. */
export function benchPaymentKind(): PaymentKind {
  return paymentKind({
    directory: { get: (merchant) => merchants.get(merchant) },
    connections: new Map([[benchConnection.connection, benchConnection]]),
    random: systemRandom,
    returnUrlBase: () => 'https://pay.example/return',
  })
}

export interface BenchPayment {
  readonly id: string
  readonly address: Address
  readonly merchant: string
  readonly idempotencyKey: string
}

/** Payment number `index`: every index has its own key, merchant by turns. */
export function benchPayment(index: number): BenchPayment {
  const merchant = merchantIds[index % merchantsCount] as string
  const idempotencyKey = `order-2026-${String(index).padStart(12, '0')}`
  const id = paymentIdOf(idKey, merchant, 'test', idempotencyKey)
  return { id, address: addressOfPayment(id) as Address, merchant, idempotencyKey }
}

function requestOf(payment: BenchPayment, suffix: string): MerchantRequest {
  const idempotencyKey = payment.idempotencyKey + suffix
  return {
    merchant: payment.merchant,
    mode: 'test',
    idempotencyKey,
    fingerprint: createHash('sha256').update(idempotencyKey).digest('hex'),
    requestId: `req_${createHash('sha256').update(`request ${idempotencyKey}`).digest('hex').slice(0, 24)}`,
    apiVersion: '2026-11-01',
  }
}

export function createCommand(payment: BenchPayment, captureMethod: CaptureMethod): CreatePayment {
  return {
    type: 'CreatePayment',
    request: requestOf(payment, ''),
    amountMinor: 4999,
    currency: 'EUR',
    captureMethod,
    confirm: true,
    paymentMethod: { type: 'card', token: 'pm_card_visa' },
    merchantReference: `SO-${payment.idempotencyKey.slice(-8)}`,
    description: 'Order of two pairs of socks',
    returnUrl: 'https://shop.example/checkout/return',
    metadata: { channel: 'web', cart: payment.idempotencyKey.slice(-12) },
  }
}

export function captureCommand(payment: BenchPayment): CapturePayment {
  return { type: 'CapturePayment', request: requestOf(payment, '-capture'), final: true }
}

export function refundCommand(payment: BenchPayment, amountMinor: number): RefundPayment {
  return { type: 'RefundPayment', request: requestOf(payment, '-refund'), amountMinor, reason: 'requested_by_customer' }
}

/** As a gateway makes it from a request: strings of its own, none that is a part of another. */
export function paymentCommand(index: number, captureMethod: CaptureMethod): Command {
  const payment = benchPayment(index)
  const payload: unknown = JSON.parse(JSON.stringify(createCommand(payment, captureMethod)))
  return { ...payment.address, kind: 'payment', class: 'begin', payload }
}

/** Whether it is the payment that the command asked for, in this status. */
export function isPayment(answer: unknown, command: Command, status: Payment['lifecycle']['status']): boolean {
  const payment = answer as PaymentAnswer
  if (payment.kind !== 'payment' || payment.state.lifecycle.status !== status) return false
  return payment.state.id === paymentIdOfEntity(command.entity)
}

/** The PSP's success for an effect's call, as the effect runner would hand it back. */
export function successOf(effect: PaymentEffect): RecordOutcome {
  const { call } = effect
  if (call.kind === 'void') throw new Error('these payments are never voided')
  const captured = call.kind === 'authorize' && call.captureMethod === 'automatic'
  return {
    type: 'RecordOutcome',
    operationId: call.operationId,
    outcome: {
      kind: 'succeeded',
      pspReference: `pi_${call.operationId.slice(-24)}`,
      amountMinor: call.amountMinor,
      currency: call.currency,
      ...(captured && { captured }),
    },
    source: 'response',
    firstSend: true,
  }
}

/** One decision as a journal stores it, less what only the owner of the shard knows. */
export interface PaymentRow {
  readonly seq: number
  readonly type: string
  readonly at: number
  readonly data: Buffer
  readonly private: Buffer | null
}

/** A decision with what the read side is made from. */
export interface PaymentDecision extends PaymentRow {
  readonly transfers: readonly Transfer[]
  /** After it. */
  readonly state: Payment
}

/** What becomes of a payment: authorized and captured in one step (`automatic`) or in two, and maybe refunded in part. */
export interface PaymentStory {
  readonly captureMethod: CaptureMethod
  readonly refundMinor?: number
  /** Unix milliseconds of the first decision. */
  readonly at: number
}

/** All decisions of one payment, the PSP's successes included. */
export function paymentDecisions(
  kind: PaymentKind,
  payment: BenchPayment,
  { captureMethod, refundMinor, at }: PaymentStory,
): PaymentDecision[] {
  const rows: PaymentDecision[] = []
  let state: Payment | undefined
  const take = (command: PaymentCommand): void => {
    const before = state
    const now = at + rows.length
    const decision = kind.decide(before, command, { address: payment.address, now, epoch: 1 })
    if (decision.kind !== 'accepted') throw new Error(`${command.type}: ${JSON.stringify(decision)}`)
    const seq = rows.length + 1
    const after = kind.apply(before, decision.events, { seq, at: now, epoch: 1 })
    const transfers = kind.transfers(before, decision.events, after)
    const encoded = encodeDecision(decision.events, transfers)
    rows.push({ seq, type: `${kind.name}.${kind.commandType(command)}`, at: now, ...encoded, transfers, state: after })
    state = after
    for (const effect of kind.effects(after, decision.events)) take(successOf(effect))
  }
  take(createCommand(payment, captureMethod))
  if (captureMethod === 'manual') take(captureCommand(payment))
  if (refundMinor !== undefined) take(refundCommand(payment, refundMinor))
  if (state?.lifecycle.status !== 'captured') throw new Error('a payment of the benchmark ends captured')
  return rows
}

/** All rows of one payment that is authorized and captured, in one step (`automatic`) or in two. */
export function paymentRows(kind: PaymentKind, payment: BenchPayment, captureMethod: CaptureMethod): PaymentRow[] {
  return paymentDecisions(kind, payment, { captureMethod, at: Date.UTC(2026, 10, 20) }).map(
    ({ seq, type, at, data, private: hidden }) => ({ seq, type, at, data, private: hidden }),
  )
}

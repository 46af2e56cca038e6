/** One merchant, two PSP connections and ready-made commands, for tests of the payment machine. */
import { paymentIdOf } from '../../ids.ts'
import type { NoticeFact, NoticeSubject } from '../../inbox/notice.ts'
import type { MerchantConfiguration } from '../../merchant/state.ts'
import type {
  CancelPayment,
  CapturePayment,
  ConfirmPayment,
  CreatePayment,
  MerchantRequest,
  RecordDispute,
  RecordExternalOperation,
  RecordNotice,
  RecordOutcome,
  RecordReversal,
  RecordSettlementLine,
  RefundPayment,
} from '../commands.ts'
import type { PaymentContext } from '../context.ts'
import type { ConnectionProfile, DeclineClass, OperationOutcome } from '../operations.ts'

export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

export const startedAt = Date.UTC(2026, 10, 4, 12, 0, 0)
export const merchantId = 'mer_1'
export const paymentId = paymentIdOf(new Uint8Array(32), merchantId, 'test', 'create')

/** One capture per authorization, as at Stripe. */
export const primary: ConnectionProfile = {
  connection: 'first',
  psp: 'stripe',
  requestVersion: 1,
  available: true,
  multicapture: false,
  repeatWindowMs: 23 * hour,
  quietPeriodMs: 5 * minute,
  authorizationValidityMs: 7 * day,
  sendWithinMs: 2 * minute,
  acceptedWithinMs: hour,
}

/** Several captures per authorization; another PSP to fall back to. */
export const fallback: ConnectionProfile = { ...primary, connection: 'second', psp: 'adyen', multicapture: true }

export const merchant: MerchantConfiguration = {
  id: merchantId,
  name: 'Corner Shop',
  status: 'active',
  version: 4,
  rateTier: 'standard',
  routes: [
    { connection: 'first', mode: 'test' },
    { connection: 'second', mode: 'test' },
  ],
  limits: [],
  keys: [],
}

export const connections: ReadonlyMap<string, ConnectionProfile> = new Map([
  ['first', primary],
  ['second', fallback],
])

/** The same connections in the other order of preference: payments run over the one with several captures. */
export const multicaptureMerchant: MerchantConfiguration = { ...merchant, routes: [...merchant.routes].reverse() }

export function contextAt(now: number, more: Partial<PaymentContext> = {}): PaymentContext {
  return {
    paymentId,
    now,
    epoch: 1,
    merchant,
    accepted: new Map(),
    connections,
    nonce: 'ab'.repeat(16),
    returnUrlBase: 'https://pay.example/return',
    ...more,
  }
}

export function request(key: string, more: Partial<MerchantRequest> = {}): MerchantRequest {
  return {
    merchant: merchantId,
    mode: 'test',
    idempotencyKey: key,
    fingerprint: `fingerprint of ${key}`,
    requestId: `req_${key}`,
    apiVersion: '2026-11-01',
    ...more,
  }
}

export function create(more: Partial<CreatePayment> = {}): CreatePayment {
  return {
    type: 'CreatePayment',
    request: request('create'),
    amountMinor: 100,
    currency: 'EUR',
    captureMethod: 'manual',
    confirm: true,
    paymentMethod: { type: 'card', token: 'pm_card_visa' },
    metadata: {},
    ...more,
  }
}

export function confirm(key = 'confirm', more: Partial<ConfirmPayment> = {}): ConfirmPayment {
  return { type: 'ConfirmPayment', request: request(key), ...more }
}

export function capture(amountMinor?: number, more: Partial<CapturePayment> & { key?: string } = {}): CapturePayment {
  const { key = 'capture', ...rest } = more
  return {
    type: 'CapturePayment',
    request: request(key),
    final: true,
    ...(amountMinor !== undefined && { amountMinor }),
    ...rest,
  }
}

export function cancel(key = 'cancel'): CancelPayment {
  return { type: 'CancelPayment', request: request(key) }
}

export function refund(amountMinor?: number, key = 'refund'): RefundPayment {
  return { type: 'RefundPayment', request: request(key), ...(amountMinor !== undefined && { amountMinor }) }
}

/** What the PSP says of an operation: by default the answer to the first send. */
export function says(
  operationId: string,
  outcome: OperationOutcome,
  more: Partial<Omit<RecordOutcome, 'type' | 'operationId' | 'outcome'>> = {},
): RecordOutcome {
  const source = more.source ?? 'response'
  // Unless a test says otherwise, an inquiry was made just now.
  const asked = source === 'inquiry' ? { askedAt: Number.MAX_SAFE_INTEGER } : {}
  return { type: 'RecordOutcome', operationId, outcome, source, firstSend: source === 'response', ...asked, ...more }
}

export function succeeded(amountMinor = 100, more: Partial<Extract<OperationOutcome, { kind: 'succeeded' }>> = {}) {
  return { kind: 'succeeded', pspReference: 'psp_1', amountMinor, currency: 'EUR', ...more } as const
}

export function declined(declineClass: DeclineClass = 'hard', code = 'insufficient_funds') {
  return { kind: 'declined', decline: { class: declineClass, code } } as const
}

export const actionRequired = {
  kind: 'requires_action',
  pspReference: 'psp_1',
  action: { type: 'redirect', url: 'https://psp.example/act' },
} as const
export const accepted = { kind: 'accepted', pspReference: 'psp_1' } as const
export const notSent = { kind: 'not_sent', reason: 'connect_refused' } as const
export const timedOut = { kind: 'unknown', reason: 'timeout' } as const
export const absent = { kind: 'absent' } as const

export function external(
  kind: RecordExternalOperation['kind'],
  amountMinor: number,
  factId = `external ${kind}`,
): RecordExternalOperation {
  return { type: 'RecordExternalOperation', kind, pspReference: `ext_${factId}`, amountMinor, currency: 'EUR', factId }
}

export function reversal(operationId: string, amountMinor = 100, factId = 'reversal'): RecordReversal {
  return { type: 'RecordReversal', operationId, amountMinor, currency: 'EUR', factId }
}

export function dispute(status: RecordDispute['status'], more: Partial<RecordDispute> = {}): RecordDispute {
  return {
    type: 'RecordDispute',
    pspReference: 'psp_dispute',
    stage: 'chargeback',
    status,
    amountMinor: 40,
    currency: 'EUR',
    feeMinor: 15,
    fundsWithdrawn: status !== 'inquiry',
    factId: `dispute ${status}`,
    ...more,
  }
}

/** What the PSP of the first connection pushed. */
export function notice(
  fact: NoticeFact,
  subject: NoticeSubject,
  more: { readonly id?: string; readonly connection?: string } = {},
): RecordNotice {
  const { id = 'evt_1', connection = 'first' } = more
  return { type: 'RecordNotice', connection, notice: { id, type: fact.kind, subject, fact } }
}

export function settlementLine(more: Partial<RecordSettlementLine> = {}): RecordSettlementLine {
  return {
    type: 'RecordSettlementLine',
    lineKey: 'line 1',
    lineType: 'captured',
    grossMinor: 100,
    feeMinor: 3,
    netMinor: 97,
    currency: 'EUR',
    batch: 'batch 1',
    ...more,
  }
}

/** Sample calls to a PSP: one of each kind, as a payment machine would plan them. */
import { operationIdOf } from '../../domain/ids.ts'
import type { AuthorizeCall, CaptureCall, CompleteCall, RefundCall, VoidCall } from '../../domain/payment/operations.ts'

export const samplePayment = 'pay_0123456789abcdefghjkmnpqr0'

function base(operationId: string, paymentId: string) {
  return {
    operationId,
    idempotencyKey: operationId,
    paymentId,
    merchant: 'mer_shoes',
    connection: 'stripe-test',
    requestVersion: 1,
  } as const
}

type Optional<Call> = Partial<Omit<Call, 'kind'>>

export function authorizeCall(given: Optional<AuthorizeCall> = {}): AuthorizeCall {
  const paymentId = given.paymentId ?? samplePayment
  return {
    kind: 'authorize',
    ...base(operationIdOf('att', paymentId, 1), paymentId),
    amountMinor: 1234,
    currency: 'EUR',
    captureMethod: 'manual',
    paymentMethod: { type: 'card', token: 'pm_card_visa' },
    ...given,
  }
}

export function completeCall(pspReference: string, given: Optional<CompleteCall> = {}): CompleteCall {
  const paymentId = given.paymentId ?? samplePayment
  const operationId = operationIdOf('att', paymentId, 1)
  return {
    kind: 'complete',
    ...base(operationId, paymentId),
    idempotencyKey: `${operationId}:complete`,
    pspReference,
    amountMinor: 1234,
    currency: 'EUR',
    ...given,
  }
}

export function captureCall(authorizationReference: string, given: Optional<CaptureCall> = {}): CaptureCall {
  const paymentId = given.paymentId ?? samplePayment
  return {
    kind: 'capture',
    ...base(operationIdOf('cap', paymentId, 1), paymentId),
    authorizationReference,
    amountMinor: 1234,
    currency: 'EUR',
    final: true,
    ...given,
  }
}

export function voidCall(authorizationReference: string | undefined, given: Optional<VoidCall> = {}): VoidCall {
  const paymentId = given.paymentId ?? samplePayment
  return {
    kind: 'void',
    ...base(operationIdOf('void', paymentId, 1), paymentId),
    ...(authorizationReference === undefined ? {} : { authorizationReference }),
    authorizationOperationId: operationIdOf('att', paymentId, 1),
    amountMinor: 1234,
    currency: 'EUR',
    ...given,
  }
}

export function refundCall(authorizationReference: string, given: Optional<RefundCall> = {}): RefundCall {
  const paymentId = given.paymentId ?? samplePayment
  return {
    kind: 'refund',
    ...base(operationIdOf('re', paymentId, 1), paymentId),
    authorizationReference,
    amountMinor: 1234,
    currency: 'EUR',
    ...given,
  }
}

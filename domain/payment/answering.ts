/** Small words that every part of the payment's decider uses: the kinds of decision, repeats of requests. */
import type { Decision, RequestOperation } from '../decision.ts'
import type { MerchantRequest } from './commands.ts'
import { findRequest } from './derive.ts'
import type { AcceptedRequest, PaymentEvent } from './events.ts'
import { replayWithinMs } from './policy.ts'
import type { PaymentRejection } from './rejections.ts'
import type { Payment, PaymentStatus } from './state.ts'

export type PaymentDecision = Decision<PaymentEvent, PaymentRejection>

export function accepted(...events: readonly PaymentEvent[]): PaymentDecision {
  return { kind: 'accepted', events }
}

export function rejected(rejection: PaymentRejection): PaymentDecision {
  return { kind: 'rejected', rejection }
}

export function ignored(reason: string): PaymentDecision {
  return { kind: 'ignored', reason }
}

export function unexpectedState(state: Payment, ...allowed: readonly PaymentStatus[]): PaymentDecision {
  return rejected({ code: 'payment_unexpected_state', current: state.lifecycle.status, allowed })
}

/** Another merchant's payment, or one of the other mode, is not there. */
export function isOf(state: Payment, request: { readonly merchant: string; readonly mode: string }): boolean {
  return state.merchant === request.merchant && state.mode === request.mode
}

/**
 * What a key that was accepted before answers, or undefined where it is new. Keys are one name space within the payment:
 * the same key on another operation is a misuse.
 */
export function repeated(
  state: Payment,
  request: MerchantRequest,
  operation: RequestOperation,
  now: number,
): PaymentDecision | undefined {
  const record = findRequest(state, request.idempotencyKey)
  if (record === undefined) return undefined
  if (record.operation !== operation || record.fingerprint !== request.fingerprint) {
    return rejected({ code: 'idempotency_key_reused' })
  }
  if (now - record.acceptedAt > replayWithinMs) return rejected({ code: 'idempotency_key_expired' })
  return { kind: 'replayed', request: record }
}

export function acceptedRequest(request: MerchantRequest): AcceptedRequest {
  return {
    key: request.idempotencyKey,
    fingerprint: request.fingerprint,
    requestId: request.requestId,
    apiVersion: request.apiVersion,
  }
}

export function requestAccepted(
  operation: RequestOperation,
  request: MerchantRequest,
  operationId?: string,
): PaymentEvent {
  return {
    type: 'RequestAccepted',
    operation,
    request: acceptedRequest(request),
    ...(operationId !== undefined && { operationId }),
  }
}

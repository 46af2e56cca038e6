/**
 * From decisions to PSP calls. A call is built from the state alone, by one function, so the one that is rebuilt after a
 * crash is identical to the one that was sent.
 */
import { assert } from '../../runtime/assert.ts'
import { findOperation, mayRepeat, repeatNotAfter } from './derive.ts'
import type { PaymentEffect } from './effects.ts'
import type { CallTerms, PaymentEvent } from './events.ts'
import type { ConnectionProfile, PspCall } from './operations.ts'
import type { Operation, Payment } from './state.ts'

export function termsOf(profile: ConnectionProfile): CallTerms {
  return {
    connection: profile.connection,
    psp: profile.psp,
    requestVersion: profile.requestVersion,
    sendWithin: profile.sendWithinMs,
    repeatWithin: profile.repeatWindowMs,
    quiet: profile.quietPeriodMs,
    acceptWithin: profile.acceptedWithinMs,
    ...(profile.inquiryPauseMsMax !== undefined && { askWithin: profile.inquiryPauseMsMax }),
  }
}

/** What is to be done once the decision that made `state` is durable. */
export function effectsOf(state: Payment, events: readonly PaymentEvent[]): readonly PaymentEffect[] {
  const effects: PaymentEffect[] = []
  for (const event of events) {
    switch (event.type) {
      case 'AttemptPlanned':
      case 'ActionCompleted':
      case 'CapturePlanned':
      case 'VoidPlanned':
      case 'RefundPlanned': {
        const operation = operationOf(state, event.operationId)
        // Planned and ended in one decision: the PSP had done it already.
        if (operation.status !== 'planned') break
        effects.push({ kind: 'send', call: callOf(state, operation), notAfter: operation.notAfter })
        break
      }
      case 'InquiryPlanned': {
        const operation = operationOf(state, event.operationId)
        if (operation.status !== 'inquiring') break
        effects.push({
          kind: 'inquire',
          askedAt: state.updatedAt,
          call: callOf(state, operation),
          repeatAllowed: operation.doubt !== undefined && mayRepeat(operation, operation.doubt, state.updatedAt),
          notAfter: repeatNotAfter(operation, state.updatedAt),
          ...(operation.pspReference !== undefined && { pspReference: operation.pspReference }),
        })
        break
      }
      default:
    }
  }
  return effects
}

/** The request of an operation (its second step, where an authorization has come to that). */
export function callOf(state: Payment, operation: Operation): PspCall {
  const base = {
    operationId: operation.id,
    idempotencyKey: operation.id,
    paymentId: state.id,
    merchant: state.merchant,
    connection: operation.connection,
    requestVersion: operation.requestVersion,
    currency: state.currency,
    amountMinor: operation.amountMinor,
  }
  switch (operation.kind) {
    case 'authorize': {
      if (operation.step === 'complete' && operation.pspReference !== undefined) {
        return {
          ...base,
          kind: 'complete',
          idempotencyKey: `${operation.id}:complete${(operation.returns ?? 1) > 1 ? operation.returns : ''}`,
          pspReference: operation.pspReference,
          ...(state.redirectResult !== undefined && { redirectResult: state.redirectResult }),
        }
      }
      const { paymentMethod } = state
      assert(paymentMethod !== undefined, 'an attempt has a payment method')
      return {
        ...base,
        kind: 'authorize',
        captureMethod: operation.captureMethod,
        paymentMethod,
        ...(operation.returnUrl !== undefined && { returnUrl: operation.returnUrl }),
        ...(state.customer !== undefined && { customer: state.customer }),
        ...(state.merchantReference !== undefined && { merchantReference: state.merchantReference }),
        ...(state.description !== undefined && { description: state.description }),
        ...(state.statementDescriptor !== undefined && { statementDescriptor: state.statementDescriptor }),
      }
    }
    case 'capture':
      return {
        ...base,
        kind: 'capture',
        authorizationReference: authorizationReference(state, operation.attemptId),
        final: operation.final,
      }
    case 'void':
      return {
        ...base,
        kind: 'void',
        authorizationOperationId: operation.attemptId,
        ...(operation.authorizationReference !== undefined && {
          authorizationReference: operation.authorizationReference,
        }),
      }
    case 'refund':
      return {
        ...base,
        kind: 'refund',
        authorizationReference: authorizationReference(state, operation.attemptId),
        ...(operation.captureReference !== undefined && { captureReference: operation.captureReference }),
        ...(operation.reason !== undefined && { reason: operation.reason }),
      }
  }
}

function authorizationReference(state: Payment, attemptId: string): string {
  const reference = state.attempts.find(({ id }) => id === attemptId)?.pspReference
  assert(reference !== undefined, 'what is captured or refunded was authorized under a reference', { attemptId })
  return reference
}

function operationOf(state: Payment, id: string): Operation {
  const operation = findOperation(state, id)
  assert(operation !== undefined, 'an event names an operation of its payment', { id })
  return operation
}

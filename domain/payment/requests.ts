/**
 * Merchants' commands (PAYMENTS 1.1: rows 1, 2, 11, 14-17, 19). Each checks in the same order: the key first, then whose
 * payment it is, then from cheap to dear. A refusal is a value and leaves the key free.
 */
import { limitsOf } from '../merchant/limits.ts'
import type { MerchantConfiguration } from '../merchant/state.ts'
import { amountRefusal, limitRefusal } from '../merchant/velocity.ts'
import { amountMinorMax, isKnownCurrency } from '../money/currency.ts'
import {
  accepted,
  acceptedRequest,
  ignored,
  isOf,
  type PaymentDecision,
  rejected,
  repeated,
  requestAccepted,
  unexpectedState,
} from './answering.ts'
import type {
  CancelPayment,
  CapturePayment,
  CompleteAction,
  ConfirmPayment,
  CreatePayment,
  MerchantRequest,
  RefundPayment,
} from './commands.ts'
import { holdsCardNumber } from './card-number.ts'
import type { PaymentContext } from './context.ts'
import { amounts, carryingAttempt, latestAttempt, openCaptures, openVoid } from './derive.ts'
import type { PaymentEvent, PrivateDetails } from './events.ts'
import { planAttempt, planCapture, planRefund, planVoid, remainderReleased } from './planning.ts'
import { capturesMax, refundsMax, voidsMax } from './policy.ts'
import type { PaymentRejection } from './rejections.ts'
import type { Attempt, Payment } from './state.ts'

/** Row 1, and 2 where it is confirmed at once. */
export function create(state: Payment | undefined, command: CreatePayment, context: PaymentContext): PaymentDecision {
  const { request } = command
  if (state !== undefined) {
    if (!isOf(state, request)) return rejected({ code: 'payment_not_found' })
    // The id was derived from the key: what is there was created with it.
    return repeated(state, request, 'create', context.now) ?? rejected({ code: 'idempotency_key_reused' })
  }
  const { merchant } = context
  if (merchant === undefined) return rejected({ code: 'merchant_unknown' })
  if (merchant.status === 'suspended') return rejected({ code: 'merchant_suspended' })
  if (!isKnownCurrency(command.currency)) return rejected({ code: 'currency_unsupported', param: 'currency' })
  const { amountMinor } = command
  if (!Number.isSafeInteger(amountMinor) || amountMinor <= 0 || amountMinor > amountMinorMax(command.currency)) {
    return rejected({ code: 'amount_invalid', param: 'amount' })
  }
  if (command.paymentMethod !== undefined && holdsCardNumber(command.paymentMethod)) {
    return rejected({ code: 'card_number_not_allowed', param: 'payment_method' })
  }
  if (command.confirm && command.paymentMethod === undefined) {
    return rejected({ code: 'payment_method_required', param: 'payment_method' })
  }
  const limited = beyondLimits(merchant, { ...command, mode: request.mode }, command.confirm, context)
  if (limited !== undefined) return rejected(limited)
  const plan = command.confirm
    ? planAttempt({ ...command, id: context.paymentId, mode: request.mode, attempts: [] }, context)
    : []
  if (plan === undefined) return rejected(noRoute(command))
  const details = privateDetails(command)
  const hasMetadata = Object.keys(command.metadata).length > 0
  const created: PaymentEvent = {
    type: 'PaymentCreated',
    payment: context.paymentId,
    request: acceptedRequest(request),
    merchant: request.merchant,
    mode: request.mode,
    merchantVersion: merchant.version,
    amountMinor,
    currency: command.currency,
    captureMethod: command.captureMethod,
    ...(command.merchantReference !== undefined && { merchantReference: command.merchantReference }),
    ...(command.statementDescriptor !== undefined && { statementDescriptor: command.statementDescriptor }),
    ...(hasMetadata && { metadata: command.metadata }),
    ...(command.routing !== undefined && { routing: { connection: command.routing.connection } }),
    ...(details !== undefined && { private: details }),
  }
  return accepted(created, ...plan)
}

/** Row 2. */
export function confirm(state: Payment | undefined, command: ConfirmPayment, context: PaymentContext): PaymentDecision {
  return onOwnPayment(state, command.request, 'confirm', context, (payment) => {
    if (payment.lifecycle.status !== 'created') return unexpectedState(payment, 'created')
    const { merchant } = context
    if (merchant === undefined) return rejected({ code: 'merchant_unknown' })
    if (merchant.status === 'suspended') return rejected({ code: 'merchant_suspended' })
    const method = command.paymentMethod ?? payment.paymentMethod
    if (method === undefined) return rejected({ code: 'payment_method_required', param: 'payment_method' })
    if (holdsCardNumber(method)) return rejected({ code: 'card_number_not_allowed', param: 'payment_method' })
    const limited = beyondLimits(merchant, payment, true, context)
    if (limited !== undefined) return rejected(limited)
    const plan = planAttempt(
      { ...payment, paymentMethod: method, ...(command.returnUrl !== undefined && { returnUrl: command.returnUrl }) },
      context,
    )
    if (plan === undefined) return rejected(noRoute(payment))
    const details = privateDetails(command)
    return accepted(
      requestAccepted('confirm', command.request),
      { type: 'PaymentConfirmed', ...(details !== undefined && { private: details }) },
      ...plan,
    )
  })
}

/** Row 11. */
export function capture(state: Payment | undefined, command: CapturePayment, context: PaymentContext): PaymentDecision {
  return onOwnPayment(state, command.request, 'capture', context, (payment) => {
    const { lifecycle } = payment
    if (lifecycle.status !== 'authorized' && lifecycle.status !== 'partially_captured') {
      return unexpectedState(payment, 'authorized', 'partially_captured')
    }
    const attempt = carryingAttempt(payment)
    if (attempt === undefined) return unexpectedState(payment, 'authorized', 'partially_captured')
    const open = openCaptures(payment)
    if (open.some(({ final }) => final)) return rejected({ code: 'final_capture_exists' })
    const voiding = openVoid(payment)
    if (voiding !== undefined) return rejected({ code: 'operation_in_progress', operationId: voiding.id })
    if (context.now >= lifecycle.captureBefore) return rejected({ code: 'capture_window_passed' })
    const availableMinor = amounts(payment).capturable
    const amountMinor = command.amountMinor ?? availableMinor
    if (!Number.isSafeInteger(amountMinor) || (command.amountMinor !== undefined && amountMinor <= 0)) {
      return rejected({ code: 'amount_invalid', param: 'amount' })
    }
    if (amountMinor > availableMinor || amountMinor === 0) {
      return rejected({ code: 'capture_exceeds_authorization', availableMinor })
    }
    const [first] = open
    if (command.final && first !== undefined) {
      return rejected({ code: 'operation_in_progress', operationId: first.id })
    }
    if (!command.final && context.connections.get(attempt.connection)?.multicapture !== true) {
      return rejected({ code: 'multicapture_unsupported' })
    }
    if (payment.captures.length >= capturesMax) return rejected({ code: 'attempts_exhausted' })
    const plan = planCapture(payment, attempt, amountMinor, command.final, 'merchant', context)
    return accepted(requestAccepted('capture', command.request, plan.operationId), plan)
  })
}

/** Rows 6, 14, 15, 16, 17. */
export function cancel(state: Payment | undefined, command: CancelPayment, context: PaymentContext): PaymentDecision {
  return onOwnPayment(state, command.request, 'cancel', context, (payment) => {
    const accept = (operationId?: string): PaymentEvent => requestAccepted('cancel', command.request, operationId)
    const voiding = openVoid(payment)
    const { lifecycle } = payment
    switch (lifecycle.status) {
      case 'created':
        return accepted(accept(), { type: 'PaymentCanceled' })
      case 'pending':
        return payment.cancelRequestedAt === undefined
          ? accepted(accept(), { type: 'CancelRequested' })
          : accepted(accept())
      case 'requires_action': {
        const attempt = payment.attempts.find(({ id }) => id === lifecycle.attemptId)
        if (attempt === undefined) return unexpectedState(payment, 'created', 'authorized')
        const plan = planVoid(payment, attempt, 'cancel', context)
        return accepted(accept(plan.operationId), { type: 'CancelRequested' }, plan)
      }
      case 'authorized':
      case 'partially_captured': {
        if (voiding !== undefined) return accepted(accept(voiding.id))
        const [capturing] = openCaptures(payment)
        if (capturing !== undefined) return rejected({ code: 'operation_in_progress', operationId: capturing.id })
        const attempt = carryingAttempt(payment)
        if (attempt === undefined) return unexpectedState(payment, 'created', 'authorized')
        if (payment.voids.length >= voidsMax) return rejected({ code: 'attempts_exhausted' })
        const plan = planVoid(payment, attempt, 'cancel', context)
        if (lifecycle.status === 'authorized') return accepted(accept(plan.operationId), plan)
        // The rest is given back at once; what the void reports can no longer change the payment.
        return accepted(accept(), plan, remainderReleased(payment, attempt))
      }
      case 'captured':
      case 'canceled':
      case 'expired':
      case 'failed':
        return unexpectedState(payment, 'created', 'pending', 'requires_action', 'authorized', 'partially_captured')
    }
  })
}

/** Row 19. */
export function refund(state: Payment | undefined, command: RefundPayment, context: PaymentContext): PaymentDecision {
  return onOwnPayment(state, command.request, 'refund', context, (payment) => {
    const { status } = payment.lifecycle
    if (status !== 'captured' && status !== 'partially_captured') {
      return unexpectedState(payment, 'captured', 'partially_captured')
    }
    const attempt = carryingAttempt(payment)
    if (attempt === undefined) return unexpectedState(payment, 'captured', 'partially_captured')
    const availableMinor = amounts(payment).refundable
    const amountMinor = command.amountMinor ?? availableMinor
    if (!Number.isSafeInteger(amountMinor) || (command.amountMinor !== undefined && amountMinor <= 0)) {
      return rejected({ code: 'amount_invalid', param: 'amount' })
    }
    if (amountMinor > availableMinor || amountMinor === 0) {
      return rejected({ code: 'refund_exceeds_capture', availableMinor })
    }
    if (payment.refunds.length >= refundsMax) return rejected({ code: 'refund_limit_reached', limit: refundsMax })
    const plan = planRefund(payment, attempt, amountMinor, 'merchant', context, command.reason)
    return accepted(requestAccepted('refund', command.request, plan.operationId), plan)
  })
}

/**
 * Row 5: the shopper came back. Where the first to come had nothing from the PSP's page, and the answer to it is not known, whoever
 * brings it later is taken once more: without it some PSPs cannot be asked. A cancel that came meanwhile wins over what is found.
 */
export function completeAction(state: Payment | undefined, command: CompleteAction): PaymentDecision {
  const attempt = state?.attempts.find(({ id }) => id === command.attemptId)
  if (state === undefined || attempt === undefined || attempt.nonce !== command.nonce) {
    return rejected({ code: 'action_nonce_mismatch' })
  }
  const { redirectResult } = command
  const waits = state.lifecycle.status === 'requires_action' && attempt.status === 'requires_action'
  const brings = redirectResult !== undefined && wantsRedirectResult(state, attempt)
  if (attempt.id !== latestAttempt(state)?.id || (!waits && !brings)) return ignored('the shopper came back before')
  return accepted({
    type: 'ActionCompleted',
    operationId: attempt.id,
    ...(redirectResult !== undefined && { private: { redirectResult } }),
  })
}

/** The second step was begun without what the shopper had to bring, nobody knows what came of it, and no abort was tried. */
function wantsRedirectResult({ redirectResult, voids }: Payment, { id, step, status }: Attempt): boolean {
  const isUnanswered = status === 'planned' || status === 'unknown' || status === 'inquiring'
  const isAborted = voids.some(({ attemptId }) => attemptId === id)
  return step === 'complete' && redirectResult === undefined && isUnanswered && !isAborted
}

function onOwnPayment(
  state: Payment | undefined,
  request: MerchantRequest,
  operation: 'confirm' | 'capture' | 'cancel' | 'refund',
  context: PaymentContext,
  decideOn: (payment: Payment) => PaymentDecision,
): PaymentDecision {
  if (state === undefined || !isOf(state, request)) return rejected({ code: 'payment_not_found' })
  return repeated(state, request, operation, context.now) ?? decideOn(state)
}

/**
 * The merchant's limits. A payment that is not confirmed yet is not counted, so only its amount is looked at. What was accepted
 * lately is this node's knowledge at this moment: nothing of it is journaled, and nothing asks again where a decision is replayed.
 */
function beyondLimits(
  { limits }: MerchantConfiguration,
  { mode, currency, amountMinor }: Pick<Payment, 'mode' | 'currency' | 'amountMinor'>,
  isConfirmed: boolean,
  { accepted: lately, now }: PaymentContext,
): PaymentRejection | undefined {
  const values = limitsOf(limits, mode, currency)
  const refusal = isConfirmed
    ? limitRefusal(values, lately.get(currency), amountMinor, now)
    : amountRefusal(values, amountMinor)
  if (refusal === undefined) return undefined
  const { limit, max, retryAt } = refusal
  return retryAt === undefined
    ? { code: 'amount_limit_exceeded', param: 'amount', limit, max, currency }
    : { code: 'velocity_exceeded', limit, max, currency, retryAt }
}

/** Where the merchant asked for a connection, it is that which is refused. */
function noRoute({ routing }: Pick<CreatePayment, 'routing'>): PaymentRejection {
  return routing === undefined ? { code: 'no_route' } : { code: 'no_route', param: 'routing.connection' }
}

function privateDetails(from: PrivateDetails): PrivateDetails | undefined {
  const { paymentMethod, customer, description, returnUrl } = from
  const details = {
    ...(paymentMethod !== undefined && { paymentMethod }),
    ...(customer !== undefined && { customer }),
    ...(description !== undefined && { description }),
    ...(returnUrl !== undefined && { returnUrl }),
  }
  return Object.keys(details).length === 0 ? undefined : details
}

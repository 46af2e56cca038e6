/** Facts about a payment that are never stored: amounts, public sub-statuses, which operation is which. */
import type { RequestRecord } from '../decision.ts'
import type { OperationStatus, UnknownReason } from './operations.ts'
import { remindAfterMs, voidRetryPausesMs } from './policy.ts'
import type { Attempt, Capture, Doubt, Operation, Payment, PaymentStatus, Refund, Void } from './state.ts'

/** Minor units. */
export interface Amounts {
  /** Authorized by the attempt that carries the payment. */
  readonly authorized: number
  /** What a capture may still take. */
  readonly capturable: number
  /** Captured, what the PSP took back subtracted. */
  readonly captured: number
  /** Captures planned whose outcome is open. */
  readonly capturing: number
  readonly refunded: number
  /** Refunds planned whose outcome is open. */
  readonly refunding: number
  /** Disputes that are open or lost. */
  readonly disputed: number
  /** What a refund may still give back. */
  readonly refundable: number
}

export type PendingReason = 'awaiting_psp' | 'psp_outcome_unknown' | 'awaiting_webhook' | 'cancel_requested'

const endedStatuses: ReadonlySet<OperationStatus> = new Set(['succeeded', 'declined', 'not_sent', 'absent'])

/** Nothing more is expected of it; late facts aside. */
export function hasEnded(operation: { readonly status: OperationStatus }): boolean {
  return endedStatuses.has(operation.status)
}

export function inDoubt(operation: { readonly status: OperationStatus }): boolean {
  return operation.status === 'unknown' || operation.status === 'inquiring' || operation.status === 'manual'
}

/**
 * Inquiries that came back without an outcome, this answer counted where it is one. An inquiry that never came back (its node died,
 * its answer was lost) has told nothing, and one that was not made (its budget was used up) has not asked: neither counts.
 */
export function inquiriesWith({ status, doubt }: Operation, reason: UnknownReason): number {
  const isAnswer = status === 'inquiring' && reason !== 'not_asked'
  return (doubt?.inquiries ?? 0) + (isAnswer ? 1 : 0)
}

/** Whether an inquiry decided now may be the identical request again: the PSP still knows its key, and it would tell. */
export function mayRepeat(operation: Operation, doubt: Doubt, now: number): boolean {
  return now < operation.repeatUntil && !doubt.repeatIsUseless
}

/** A repeat decided now is not begun after this. */
export function repeatNotAfter(operation: Operation, now: number): number {
  return Math.min(now + operation.notAfter - operation.plannedAt, operation.repeatUntil)
}

/**
 * From when on `absent` is believed: the PSP's longest processing time after the last instant at which the request, or a
 * repeat of it, may have been sent.
 */
export function absentFrom(operation: Operation): number {
  const quietMs = operation.quietUntil - operation.plannedAt
  return Math.max(operation.notAfter, operation.repeatedUntil ?? 0) + quietMs
}

export function statusOf(state: Payment): PaymentStatus {
  return state.lifecycle.status
}

const closedStatuses: ReadonlySet<PaymentStatus> = new Set(['canceled', 'expired', 'failed'])

/** `captured` is not closed: refunds and disputes follow. */
export function isClosed(state: Payment): boolean {
  return closedStatuses.has(state.lifecycle.status)
}

export function operationsOf(state: Payment): readonly Operation[] {
  return [...state.attempts, ...state.captures, ...state.voids, ...state.refunds]
}

export function findOperation(state: Payment, id: string): Operation | undefined {
  return (
    state.attempts.find((operation) => operation.id === id) ??
    state.captures.find((operation) => operation.id === id) ??
    state.voids.find((operation) => operation.id === id) ??
    state.refunds.find((operation) => operation.id === id)
  )
}

/** The accepted request of this idempotency key. */
export function findRequest(state: Payment, key: string): RequestRecord | undefined {
  return state.requests.find(({ idempotencyKey }) => idempotencyKey === key)
}

export function latestAttempt(state: Payment): Attempt | undefined {
  return state.attempts.at(-1)
}

/** The attempt whose authorization carries the payment. */
export function carryingAttempt(state: Payment): Attempt | undefined {
  return state.attempts.findLast((attempt) => attempt.status === 'succeeded' && !attempt.unwanted)
}

export function openCaptures(state: Payment): readonly Capture[] {
  return state.captures.filter((capture) => !hasEnded(capture))
}

/** The void on its way that takes the payment's own authorization. One that compensates an attempt nobody wants is not meant. */
export function openVoid(state: Payment): Void | undefined {
  return state.voids.find((operation) => operation.cause !== 'compensation' && !hasEnded(operation))
}

/**
 * A void that was certainly not done and that nobody else will ask for again: a compensation, an expiry, the rest of a
 * partial capture. It is tried again after a pause, as long as pauses are left.
 */
export function voidRetry(state: Payment): { readonly model: Void; readonly due: number } | undefined {
  for (const { id } of state.attempts) {
    const voids = state.voids.filter(({ attemptId }) => attemptId === id)
    const last = voids.at(-1)
    if (last?.endedAt === undefined || (last.status !== 'not_sent' && last.status !== 'absent')) continue
    const model = voids.findLast((operation) => isVoidOurs(state, operation))
    const pause = voidRetryPausesMs[voids.length - 1]
    if (model !== undefined && pause !== undefined) return { model, due: last.endedAt + pause }
  }
  return undefined
}

/** Whether the void is the machine's own business: no merchant waits to ask again, and it still makes sense. */
export function isVoidOurs(state: Payment, { cause, attemptId }: Void): boolean {
  const { status } = state.lifecycle
  switch (cause) {
    case 'compensation':
      return true
    case 'expiry':
    case 'capture_failed':
      return (
        (status === 'authorized' || status === 'partially_captured') &&
        !openCaptures(state).some((capture) => capture.attemptId === attemptId)
      )
    case 'cancel':
      return status === 'captured' && !isTaken(state, attemptId)
    default:
      return false
  }
}

/** All of the authorization was captured: nothing is left to void. */
function isTaken(state: Payment, attemptId: string): boolean {
  const attempt = state.attempts.find(({ id }) => id === attemptId)
  const succeeded = state.captures.filter((each) => each.attemptId === attemptId && each.status === 'succeeded')
  return attempt === undefined || sum(succeeded) >= attempt.authorizedMinor
}

export function openRefunds(state: Payment): readonly Refund[] {
  return state.refunds.filter((refund) => !hasEnded(refund))
}

/**
 * Amounts of the attempt that carries the payment. Money of an attempt nobody wanted any more (late, or a smaller amount) is
 * none of the payment's: it stands in the ledger and under review until it has been given back.
 */
export function amounts(state: Payment): Amounts {
  const carrying = carryingAttempt(state)
  const ofCarrying = <O extends Capture | Refund>(operations: readonly O[]): readonly O[] =>
    operations.filter(({ attemptId }) => attemptId === carrying?.id)
  const authorized = carrying?.authorizedMinor ?? 0
  const succeeded = ofCarrying(state.captures).filter((capture) => capture.status === 'succeeded')
  const capturing = sum(ofCarrying(openCaptures(state)))
  const captured = succeeded.reduce((total, { amountMinor, reversedMinor }) => total + amountMinor - reversedMinor, 0)
  const refunded = sum(ofCarrying(state.refunds).filter(({ status, reversed }) => status === 'succeeded' && !reversed))
  const refunding = sum(ofCarrying(openRefunds(state)))
  const disputed = carrying === undefined ? 0 : disputedMinor(state, carrying)
  const isCapturable =
    (state.lifecycle.status === 'authorized' || state.lifecycle.status === 'partially_captured') &&
    openVoid(state) === undefined
  return {
    authorized,
    capturable: isCapturable && carrying !== undefined ? Math.max(0, heldMinor(state, carrying) - capturing) : 0,
    captured,
    capturing,
    refunded,
    refunding,
    disputed,
    refundable: Math.max(0, captured - refunded - refunding - disputed),
  }
}

/** What an authorization still holds at the PSP: neither captured nor given back. */
export function heldMinor(state: Payment, attempt: Attempt): number {
  const taken = sum(
    state.captures.filter(({ status, attemptId }) => status === 'succeeded' && attemptId === attempt.id),
  )
  return Math.max(0, attempt.authorizedMinor - taken - attempt.releasedMinor)
}

/** Of an authorization's money, what disputes that are open or lost have taken. */
export function disputedMinor(state: Payment, { id }: Attempt): number {
  const taking = state.disputes.filter(({ status }) => status === 'open' || status === 'lost')
  return sum(taking.filter(({ attemptId }) => attemptId === id))
}

/** Captured on an authorization and neither given back nor disputed: refunds on their way count as gone. */
export function keptMinor(state: Payment, attempt: Attempt): number {
  const { id } = attempt
  const captured = state.captures
    .filter(({ attemptId, status }) => attemptId === id && status === 'succeeded')
    .reduce((total, { amountMinor, reversedMinor }) => total + amountMinor - reversedMinor, 0)
  const givenBack = state.refunds.filter((refund) => refund.attemptId === id && countsAsGone(refund))
  return captured - sum(givenBack) - disputedMinor(state, attempt)
}

function countsAsGone(refund: Refund): boolean {
  return !hasEnded(refund) || (refund.status === 'succeeded' && !refund.reversed)
}

/**
 * Of a capture that nobody wanted any more (row 23), what is still here: two people may give it back. Nothing where the merchant can
 * refund it: the payment is a captured one, and the capture is of the authorization that carries it.
 */
export function compensableMinor(state: Payment, capture: Capture): number {
  const attempt = state.attempts.find(({ id }) => id === capture.attemptId)
  if (attempt === undefined || capture.status !== 'succeeded') return 0
  const { status } = state.lifecycle
  if (!attempt.unwanted && (status === 'captured' || status === 'partially_captured')) return 0
  const gone = state.refunds.filter((refund) => refund.captureId === capture.id && countsAsGone(refund))
  const leftMinor = capture.amountMinor - capture.reversedMinor - sum(gone)
  return Math.max(0, Math.min(leftMinor, keptMinor(state, attempt)))
}

/** When people are reminded that a capture waits for them; undefined where it does not. */
export function compensationDue(state: Payment, capture: Capture): number | undefined {
  if (compensableMinor(state, capture) === 0) return undefined
  return (capture.remindedAt ?? capture.endedAt ?? capture.plannedAt) + remindAfterMs
}

export function pendingReason(state: Payment): PendingReason | undefined {
  if (state.lifecycle.status !== 'pending') return undefined
  if (state.cancelRequestedAt !== undefined) return 'cancel_requested'
  const open = operationsOf(state).filter((operation) => !hasEnded(operation))
  if (open.some(inDoubt)) return 'psp_outcome_unknown'
  if (open.some((operation) => operation.status === 'accepted')) return 'awaiting_webhook'
  return 'awaiting_psp'
}

export function refundStatus(state: Payment): 'none' | 'partial' | 'full' {
  const { refunded, captured } = amounts(state)
  if (refunded === 0) return 'none'
  return refunded >= captured ? 'full' : 'partial'
}

export function disputeStatus(state: Payment): 'none' | 'open' | 'won' | 'lost' {
  const statuses = new Set(state.disputes.map(({ status }) => status))
  if (statuses.has('open') || statuses.has('inquiry')) return 'open'
  if (statuses.has('lost')) return 'lost'
  return statuses.has('won') ? 'won' : 'none'
}

/** When the dispute at this index was first heard of. A state that was stored before this was kept says its creation. */
export function disputedAt(state: Payment, index: number): number {
  return state.disputedAt?.[index] ?? state.createdAt
}

export function settlementStatus(state: Payment): 'none' | 'partial' | 'settled' {
  const { grossMinor } = state.settlement
  const { captured, refunded } = amounts(state)
  if (state.settlement.lines.length === 0) return 'none'
  return grossMinor === captured - refunded ? 'settled' : 'partial'
}

/**
 * An automatic capture that the PSP has not taken yet: it is on its way, is to be tried again, or has failed and the
 * authorization is being given back. One that was accepted is taken: what becomes of it is told later.
 */
function awaitsCapture(state: Payment): boolean {
  return (
    state.lifecycle.status === 'authorized' &&
    (state.captureRetryAt !== undefined ||
      openCaptures(state).some(({ cause, status }) => cause === 'automatic' && status !== 'accepted') ||
      openVoid(state)?.cause === 'capture_failed')
  )
}

/** Whether a request's final answer is known in this state (PAYMENTS 2, "Replay of finished request"). */
export function isConcluded(state: Payment, request: RequestRecord): boolean {
  const { status } = state.lifecycle
  const operation = request.operationId === undefined ? undefined : findOperation(state, request.operationId)
  switch (request.operation) {
    case 'create':
    case 'confirm':
      return status !== 'pending' && !awaitsCapture(state)
    case 'capture':
    case 'refund':
      return operation === undefined || hasEnded(operation)
    case 'cancel':
      if (isClosed(state)) return true
      if (operation !== undefined) return hasEnded(operation)
      return status !== 'pending' && status !== 'requires_action'
  }
}

function sum(operations: readonly { readonly amountMinor: number }[]): number {
  return operations.reduce((total, { amountMinor }) => total + amountMinor, 0)
}

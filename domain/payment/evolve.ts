/**
 * Folds a payment's events into its state. Total: what is journaled is never refused, and nothing here looks at a clock or
 * decides; the journal row says when (`meta.at`) and under which epoch.
 *
 * Lifecycle: an event moves the public status only from where it can; a closed status (canceled, expired, failed) is never
 * left, whatever late facts come.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import type { RequestOperation, RequestRecord, RowMeta } from '../decision.ts'
import {
  authorizedAttempt,
  captured,
  changeAttempt,
  changeOperation,
  changed,
  doubtOf,
  doubted,
  ended,
  external,
  mapCaptures,
  moved,
  operationOf,
  planned,
  plannedAttempt,
  released,
  requiresAction,
  seen,
  voided,
  withAttempt,
} from './changes.ts'
import { carryingAttempt, disputedAt, heldMinor, isConcluded, mayRepeat, repeatNotAfter } from './derive.ts'
import type { AcceptedRequest, PaymentEvent } from './events.ts'
import { actWithinMs, confirmWithinMs, inquiryWithinMs, remindAfterMs, settlementLinesMax } from './policy.ts'
import type { Capture, Dispute, Payment, Refund, Void } from './state.ts'

/** One decision: all its events, then the bookkeeping of the row. */
export function applyDecision(state: Payment | undefined, events: readonly PaymentEvent[], meta: RowMeta): Payment {
  let next = state
  for (const event of events) next = evolve(next, event, meta)
  assert(next !== undefined, 'a decision has events')
  return conclude({ ...next, seq: meta.seq, updatedAt: meta.at }, meta)
}

function withDispute(state: Payment, recorded: Dispute, { at }: RowMeta): Payment {
  const { disputes } = state
  return disputes.some(({ id }) => id === recorded.id)
    ? { ...state, disputes: disputes.map((dispute) => (dispute.id === recorded.id ? recorded : dispute)) }
    : { ...state, disputes: [...disputes, recorded], disputedAt: [...disputes.map((_, n) => disputedAt(state, n)), at] }
}

/** Marks the requests whose final answer is this decision's state. */
function conclude(state: Payment, meta: RowMeta): Payment {
  const concludes = (request: RequestRecord): boolean =>
    request.concludedSeq === undefined && isConcluded(state, request)
  if (!state.requests.some(concludes)) return state
  const requests = state.requests.map((request) =>
    concludes(request) ? { ...request, concludedSeq: meta.seq } : request,
  )
  return { ...state, requests }
}

export function evolve(state: Payment | undefined, event: PaymentEvent, meta: RowMeta): Payment {
  if (event.type === 'PaymentCreated') {
    assert(state === undefined, 'a payment is created once')
    return created(event, meta)
  }
  assert(state !== undefined, 'a payment begins with its creation', { event: event.type })
  switch (event.type) {
    case 'RequestAccepted':
      return remember(state, event.operation, event.request, meta, event.operationId)
    case 'PaymentConfirmed':
      return { ...state, ...event.private }
    case 'RouteChosen':
      return state
    case 'AttemptPlanned':
      return moved(withAttempt(state, plannedAttempt(state, event, meta)), { status: 'pending' })
    case 'ActionRequired': {
      const actionBy = meta.at + actWithinMs
      const next = changeAttempt(state, event.operationId, () => ({
        status: 'requires_action',
        pspReference: event.pspReference,
        action: event.action,
        actionBy,
        doubt: undefined,
      }))
      return moved(next, requiresAction(event.operationId, event.action, actionBy))
    }
    case 'ActionCompleted': {
      const next = changeAttempt(state, event.operationId, (attempt) => ({
        status: 'planned',
        step: 'complete',
        returns: (attempt.returns ?? 0) + 1,
        beganAt: attempt.beganAt ?? attempt.plannedAt,
        plannedAt: meta.at,
        plannedEpoch: meta.epoch,
        notAfter: meta.at + (attempt.notAfter - attempt.plannedAt),
        quietUntil: meta.at + (attempt.quietUntil - attempt.plannedAt),
        action: undefined,
        actionBy: undefined,
        doubt: undefined,
      }))
      const { redirectResult: _former, ...rest } = next
      return moved({ ...rest, ...event.private }, { status: 'pending' })
    }
    case 'Authorized': {
      const { operationId: attemptId, captureBefore } = event
      const next = authorizedAttempt(state, attemptId, event, false, meta)
      // A cancel that came first wins: the payment stays pending until the void has ended.
      if (state.cancelRequestedAt !== undefined) return next
      return moved(next, { status: 'authorized', attemptId, captureBefore })
    }
    case 'PartiallyAuthorized':
      return authorizedAttempt(state, event.operationId, event, true, meta)
    case 'OperationDeclined':
      return changeOperation(state, event.operationId, {
        ...ended('declined', meta),
        decline: event.decline,
        ...(event.pspReference !== undefined && { pspReference: event.pspReference }),
      })
    case 'OperationNotSent':
      return changeOperation(state, event.operationId, ended('not_sent', meta))
    case 'OperationAbsent':
      return changeOperation(state, event.operationId, ended('absent', meta))
    case 'OperationAccepted': {
      const operation = operationOf(state, event.operationId)
      return changeOperation(state, event.operationId, {
        status: 'accepted',
        pspReference: event.pspReference,
        acceptedUntil: meta.at + operation.acceptedWithinMs,
        doubt: undefined,
      })
    }
    case 'OutcomeUnknown':
      return changeOperation(state, event.operationId, {
        status: 'unknown',
        doubt: doubted(operationOf(state, event.operationId), event, meta),
        acceptedUntil: undefined,
        ...(event.pspReference !== undefined && { pspReference: event.pspReference }),
      })
    case 'InquiryPlanned': {
      const doubt = doubtOf(state, event.operationId)
      const operation = operationOf(state, event.operationId)
      return changeOperation(state, event.operationId, {
        status: 'inquiring',
        ...(mayRepeat(operation, doubt, meta.at) && { repeatedUntil: repeatNotAfter(operation, meta.at) }),
        doubt: { ...doubt, nextInquiryAt: meta.at + inquiryWithinMs },
      })
    }
    case 'ManualNeeded':
      return changeOperation(state, event.operationId, {
        status: 'manual',
        doubt: { ...doubtOf(state, event.operationId), nextInquiryAt: meta.at + remindAfterMs },
      })
    case 'ResolutionProposed': {
      const { operationId, outcome, operator, evidence, reason } = event
      const proposal = { outcome, operator, evidence, reason, proposedAt: meta.at }
      return changeOperation(state, operationId, { doubt: { ...doubtOf(state, operationId), proposal } })
    }
    case 'ResolutionDecided':
      return changeOperation(state, event.operationId, {
        doubt: changed(doubtOf(state, event.operationId), { proposal: undefined }),
      })
    case 'CompensationProposed': {
      const { operationId, operator, reason } = event
      const compensation = { operator, reason, proposedAt: meta.at }
      return mapCaptures(state, operationId, (capture) => ({ ...capture, compensation }))
    }
    case 'CompensationDecided':
      return mapCaptures(state, event.operationId, (capture) => changed(capture, { compensation: undefined }))
    case 'CompensationDue':
      return mapCaptures(state, event.operationId, (capture) => ({ ...capture, remindedAt: meta.at }))
    case 'PaymentFailed':
      return moved(state, { status: 'failed', failure: event.failure })
    case 'PaymentCanceled':
      return moved(state, { status: 'canceled' })
    case 'PaymentExpired':
      return moved(state, { status: 'expired' })
    case 'CancelRequested':
      return { ...state, cancelRequestedAt: meta.at }
    case 'CancelFailed': {
      const { cancelRequestedAt: _withdrawn, ...rest } = state
      const attempt = carryingAttempt(state)
      if (attempt === undefined || state.lifecycle.status !== 'pending') return rest
      return moved(rest, {
        status: 'authorized',
        attemptId: attempt.id,
        captureBefore: attempt.captureBefore ?? meta.at,
      })
    }
    case 'CapturePlanned': {
      const { captureRetryAt: _due, ...rest } = state
      const capture: Capture = {
        ...planned('capture', event, meta),
        kind: 'capture',
        amountMinor: event.amountMinor,
        attemptId: event.attemptId,
        final: event.final,
        reversedMinor: 0,
      }
      return { ...rest, captures: [...state.captures, capture] }
    }
    case 'CaptureSucceeded':
      return captured(
        changeOperation(state, event.operationId, {
          ...ended('succeeded', meta),
          decline: undefined,
          pspReference: event.pspReference,
          ...(event.amountMinor !== undefined && { amountMinor: event.amountMinor }),
        }),
        event.operationId,
      )
    case 'CaptureReversed':
      return seen(
        mapCaptures(state, event.operationId, (capture) => ({
          ...capture,
          reversedMinor: Math.min(capture.amountMinor, capture.reversedMinor + event.amountMinor),
        })),
        event.factId,
      )
    case 'CaptureRetryScheduled':
      return { ...state, captureRetryAt: meta.at + event.pause }
    case 'RemainderReleased': {
      const next = released(state, event.attemptId, event.amountMinor)
      const { status } = next.lifecycle
      return status === 'partially_captured' ? moved(next, { status: 'captured', attemptId: event.attemptId }) : next
    }
    case 'VoidPlanned': {
      const attempt = state.attempts.find(({ id }) => id === event.attemptId)
      const reference = event.authorizationReference ?? attempt?.pspReference
      const operation: Void = {
        ...planned('void', event, meta),
        ...(reference !== undefined && { authorizationReference: reference }),
        kind: 'void',
        amountMinor: attempt === undefined ? 0 : heldMinor(state, attempt) || attempt.amountMinor,
        attemptId: event.attemptId,
      }
      const { captureRetryAt: _due, ...rest } = state
      // Whoever asked to cancel does not want the money taken later, whatever becomes of the void.
      const kept = event.cause === 'cancel' ? rest : state
      const next = { ...kept, voids: [...state.voids, operation] }
      const { lifecycle } = state
      // The shopper is not waited for any more; one that another attempt waits for is.
      const isAbort = lifecycle.status === 'requires_action' && lifecycle.attemptId === event.attemptId
      return isAbort ? moved(next, { status: 'pending' }) : next
    }
    case 'VoidSucceeded': {
      const next = changeOperation(state, event.operationId, {
        ...ended('succeeded', meta),
        decline: undefined,
        ...(event.pspReference !== undefined && { pspReference: event.pspReference }),
      })
      return voided(next, event.operationId, meta)
    }
    case 'RefundPlanned': {
      const reference = state.captures.find(
        ({ id, attemptId, status, pspReference }) =>
          (event.captureId === undefined ? attemptId === event.attemptId : id === event.captureId) &&
          status === 'succeeded' &&
          pspReference !== undefined,
      )?.pspReference
      const refund: Refund = {
        ...planned('refund', event, meta),
        ...(reference !== undefined && { captureReference: reference }),
        kind: 'refund',
        amountMinor: event.amountMinor,
        attemptId: event.attemptId,
        ...(event.captureId !== undefined && { captureId: event.captureId }),
        reversed: false,
        ...(event.reason !== undefined && { reason: event.reason }),
      }
      return { ...state, refunds: [...state.refunds, refund] }
    }
    case 'RefundSucceeded':
      return changeOperation(state, event.operationId, {
        ...ended('succeeded', meta),
        decline: undefined,
        pspReference: event.pspReference,
        ...(event.amountMinor !== undefined && { amountMinor: event.amountMinor }),
      })
    case 'RefundReversed':
      return seen(
        {
          ...state,
          refunds: state.refunds.map((refund) =>
            refund.id === event.operationId ? { ...refund, reversed: true } : refund,
          ),
        },
        event.factId,
      )
    case 'LateSuccess': {
      const operation = operationOf(state, event.operationId)
      if (operation.kind === 'authorize') return authorizedAttempt(state, operation.id, event, true, meta)
      // The money was taken after all: nothing is left to try again.
      const { captureRetryAt: _due, ...rest } = state
      return changeOperation(rest, event.operationId, {
        ...ended('succeeded', meta),
        decline: undefined,
        pspReference: event.pspReference,
        amountMinor: event.amountMinor,
      })
    }
    case 'FactConflict':
      return event.factId === undefined ? { ...state, review: true } : seen({ ...state, review: true }, event.factId)
    case 'ReviewOpened':
      return { ...state, review: true }
    case 'DisputeEvidenceDue':
      return {
        ...state,
        review: true,
        disputes: state.disputes.map((dispute) =>
          dispute.id === event.disputeId ? changed(dispute, { evidenceBy: undefined }) : dispute,
        ),
      }
    case 'BreakRaised':
      return state
    case 'DisputeRecorded':
      return seen(withDispute(state, event.dispute, meta), event.factId)
    case 'SettlementLineRecorded':
      return {
        ...state,
        settlement: {
          grossMinor: state.settlement.grossMinor + event.grossMinor,
          feeMinor: state.settlement.feeMinor + event.feeMinor,
          netMinor: state.settlement.netMinor + event.netMinor,
          lines: [...state.settlement.lines, event.lineKey].slice(-settlementLinesMax),
        },
      }
    case 'ExternalOperationRecorded':
      return seen(external(state, event), event.factId)
    default:
      return unreachable(event)
  }
}

/** Shared by all payments: most lists of most payments stay empty. */
const none: readonly never[] = Object.freeze([])
const nothingSettled = Object.freeze({ grossMinor: 0, feeMinor: 0, netMinor: 0, lines: none })

function created(event: Extract<PaymentEvent, { type: 'PaymentCreated' }>, meta: RowMeta): Payment {
  const { request } = event
  return remember(
    {
      id: event.payment,
      merchant: event.merchant,
      mode: event.mode,
      merchantVersion: event.merchantVersion,
      amountMinor: event.amountMinor,
      currency: event.currency,
      captureMethod: event.captureMethod,
      ...(event.merchantReference !== undefined && { merchantReference: event.merchantReference }),
      ...(event.statementDescriptor !== undefined && { statementDescriptor: event.statementDescriptor }),
      ...event.private,
      metadata: event.metadata ?? {},
      ...(event.routing !== undefined && { routing: event.routing }),
      createdAt: meta.at,
      createdKey: request.key,
      lifecycle: { status: 'created', confirmBy: meta.at + confirmWithinMs },
      attempts: none,
      captures: none,
      voids: none,
      refunds: none,
      disputes: none,
      settlement: nothingSettled,
      review: false,
      requests: none,
      seenFacts: none,
      seq: meta.seq,
      updatedAt: meta.at,
    },
    'create',
    request,
    meta,
    undefined,
  )
}

function remember(
  state: Payment,
  operation: RequestOperation,
  request: AcceptedRequest,
  meta: RowMeta,
  operationId: string | undefined,
): Payment {
  const record: RequestRecord = {
    idempotencyKey: request.key,
    fingerprint: request.fingerprint,
    operation,
    requestId: request.requestId,
    apiVersion: request.apiVersion,
    acceptedAt: meta.at,
    ...(operationId !== undefined && { operationId }),
  }
  return { ...state, requests: [...state.requests, record] }
}

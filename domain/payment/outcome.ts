/**
 * What a PSP says about an operation that we planned (rows 3-4, 7-10, 12-13, 15, 17, 20, 23-25). A fact is never refused:
 * every outcome has an answer in every state of payment and operation.
 *
 * An outcome is never guessed (PAYMENTS 1.3): whatever is no parsed outcome leaves the operation unknown, its reserve kept,
 * and an inquiry scheduled; nothing falls back and no new key is used until the truth is known.
 */
import { unreachable } from '../../runtime/assert.ts'
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { FactSource } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { absentFrom, hasEnded, inDoubt, inquiriesWith } from './derive.ts'
import { endedOtherwise } from './endings.ts'
import type { PaymentEvent } from './events.ts'
import { contradicted, isTakenBack, late, reversedBeforeKnown } from './late.ts'
import type { OperationOutcome, UnknownReason } from './operations.ts'
import { planVoid } from './planning.ts'
import { inquiriesMax } from './policy.ts'
import type { Operation, Payment } from './state.ts'
import { echoes, succeeded } from './success.ts'

export interface Fact {
  readonly outcome: OperationOutcome
  readonly source: FactSource
  readonly firstSend: boolean
  /** Which step of an authorization it answers, where it is an answer. */
  readonly step?: 'authorize' | 'complete'
  readonly askedAt?: number
  readonly factId?: string
}

export function outcome(state: Payment, operation: Operation, fact: Fact, context: PaymentContext): PaymentDecision {
  if (hasEnded(operation)) return afterTheEnd(state, operation, fact, context)
  switch (fact.outcome.kind) {
    case 'succeeded':
      return echoes(state, operation, fact.outcome)
        ? accepted(...succeeded(state, operation, fact.outcome, context))
        : held(state, operation, fact)
    case 'requires_action':
      return requiresAction(state, operation, fact, fact.outcome, context)
    case 'declined':
      return accepted(...endedOtherwise(state, operation, fact.outcome, context))
    case 'accepted':
      return taken(operation, fact, fact.outcome.pspReference)
    case 'not_sent':
      return notSent(state, operation, fact, fact.outcome.reason, context)
    case 'unknown':
      return unknown(operation, fact.outcome)
    case 'absent':
      return absent(state, operation, fact, context)
    default:
      return unreachable(fact.outcome)
  }
}

/** Row 4. */
function requiresAction(
  state: Payment,
  operation: Operation,
  fact: Fact,
  { pspReference, action }: Extract<OperationOutcome, { kind: 'requires_action' }>,
  context: PaymentContext,
): PaymentDecision {
  if (operation.kind !== 'authorize') return unknown(operation, { kind: 'unknown', reason: 'unreadable_answer' })
  if (operation.status === 'requires_action') return ignored('the action is known')
  // Webhooks and answers to the first step may be late: another action is asked for by the answer to what the shopper brought.
  if (operation.step === 'complete' && fact.step !== 'complete') return ignored('the shopper has acted')
  const aborting = state.voids.some(({ attemptId, status }) => attemptId === operation.id && !hasEnded({ status }))
  if (aborting) return ignored('the attempt is being aborted')
  const required: PaymentEvent = { type: 'ActionRequired', operationId: operation.id, pspReference, action }
  if (state.cancelRequestedAt === undefined) return accepted(required)
  return accepted(required, planVoid(state, operation, 'cancel', context))
}

/**
 * Row 3: a success that is not about what we asked. Nothing is booked, and nobody acts on it until a person has looked. Where
 * the operation has ended, or waits for people already, it is one more thing for them to see.
 */
function held(state: Payment, operation: Operation, { factId }: Fact): PaymentDecision {
  const operationId = operation.id
  const known = factId ?? `${operationId}:mismatch`
  if (state.seenFacts.includes(known)) return ignored('the mismatch is known')
  const events: readonly PaymentEvent[] = [
    { type: 'FactConflict', operationId, fact: 'echo_mismatch', factId: known },
    { type: 'BreakRaised', code: 'amount_mismatch', operationId },
  ]
  if (hasEnded(operation) || operation.status === 'manual') return accepted(...events)
  return accepted(
    { type: 'OutcomeUnknown', operationId, reason: 'unreadable_answer' },
    { type: 'ManualNeeded', operationId },
    ...events,
  )
}

/**
 * The PSP took the request; its outcome comes later, the reserve is kept. Once it is overdue, hearing that it was taken is no
 * news any more: it is asked about on, and in the end by people.
 */
function taken(operation: Operation, fact: Fact, pspReference: string): PaymentDecision {
  if (operation.status === 'requires_action') return ignored('the shopper is being waited for')
  if (operation.pspReference === pspReference) {
    if (operation.status === 'accepted') return ignored('known as accepted')
    if (operation.doubt?.overdue === true) {
      return fact.source === 'webhook'
        ? ignored('known as accepted')
        : unknown(operation, { kind: 'unknown', reason: 'still_accepted' })
    }
  }
  return accepted({ type: 'OperationAccepted', operationId: operation.id, pspReference })
}

/** Row 8: only the first send, by the process and epoch that planned it, can prove that nothing was sent. */
function notSent(
  state: Payment,
  operation: Operation,
  fact: Fact,
  reason: string,
  context: PaymentContext,
): PaymentDecision {
  const isFirstStep = operation.kind !== 'authorize' || operation.step === 'authorize'
  const proves =
    operation.status === 'planned' && fact.firstSend && isFirstStep && operation.plannedEpoch === context.epoch
  if (!proves) return unknown(operation, { kind: 'unknown', reason: 'repeat_refused' })
  return accepted(...endedOtherwise(state, operation, { kind: 'not_sent', reason }, context))
}

/** Row 10: believed once the PSP's longest processing time has passed since the request can last have been sent, and from inquiries alone. */
function absent(state: Payment, operation: Operation, fact: Fact, context: PaymentContext): PaymentDecision {
  if (fact.source !== 'inquiry' || !inDoubt(operation))
    return unknown(operation, { kind: 'unknown', reason: 'not_found_yet' })
  // An answer may be on its way for long: what counts is when the PSP can first have looked.
  if ((fact.askedAt ?? 0) < absentFrom(operation))
    return unknown(operation, { kind: 'unknown', reason: 'not_found_yet' })
  return accepted(...endedOtherwise(state, operation, { kind: 'absent' }, context))
}

/** Row 9, and every inquiry that found nothing out. */
export function unknown(
  operation: Operation,
  found: {
    readonly kind: 'unknown'
    readonly reason: UnknownReason
    readonly pspReference?: string
    readonly repeatIsUseless?: boolean
  },
): PaymentDecision {
  const operationId = operation.id
  if (operation.status === 'manual') return ignored('a person decides')
  // The PSP has said more than "nobody knows" already, by webhook or in its answer.
  if (operation.status === 'accepted' || operation.status === 'requires_action') return ignored('more is known')
  const uselessIsNews = found.repeatIsUseless === true && operation.doubt?.repeatIsUseless !== true
  const referenceIsNews = found.pspReference !== undefined && operation.pspReference === undefined
  if (operation.status === 'unknown' && !uselessIsNews && !referenceIsNews) return ignored('known as unknown')
  const event: PaymentEvent = {
    type: 'OutcomeUnknown',
    operationId,
    reason: found.reason,
    ...(found.repeatIsUseless === true && { repeatIsUseless: true as const }),
    ...(found.pspReference !== undefined && { pspReference: found.pspReference }),
  }
  if (inquiriesWith(operation, found.reason) < inquiriesMax) return accepted(event)
  return accepted(event, { type: 'ManualNeeded', operationId }, { type: 'ReviewOpened', reason: 'outcome_unknown' })
}

/** Rows 23 to 25. */
function afterTheEnd(state: Payment, operation: Operation, fact: Fact, context: PaymentContext): PaymentDecision {
  const { outcome: said, factId } = fact
  if (factId !== undefined && state.seenFacts.includes(factId)) return ignored('the fact is known')
  switch (said.kind) {
    case 'succeeded':
      // Its reversal overtook it.
      if (operation.decline?.code === reversedBeforeKnown || isTakenBack(state, said)) {
        return ignored('the success was taken back')
      }
      if (operation.status === 'succeeded') return contradicted(state, operation, said, factId)
      if (!echoes(state, operation, said)) return held(state, operation, fact)
      return accepted(...late(state, operation, said, factId, context))
    case 'declined':
      if (said.decline.code === 'authorization_canceled' && givesBack(state, operation)) {
        return ignored('we have given the authorization back')
      }
      return operation.status === 'succeeded'
        ? contradicted(state, operation, said, factId)
        : ignored('the operation had ended without success')
    case 'requires_action': {
      const isLive =
        operation.kind === 'authorize' && operation.status !== 'succeeded' && operation.status !== 'declined'
      const isVoided = state.voids.some(({ attemptId }) => attemptId === operation.id)
      // The PSP waits for a shopper on an attempt that counts as gone: it must not become an authorization.
      if (isLive && !isVoided)
        return accepted({
          ...planVoid(state, operation, 'compensation', context),
          authorizationReference: said.pspReference,
        })
      return ignored('the operation has ended')
    }
    case 'accepted':
    case 'not_sent':
    case 'unknown':
    case 'absent':
      return ignored('the operation has ended')
    default:
      return unreachable(said)
  }
}

/** An authorization that we have voided, or are voiding, is canceled in the PSP's eyes: that contradicts nothing. */
function givesBack(state: Payment, operation: Operation): boolean {
  if (operation.kind !== 'authorize') return false
  return operation.releasedMinor > 0 || state.voids.some(({ attemptId }) => attemptId === operation.id)
}

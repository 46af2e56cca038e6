/**
 * Row 21: disputes, known by the PSP's reference and their stage. A PSP may know all stages of a dispute by one reference and
 * tell of them in any order: what is told of a stage that is over, or that has been decided, never opens the dispute again and
 * never moves its money back. Never refused; each fact is taken once.
 */
import { operationIdOf } from '../ids.ts'
import { accepted, ignored, type PaymentDecision } from './answering.ts'
import type { RecordDispute } from './commands.ts'
import { carryingAttempt, latestAttempt } from './derive.ts'
import type { BreakCode, PaymentEvent } from './events.ts'
import type { Attempt, Dispute, Payment } from './state.ts'
import { overRefunded } from './success.ts'

type Fact = Omit<RecordDispute, 'type'>

/** @param attempt whose money is disputed, where the fact tells; else the one that carries the payment. */
export function dispute(
  state: Payment,
  fact: Fact,
  attempt: Attempt | undefined = carryingAttempt(state) ?? latestAttempt(state),
): PaymentDecision {
  if (state.seenFacts.includes(fact.factId)) return ignored('the fact is known')
  if (attempt === undefined) return ignored('no PSP was ever asked')
  if (fact.currency.toUpperCase() !== state.currency) return conflict(attempt, fact, 'amount_mismatch')
  const before = state.disputes.find(({ pspReference }) => pspReference === fact.pspReference)
  const isUndecided = fact.status === 'open' || fact.status === 'inquiry'
  if (before !== undefined && isPast(before, fact)) {
    const isContradiction = !isUndecided && fact.status !== before.status
    return isContradiction ? conflict(attempt, fact, 'status_conflict') : past(before, fact)
  }
  const next: Dispute = {
    id: before?.id ?? operationIdOf('dp', state.id, state.disputes.length + 1),
    attemptId: before?.attemptId ?? attempt.id,
    pspReference: fact.pspReference,
    stage: fact.stage,
    status: fact.status,
    amountMinor: fact.amountMinor,
    feeMinor: fact.feeMinor,
    // Funds once withdrawn come back by winning alone, whatever order the facts come in.
    fundsWithdrawn: fact.fundsWithdrawn || ((before?.fundsWithdrawn ?? false) && fact.status !== 'won'),
    ...(fact.evidenceBy !== undefined && isUndecided && { evidenceBy: fact.evidenceBy }),
  }
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(next)) return ignored('nothing of it is new')
  const recorded: PaymentEvent = { type: 'DisputeRecorded', dispute: next, factId: fact.factId }
  const counts = next.attemptId === carryingAttempt(state)?.id && isCounted(next)
  const countedBefore = before !== undefined && isCounted(before) ? before.amountMinor : 0
  return accepted(recorded, ...(counts ? overRefunded(state, fact.amountMinor - countedBefore) : []))
}

/** Which stage it is at is known better; that the PSP took the money may still be news. */
function past(before: Dispute, { feeMinor, fundsWithdrawn, factId }: Fact): PaymentDecision {
  if (before.status !== 'lost' || before.fundsWithdrawn || !fundsWithdrawn) {
    return ignored('the dispute has gone on since')
  }
  const withdrawn: Dispute = { ...before, feeMinor: Math.max(before.feeMinor, feeMinor), fundsWithdrawn: true }
  return accepted({ type: 'DisputeRecorded', dispute: withdrawn, factId })
}

/** Nobody here can tell which of the two is true: nothing is booked, a person looks. */
function conflict({ id: operationId }: Attempt, { factId }: Fact, code: BreakCode): PaymentDecision {
  return accepted({ type: 'FactConflict', operationId, fact: 'disputed', factId }, { type: 'BreakRaised', code })
}

/**
 * Earlier stages are past. Of the present one: it is decided once, though what was lost may still be won, and a chargeback
 * does not become an inquiry again.
 */
function isPast(before: Dispute, { stage, status }: Pick<Fact, 'stage' | 'status'>): boolean {
  if (isEarlier(stage, before.stage)) return true
  if (before.stage === stage) {
    if (before.status === 'won') return status !== 'won'
    if (before.status === 'lost') return status === 'open' || status === 'inquiry'
  }
  return before.status === 'open' && status === 'inquiry'
}

/**
 * How stages follow each other, by the names that PSPs have for them. One that is not listed, such as an appeal, is neither
 * before nor after another: Stripe tells its decision as the chargeback's.
 */
const stageOrder: ReadonlyMap<string, number> = new Map([
  ['inquiry', 0],
  ['request_for_information', 0],
  ['chargeback', 1],
  ['second_chargeback', 2],
  ['pre_arbitration', 3],
  ['scheme_arbitration', 4],
])

function isEarlier(stage: string, than: string): boolean {
  const [place, other] = [stageOrder.get(stage), stageOrder.get(than)]
  return place !== undefined && other !== undefined && place < other
}

function isCounted({ status }: Dispute): boolean {
  return status === 'open' || status === 'lost'
}

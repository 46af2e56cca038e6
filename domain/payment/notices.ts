/**
 * What a PSP pushed (webhooks), in any order, after any delay, before the synchronous answer too. It is applied by state, never
 * by arrival: this part only finds which of the payment's operations a notice is about, the rows of the table do the rest.
 *
 * An operation is found by our id where the PSP echoes it, else by the PSP's references; only operations of the connection
 * that the notice came over count. What is of no operation of ours, but of an authorization of ours, was made in the PSP's own
 * pages. Refused only where nothing makes the notice this payment's.
 */
import { unreachable } from '../../runtime/assert.ts'
import type { NoticeFact, NoticeOutcome, NoticeSubject } from '../inbox/notice.ts'
import { ignored, type PaymentDecision, rejected } from './answering.ts'
import type { RecordNotice } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { hasEnded, operationsOf } from './derive.ts'
import { dispute } from './disputes.ts'
import { externalOperation } from './external.ts'
import { reversal } from './facts.ts'
import type { OperationKind } from './operations.ts'
import { outcome } from './outcome.ts'
import type { Attempt, Operation, Payment } from './state.ts'

/** What a notice is about, as far as the payment knows. */
interface About {
  readonly factId: string
  /** Operations of the notice's connection. */
  readonly operations: readonly Operation[]
  readonly subject: NoticeSubject
  /** Most specific first. */
  readonly references: readonly string[]
  readonly attempt: Attempt
}

export function recordNotice(
  state: Payment,
  { connection, notice }: RecordNotice,
  context: PaymentContext,
): PaymentDecision {
  const factId = `${connection}:${notice.id}`
  if (state.seenFacts.includes(factId)) return ignored('the notice is known')
  const { subject, fact } = notice
  const operations = operationsOf(state).filter((operation) => operation.connection === connection)
  const references = [...referencesOf(fact), ...subject.references]
  const attempt = attemptOf(state, operations, subject, references)
  if (attempt === undefined) return rejected({ code: 'notice_not_ours' })
  const about: About = { factId, operations, subject, references, attempt }
  switch (fact.kind) {
    case 'outcome':
      return outcomeTold(state, about, fact.operation, fact.outcome, context)
    case 'reversal': {
      const operation = operationOf(about, fact.operation, false, context)
      const operationId = operation?.id ?? attempt.id
      return reversal(state, { ...fact, type: 'RecordReversal', operationId, factId }, context)
    }
    case 'authorization_expired':
      return letGo(state, about, fact, context)
    case 'dispute':
      return dispute(state, { ...fact, factId }, attempt)
    case 'report':
    case 'none':
      return ignored('nothing of a payment changes by it')
    default:
      return unreachable(fact)
  }
}

function outcomeTold(
  state: Payment,
  about: About,
  kind: OperationKind,
  told: NoticeOutcome,
  context: PaymentContext,
): PaymentDecision {
  const operation = operationOf(about, kind, told.kind === 'succeeded', context)
  if (operation !== undefined) {
    const fact = { outcome: withoutEcho(told), source: 'webhook', firstSend: false, factId: about.factId } as const
    return outcome(state, operation, fact, context)
  }
  if (told.kind !== 'succeeded' || kind === 'authorize') return ignored('nothing came of what others asked for')
  return kind === 'void'
    ? letGo(state, about, { ...told, kind }, context)
    : externalOperation(state, { ...told, kind, factId: about.factId }, about.attempt, context)
}

/** An authorization is held no more, by the PSP's clock or by what was done in its pages. */
function letGo(
  state: Payment,
  { attempt, factId }: About,
  end: {
    readonly kind: 'void' | 'authorization_expired'
    readonly pspReference: string
    readonly amountMinor: number
    readonly currency: string
  },
  context: PaymentContext,
): PaymentDecision {
  if (attempt.status === 'succeeded') return externalOperation(state, { ...end, factId }, attempt, context)
  // It never came to an authorization that we know of, and now it cannot any more.
  const decline = { class: 'soft', code: 'authorization_canceled' } as const
  const told = { outcome: { kind: 'declined', decline }, source: 'webhook', firstSend: false, factId } as const
  return outcome(state, attempt, told, context)
}

/** The operation of a kind that the notice is about: by our id, else by the PSP's references, else because it can be no other. */
function operationOf(
  about: About,
  kind: OperationKind,
  isSuccess: boolean,
  context: PaymentContext,
): Operation | undefined {
  const { operations, subject, references, attempt } = about
  if (kind === 'authorize') return attempt
  const candidates = operations.filter((operation) => operation.kind === kind && isOn(operation, attempt))
  const named = candidates.find(({ id }) => id === subject.operationId)
  if (named !== undefined) return named
  const known = (reference: string): readonly Operation[] =>
    candidates.filter(({ pspReference }) => pspReference === reference)
  const its = references.filter((reference) => reference !== attempt.pspReference).flatMap(known)
  const found = its.find(isOpen) ?? its.find(hasSucceeded) ?? its.at(-1)
  if (found !== undefined) return found
  // Where the PSP calls it by the authorization's name, or by one that nobody has heard yet. All that is held is given back
  // once, and where an authorization takes one capture it is captured once: whoever did it, that is what we wait for. Not so
  // what came to nothing: it may be somebody else's request where the PSP has told another name for ours.
  const shared = references.filter((reference) => reference === attempt.pspReference).flatMap(known)
  const isOnlyOne = kind === 'void' || (kind === 'capture' && isSingleCapture(attempt, context))
  return (
    shared.find(isOpen) ??
    shared.find(hasSucceeded) ??
    (isOnlyOne
      ? candidates.find((each) => isOpen(each) && (isSuccess || each.pspReference === undefined))
      : undefined) ??
    shared.at(-1)
  )
}

function isOpen(operation: Operation): boolean {
  return !hasEnded(operation)
}

function hasSucceeded({ status }: Operation): boolean {
  return status === 'succeeded'
}

function isSingleCapture({ connection }: Attempt, { connections }: PaymentContext): boolean {
  return connections.get(connection)?.multicapture === false
}

/** The attempt whose authorization the notice is about. */
function attemptOf(
  state: Payment,
  operations: readonly Operation[],
  { operationId }: NoticeSubject,
  references: readonly string[],
): Attempt | undefined {
  const named = operations.find(({ id }) => id === operationId)
  if (named !== undefined) return state.attempts.find((attempt) => isOn(named, attempt))
  for (const reference of references) {
    const referenced =
      operations.find(({ pspReference }) => pspReference === reference) ??
      state.disputes.find(({ pspReference }) => pspReference === reference)
    if (referenced === undefined) continue
    const attempt = state.attempts.find(
      ({ id }) => id === ('attemptId' in referenced ? referenced.attemptId : referenced.id),
    )
    if (attempt !== undefined && operations.includes(attempt)) return attempt
  }
  return undefined
}

function isOn(operation: Operation, attempt: Attempt): boolean {
  return (operation.kind === 'authorize' ? operation.id : operation.attemptId) === attempt.id
}

/** The references that the fact itself tells. */
function referencesOf(fact: NoticeFact): readonly string[] {
  switch (fact.kind) {
    case 'outcome':
      return fact.outcome.pspReference === undefined ? [] : [fact.outcome.pspReference]
    case 'reversal':
    case 'authorization_expired':
    case 'dispute':
      return [fact.pspReference]
    case 'report':
    case 'none':
      return []
    default:
      return unreachable(fact)
  }
}

/** The subject says which operation it is; what is echoed beside it may be the attempt's id for a capture of it. */
function withoutEcho(told: NoticeOutcome): NoticeOutcome {
  if (told.kind !== 'succeeded') return told
  const { echoedOperationId: _echo, ...rest } = told
  return rest
}

/**
 * What Stripe's answers mean: pure and total, from HTTP status and body to an operation's outcome.
 *
 * Guarantees: a final outcome only from a parsed answer about this very operation; another payment's data, HTML, half an
 * answer, a status nobody knows are `unknown`. Nothing of Stripe's free text gets through, codes only.
 * Leaves to others: comparing echoed amount and operation id with what was planned (they are in the outcome); what an
 * answer means when it answers a repeat instead of the first send ({@link outcomeOfRepeat}).
 */
import { fromPspMinor } from '../../domain/money/psp-exponents.ts'
import type {
  AuthorizeCall,
  CaptureCall,
  CompleteCall,
  Decline,
  DeclineClass,
  OperationOutcome,
  PspCall,
  RefundCall,
  UnknownReason,
  VoidCall,
} from '../../domain/payment/operations.ts'
import { unreachable } from '../../runtime/assert.ts'
import { parseObject } from '../answer-json.ts'
import { readError, readIntent, readRefund, type StripeError, type StripeIntent, type StripeRefund } from './answers.ts'
import { declineOf } from './declines.ts'

export interface StripeAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** The answer to the first send of `call`. Only here can an answer prove that nothing was executed. */
export function outcomeOfSend(call: PspCall, answer: StripeAnswer): OperationOutcome {
  const json = parseObject(answer.body)
  if (answer.status === 200) return outcomeOfSuccess(call, json)
  // A read proves nothing about the authorization it reads: whatever goes wrong, it may have succeeded meanwhile.
  if (call.kind === 'complete') return unknown('psp_error')
  // Stripe stores a 500 under its key, so the repeat would only replay it; 502 to 504 did not get as far as storing.
  if (answer.status >= 500) return unknown('psp_error', { repeatIsUseless: answer.status === 500 })
  const error = readError(json)
  if (error === undefined) return unknown('unreadable_answer')
  // Which type the error of a key in use has is not documented; its status is.
  if (answer.status === 409) return unknown('in_progress')
  // The key belongs to other parameters: what they did is unknown, and no repeat will tell.
  if (error.type === 'idempotency_error') return unknown('psp_error', { repeatIsUseless: true })
  switch (answer.status) {
    case 402:
      return declined(declineOf(error), call, error)
    case 400:
    case 401:
    case 403:
    case 404:
      return declined(refusalOf(call, error), call, error)
    case 429:
      return { kind: 'not_sent', reason: 'rate_limited' }
    case 424:
      return unknown('psp_error')
    default:
      return unknown('unreadable_answer')
  }
}

/**
 * The answer to a repeat of a request that may have been sent before. A stored or fresh outcome is the operation's; a
 * refusal (400, 401, 403, 404, 429) says nothing about the first send.
 */
export function outcomeOfRepeat(call: PspCall, answer: StripeAnswer): OperationOutcome {
  const outcome = outcomeOfSend(call, answer)
  const refused =
    outcome.kind === 'not_sent' || (outcome.kind === 'declined' && answer.status !== 200 && answer.status !== 402)
  return refused ? unknown('repeat_refused') : outcome
}

function outcomeOfSuccess(call: PspCall, json: unknown): OperationOutcome {
  if (call.kind === 'refund') {
    const refund = readRefund(json)
    return refund === undefined ? unknown('unreadable_answer') : outcomeOfRefund(call, refund)
  }
  const intent = readIntent(json)
  if (intent === undefined) return unknown('unreadable_answer')
  switch (call.kind) {
    case 'authorize':
    case 'complete':
      return outcomeOfAuthorization(call, intent)
    case 'capture':
      return outcomeOfCaptureAnswer(call, intent)
    case 'void':
      return outcomeOfVoidAnswer(call, intent)
    default:
      return unreachable(call)
  }
}

/** An authorization as its intent shows it, whether answered or read later. */
export function outcomeOfAuthorization(call: AuthorizeCall | CompleteCall, intent: StripeIntent): OperationOutcome {
  if (isForeign(call, intent.metadata)) return unknown('unreadable_answer')
  if (call.kind === 'complete' && intent.id !== call.pspReference) return unknown('unreadable_answer')
  return authorizationOf(intent)
}

/** What an intent says of the authorization that it stands for, whoever asked. */
export function authorizationOf(intent: StripeIntent): OperationOutcome {
  const pspReference = intent.id
  switch (intent.status) {
    case 'requires_capture':
      return succeeded(intent, intent.amountCapturable, { captured: false })
    case 'succeeded':
      return succeeded(intent, intent.amountReceived, { captured: true })
    case 'requires_action':
      return intent.redirectUrl === undefined
        ? unknown('unreadable_answer', { pspReference })
        : { kind: 'requires_action', pspReference, action: { type: 'redirect', url: intent.redirectUrl } }
    case 'processing':
      return { kind: 'accepted', pspReference }
    case 'canceled':
      return { kind: 'declined', decline: { class: 'soft', code: 'authorization_canceled' }, pspReference }
    case 'requires_payment_method':
      return intent.lastPaymentError === undefined
        ? unknown('psp_error', { pspReference })
        : { kind: 'declined', decline: declineOf(intent.lastPaymentError), pspReference }
    case 'requires_confirmation':
      return unknown('psp_error', { pspReference })
    default:
      return unknown('unreadable_answer', { pspReference })
  }
}

function outcomeOfCaptureAnswer(call: CaptureCall, intent: StripeIntent): OperationOutcome {
  if (isForeign(call, intent.metadata) || intent.id !== call.authorizationReference) return unknown('unreadable_answer')
  switch (intent.status) {
    case 'succeeded':
    case 'requires_capture': // more captures may follow
      return succeededCapture(call.operationId, intent)
    case 'processing':
      return { kind: 'accepted', pspReference: captureReference(intent) }
    default:
      return unknown('unreadable_answer')
  }
}

/** A capture as a later read of its intent shows it: ours left its operation id there. */
export function outcomeOfCaptureRead(call: CaptureCall, intent: StripeIntent): OperationOutcome {
  if (isForeign(call, intent.metadata) || intent.id !== call.authorizationReference) return unknown('unreadable_answer')
  const mine = intent.metadata[call.operationId] !== undefined
  switch (intent.status) {
    case 'succeeded':
      return mine ? succeededCapture(call.operationId, intent) : refused('hard', 'already_captured')
    case 'requires_capture':
      return mine && intent.amountReceived > 0 ? succeededCapture(call.operationId, intent) : { kind: 'absent' }
    case 'canceled':
      return refused('hard', 'authorization_canceled')
    case 'processing':
      return unknown('in_progress')
    default:
      return unknown('unreadable_answer')
  }
}

function outcomeOfVoidAnswer(call: VoidCall, intent: StripeIntent): OperationOutcome {
  if (isForeignAuthorization(call, intent)) return unknown('unreadable_answer')
  return intent.status === 'canceled' ? succeededVoid(call, intent) : unknown('unreadable_answer')
}

/** A void as a later read of its intent shows it. */
export function outcomeOfVoidRead(call: VoidCall, intent: StripeIntent): OperationOutcome {
  if (isForeignAuthorization(call, intent)) return unknown('unreadable_answer')
  switch (intent.status) {
    case 'canceled':
      return succeededVoid(call, intent)
    case 'succeeded':
      return refused('hard', 'already_captured')
    case 'requires_capture':
    case 'requires_action':
    case 'requires_confirmation':
    case 'requires_payment_method':
      return { kind: 'absent' }
    case 'processing':
      return unknown('in_progress')
    default:
      return unknown('unreadable_answer')
  }
}

export function outcomeOfRefund(call: RefundCall, refund: StripeRefund): OperationOutcome {
  if (isForeign(call, refund.metadata) || refund.intent !== call.authorizationReference)
    return unknown('unreadable_answer')
  return refundOf(refund)
}

/** What a refund says of itself, whoever asked for it. */
export function refundOf(refund: StripeRefund): OperationOutcome {
  const pspReference = refund.id
  switch (refund.status) {
    case 'succeeded': {
      const money = ours(refund.amount, refund.currency)
      return money === undefined
        ? unknown('unreadable_answer', { pspReference })
        : { kind: 'succeeded', pspReference, ...money, ...echo(refund.metadata['operation_id']) }
    }
    case 'pending':
    case 'requires_action':
      return { kind: 'accepted', pspReference }
    case 'failed':
      return {
        kind: 'declined',
        decline: {
          class: 'hard',
          code: 'refund_failed',
          ...(refund.failureReason === undefined ? {} : { pspCode: refund.failureReason }),
        },
        pspReference,
      }
    case 'canceled':
      return { kind: 'declined', decline: { class: 'soft', code: 'refund_canceled' }, pspReference }
    default:
      return unknown('unreadable_answer', { pspReference })
  }
}

/** A refusal before processing (400, 401, 403, 404): the operation's own where Stripe names it, else our set-up's. */
function refusalOf(call: PspCall, error: StripeError): Decline {
  const code = refusalCodes.get(`${call.kind} ${error.code ?? ''}`)
  const pspCode = error.code === undefined ? {} : { pspCode: error.code }
  if (code !== undefined) return { ...code, ...pspCode }
  const state = error.intent?.status
  if (error.code === 'payment_intent_unexpected_state') {
    if (state === 'succeeded' && call.kind !== 'refund') return { class: 'hard', code: 'already_captured', ...pspCode }
    if (state === 'canceled' && call.kind === 'void') return { class: 'hard', code: 'already_voided', ...pspCode }
    if (state === 'canceled') return { class: 'hard', code: 'authorization_canceled', ...pspCode }
  }
  if (
    call.kind === 'authorize' &&
    (error.param === 'payment_method' || error.param?.startsWith('payment_method_data') === true)
  ) {
    return { class: 'hard', code: 'payment_method_invalid', ...pspCode }
  }
  if (call.kind === 'refund' && error.param === 'amount') return { class: 'hard', code: 'amount_too_large', ...pspCode }
  return { class: 'configuration', code: 'psp_configuration', ...pspCode }
}

const refusalCodes: ReadonlyMap<string, Decline> = new Map([
  ['authorize amount_too_small', { class: 'hard', code: 'amount_too_small' }],
  ['authorize amount_too_large', { class: 'hard', code: 'amount_too_large' }],
  ['capture charge_already_captured', { class: 'hard', code: 'already_captured' }],
  ['capture charge_expired_for_capture', { class: 'hard', code: 'authorization_expired' }],
  ['capture capture_charge_authorization_expired', { class: 'hard', code: 'authorization_expired' }],
  ['capture amount_too_large', { class: 'hard', code: 'amount_too_large' }],
  ['refund charge_already_refunded', { class: 'hard', code: 'already_refunded' }],
  ['refund charge_disputed', { class: 'hard', code: 'charge_disputed' }],
  ['refund refund_disputed_payment', { class: 'hard', code: 'charge_disputed' }],
  ['refund amount_too_large', { class: 'hard', code: 'amount_too_large' }],
  ['refund balance_insufficient', { class: 'soft', code: 'psp_balance_insufficient' }],
])

function succeeded(intent: StripeIntent, amount: number, facts: { readonly captured: boolean }): OperationOutcome {
  const money = ours(amount, intent.currency)
  if (money === undefined) return unknown('unreadable_answer', { pspReference: intent.id })
  const captureBefore = intent.latestCharge?.captureBefore
  return {
    kind: 'succeeded',
    pspReference: intent.id,
    ...money,
    ...facts,
    ...(captureBefore === undefined || facts.captured ? {} : { captureBefore: captureBefore * 1000 }),
    ...echo(intent.metadata['operation_id']),
  }
}

/** What this capture took: everything received, less what other captures of ours left word of. Without an id: none of ours. */
export function succeededCapture(operationId: string | undefined, intent: StripeIntent): OperationOutcome {
  const pspReference = captureReference(intent)
  let others = 0
  for (const [key, value] of Object.entries(intent.metadata)) {
    if (key.startsWith('cap_') && key !== operationId) others += Number(value)
  }
  const money = ours(intent.amountReceived - others, intent.currency)
  if (money === undefined || money.amountMinor < 0) return unknown('unreadable_answer', { pspReference })
  return {
    kind: 'succeeded',
    pspReference,
    ...money,
    ...echo(operationId !== undefined && intent.metadata[operationId] !== undefined ? operationId : undefined),
  }
}

/** Stripe names no amount for a cancellation: it releases all that was held. */
function succeededVoid(call: VoidCall, intent: StripeIntent): OperationOutcome {
  return { kind: 'succeeded', pspReference: intent.id, amountMinor: call.amountMinor, currency: call.currency }
}

function captureReference(intent: StripeIntent): string {
  return intent.latestCharge?.id ?? intent.id
}

/** An object that a call of ours makes carries what the call said; others are known by their id, and may have lost it. */
function isForeign(call: PspCall, metadata: Readonly<Record<string, string>>): boolean {
  const payment = metadata['payment_id']
  if (payment === undefined) return call.kind === 'authorize' || call.kind === 'refund'
  return payment !== call.paymentId
}

function isForeignAuthorization(call: VoidCall, intent: StripeIntent): boolean {
  if (call.authorizationReference !== undefined && intent.id !== call.authorizationReference) return true
  const operation = intent.metadata['operation_id']
  return isForeign(call, intent.metadata) || (operation !== undefined && operation !== call.authorizationOperationId)
}

/** Stripe's amount in our minor units, and our spelling of the currency; undefined where we have no such thing. */
export function ours(amount: number, currency: string): { amountMinor: number; currency: string } | undefined {
  const code = currency.toUpperCase()
  const amountMinor = fromPspMinor('stripe', amount, code)
  return amountMinor === undefined ? undefined : { amountMinor, currency: code }
}

function echo(operationId: string | undefined): { echoedOperationId?: string } {
  return operationId === undefined ? {} : { echoedOperationId: operationId }
}

function declined(decline: Decline, call: PspCall, error: StripeError): OperationOutcome {
  const { intent } = error
  if (intent === undefined) return { kind: 'declined', decline }
  if (isForeign(call, intent.metadata)) return unknown('unreadable_answer')
  return { kind: 'declined', decline, pspReference: intent.id }
}

function refused(className: DeclineClass, code: string): OperationOutcome {
  return { kind: 'declined', decline: { class: className, code } }
}

export function unknown(
  reason: UnknownReason,
  facts: { readonly pspReference?: string; readonly repeatIsUseless?: boolean } = {},
): OperationOutcome {
  return {
    kind: 'unknown',
    reason,
    ...(facts.pspReference === undefined ? {} : { pspReference: facts.pspReference }),
    ...(facts.repeatIsUseless === true ? { repeatIsUseless: true } : {}),
  }
}

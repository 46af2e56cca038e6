/**
 * What Adyen's answers mean: pure and total, from HTTP status, headers and body to an operation's outcome.
 *
 * Guarantees: a final outcome only from a parsed answer about this very operation; another payment's data, another amount or
 * account, HTML, half an answer, an error with status 200, a result code nobody knows are `unknown`. Nothing of Adyen's free
 * text gets through, codes only.
 *
 * What an error says about the request (Adyen keeps the first outcome under its key):
 * - 704: the first request with this key is still on its way;
 * - header `transient-error: true`: nothing was executed and the key is free, whatever the status;
 * - 429, 401, 403, and 400 and 422 of type `validation`, `security` or `configuration`: refused before anything was executed.
 *   Adyen names the type so that a merchant knows whose mistake it is; an error behind it, in Adyen or an acquirer, is
 *   `internal` or has no type;
 * - everything else may have been acted upon. Adyen's own errors are stored: a repeat would only replay them.
 *
 * Leaves to others: what an answer means when it answers a repeat instead of the first send ({@link outcomeOfRepeat}).
 */
import { fromPspMinor } from '../../domain/money/psp-exponents.ts'
import type {
  AuthorizeCall,
  CompleteCall,
  Decline,
  OperationOutcome,
  PspCall,
  UnknownReason,
} from '../../domain/payment/operations.ts'
import { parseObject } from '../answer-json.ts'
import {
  type AdyenAmount,
  type AdyenError,
  type AdyenModification,
  type AdyenPayment,
  readError,
  readModification,
  readPayment,
} from './answers.ts'
import { refusalOfCode } from './refusals.ts'
import { isLearned } from './wire.ts'

export interface AdyenAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Uint8Array
}

type Authorization = AuthorizeCall | CompleteCall
type Modification = Exclude<PspCall, Authorization>

/** The answer to the first send of `call`. Only here can an answer prove that nothing was executed. */
export function outcomeOfSend(call: PspCall, answer: AdyenAnswer, merchantAccount: string): OperationOutcome {
  const json = parseObject(answer.body)
  if (call.kind === 'authorize' || call.kind === 'complete') {
    if (answer.status === 200) return outcomeOfPayment(call, readPayment(json))
  } else if (answer.status === 201) {
    return outcomeOfModification(call, readModification(json), merchantAccount)
  }
  return outcomeOfError(call, answer, readError(json))
}

/**
 * The answer to a repeat of a request that may have been sent before. A result is the operation's, whether stored or fresh;
 * a refusal says nothing about the first send.
 */
export function outcomeOfRepeat(call: PspCall, answer: AdyenAnswer, merchantAccount: string): OperationOutcome {
  const outcome = outcomeOfSend(call, answer, merchantAccount)
  const refused = outcome.kind === 'not_sent' || (outcome.kind === 'declined' && answer.status !== 200)
  return refused ? unknown('repeat_refused') : outcome
}

function outcomeOfPayment(call: Authorization, payment: AdyenPayment | undefined): OperationOutcome {
  if (payment === undefined) return unreadable()
  const { pspReference, merchantReference, refusalReasonCode, redirectUrl } = payment
  if (merchantReference !== undefined && merchantReference !== call.operationId) return unreadable()
  switch (payment.resultCode) {
    case 'Authorised':
      return authorized(call, payment, (authorizedMinor) => authorizedMinor === call.amountMinor)
    case 'PartiallyAuthorised':
      return authorized(call, payment, (authorizedMinor) => authorizedMinor < call.amountMinor)
    case 'Refused':
      return declined(refusalOfCode(refusalReasonCode), pspReference)
    case 'Cancelled':
      return declined(refusalReasonCode === undefined ? canceled : refusalOfCode(refusalReasonCode), pspReference)
    case 'RedirectShopper':
      return redirectUrl === undefined
        ? stored('unreadable_answer', pspReference)
        : {
            kind: 'requires_action',
            pspReference: pspReference ?? call.operationId,
            action: { type: 'redirect', url: redirectUrl },
          }
    case 'Received':
    case 'Pending':
      return { kind: 'accepted', pspReference: pspReference ?? call.operationId }
    case 'Error':
      // It may have reached the issuer; the webhook tells.
      return stored('psp_error', pspReference)
    default:
      // IdentifyShopper, ChallengeShopper, PresentToShopper: nothing that this system could show. AuthenticationFinished,
      // AuthenticationNotRequired, Success: results of what it never asks for. And those that nobody knows yet.
      return stored('unreadable_answer', pspReference)
  }
}

/** Where Adyen names no amount, authorised is what was asked for; a part of it has to be named. */
function authorized(
  call: Authorization,
  { pspReference, merchantReference, amount, resultCode }: AdyenPayment,
  isExpected: (authorizedMinor: number) => boolean,
): OperationOutcome {
  if (pspReference === undefined) return unreadable()
  const asked = { amountMinor: call.amountMinor, currency: call.currency }
  const money = amount === undefined && resultCode === 'Authorised' ? asked : ours(amount)
  if (money === undefined || money.currency !== call.currency || !isExpected(money.amountMinor)) return unreadable()
  return {
    kind: 'succeeded',
    pspReference,
    ...money,
    captured: false,
    ...(merchantReference === undefined ? {} : { echoedOperationId: merchantReference }),
  }
}

/** Adyen takes every modification, and tells by webhook what became of it. */
function outcomeOfModification(
  call: Modification,
  modification: AdyenModification | undefined,
  merchantAccount: string,
): OperationOutcome {
  if (modification === undefined || modification.status !== 'received') return unreadable()
  if (modification.merchantAccount !== merchantAccount || !isAbout(call, modification)) return unreadable()
  return { kind: 'accepted', pspReference: modification.pspReference }
}

function isAbout(call: Modification, { reference, amount, ...payment }: AdyenModification): boolean {
  if (reference !== undefined && reference !== call.operationId) return false
  if (call.kind === 'void') {
    return isLearned(call.authorizationReference)
      ? payment.paymentPspReference === call.authorizationReference
      : payment.paymentReference === call.authorizationOperationId
  }
  if (payment.paymentPspReference !== call.authorizationReference) return false
  const money = ours(amount)
  return money?.amountMinor === call.amountMinor && money.currency === call.currency
}

function outcomeOfError(call: PspCall, answer: AdyenAnswer, error: AdyenError | undefined): OperationOutcome {
  if (error?.errorCode === '704') return unknown('in_progress')
  const isTransient = answer.headers['transient-error'] === 'true'
  const isLimited = answer.status === 429
  // That the second step was refused proves nothing about the first, which may have become an authorization.
  if (call.kind === 'complete') {
    return isTransient || isLimited ? unknown('psp_error') : outcomeUnknown(answer.status, error)
  }
  if (isTransient) return { kind: 'not_sent', reason: 'transient_error' }
  if (isLimited) return { kind: 'not_sent', reason: 'rate_limited' }
  if (error === undefined) return unknown(answer.status >= 500 ? 'psp_error' : 'unreadable_answer')
  return isRefusedBefore(answer.status, error) ? declined(refusalOf(call, error)) : outcomeUnknown(answer.status, error)
}

function isRefusedBefore(status: number, { errorType }: AdyenError): boolean {
  if (status === 401 || status === 403) return true
  if (status !== 400 && status !== 422) return false
  return errorType === 'validation' || errorType === 'security' || errorType === 'configuration'
}

/** Adyen keeps its own error under the key. Of what stands before it (502 to 504, no error of Adyen's) nobody keeps anything. */
function outcomeUnknown(status: number, error: AdyenError | undefined): OperationOutcome {
  return error === undefined || status > 500 ? unknown('psp_error') : stored('psp_error', error.pspReference)
}

/** The card's own where Adyen names it, else our set-up's. */
function refusalOf(call: PspCall, { errorCode }: AdyenError): Decline {
  const ofCard = call.kind === 'authorize' ? cardErrors.get(errorCode) : undefined
  return { ...(ofCard ?? { class: 'configuration', code: 'psp_configuration' }), pspCode: errorCode }
}

const canceled: Decline = { class: 'shopper', code: 'authorization_canceled' }

const cardErrors: ReadonlyMap<string, Decline> = new Map([
  ['101', { class: 'hard', code: 'incorrect_number' }],
  ['102', { class: 'hard', code: 'incorrect_number' }],
  ['103', { class: 'shopper', code: 'incorrect_cvc' }],
])

function ours(amount: AdyenAmount | undefined): { amountMinor: number; currency: string } | undefined {
  if (amount === undefined) return undefined
  const amountMinor = fromPspMinor('adyen', amount.value, amount.currency)
  return amountMinor === undefined ? undefined : { amountMinor, currency: amount.currency }
}

function declined(decline: Decline, pspReference?: string): OperationOutcome {
  return { kind: 'declined', decline, ...(pspReference === undefined ? {} : { pspReference }) }
}

/** Perhaps about another payment: its reference is not taken. What Adyen really answered a repeat may bring. */
function unreadable(): OperationOutcome {
  return unknown('unreadable_answer')
}

/** Adyen has said what it keeps under the key: a repeat would bring the same. */
function stored(reason: UnknownReason, pspReference: string | undefined): OperationOutcome {
  return {
    kind: 'unknown',
    reason,
    ...(pspReference === undefined ? {} : { pspReference }),
    repeatIsUseless: true,
  }
}

export function unknown(reason: UnknownReason): OperationOutcome {
  return { kind: 'unknown', reason }
}

/**
 * What goes on the wire to Adyen: the request of each operation. Adyen has no call that reads a payment, so there is no other.
 *
 * Permanent for request version 1: the same call always builds the same bytes, on any node, in any later release. A call
 * read from the journal is repeated with its idempotency key. So nothing here depends on time or the connector's profile;
 * a connection's merchant account never changes (another account is another connection); a changed form is request version 2
 * beside this one.
 *
 * `reference` is the operation's id: unique per attempt, so that a payment can be canceled by it, and what webhooks and
 * reports are joined on. Every payment asks for manual capture: captures are operations of their own here, always.
 */
import { type Mode, parseOperationId } from '../../domain/ids.ts'
import { toPspMinor } from '../../domain/money/psp-exponents.ts'
import type {
  AuthorizeCall,
  CaptureCall,
  CompleteCall,
  PspCall,
  RefundCall,
  RefundReason,
  VoidCall,
} from '../../domain/payment/operations.ts'
import { unreachable } from '../../runtime/assert.ts'
import type { Unrepresentable } from '../unrepresentable.ts'
import { payerFields } from './payment-method.ts'

/** Where the Checkout API is at Adyen's test and live addresses. */
export const basePaths: Readonly<Record<Mode, string>> = { test: '/v72', live: '/checkout/v72' }
/** Newest form this connector builds. */
export const adyenRequestVersion = 1

export interface AdyenRequest {
  /** Below the API's base path: `/payments`. Every call is a POST. */
  readonly path: string
  /** JSON. */
  readonly body: string
  readonly idempotencyKey: string
}

/** The second step of an authorization is asked with what the shopper brought back: without it there is nothing to send. */
export type AskableCall = Exclude<PspCall, CompleteCall> | (CompleteCall & { readonly redirectResult: string })

export function buildRequest(call: AskableCall, merchantAccount: string): AdyenRequest | Unrepresentable {
  if (call.requestVersion !== 1) return { unrepresentable: 'request_version' }
  switch (call.kind) {
    case 'authorize':
      return authorizeRequest(call, merchantAccount)
    case 'complete':
      return post('/payments/details', call, { details: { redirectResult: call.redirectResult } })
    case 'capture':
      return captureRequest(call, merchantAccount)
    case 'void':
      return voidRequest(call, merchantAccount)
    case 'refund':
      return refundRequest(call, merchantAccount)
    default:
      return unreachable(call)
  }
}

function authorizeRequest(call: AuthorizeCall, merchantAccount: string): AdyenRequest | Unrepresentable {
  const amount = amountOf(call)
  if (amount === undefined) return { unrepresentable: 'amount' }
  const payer = payerFields(call)
  if ('unrepresentable' in payer) return payer
  return post('/payments', call, {
    amount,
    merchantAccount,
    reference: call.operationId,
    ...payer,
    // Adyen wants an address in any case. Without one of ours nobody can be sent away, so nobody is asked to authenticate.
    returnUrl: call.returnUrl ?? nowhere,
    authenticationData: {
      ...(call.returnUrl === undefined ? { attemptAuthentication: 'never' } : {}),
      threeDSRequestData: { nativeThreeDS: 'disabled' },
    },
    additionalData: { manualCapture: 'true' },
    shopperStatement: statement(call.statementDescriptor),
    merchantOrderReference: cut(call.merchantReference, orderReferenceMax),
  })
}

function captureRequest(call: CaptureCall, merchantAccount: string): AdyenRequest | Unrepresentable {
  const amount = amountOf(call)
  if (amount === undefined) return { unrepresentable: 'amount' }
  return post(`${paymentPath(call.authorizationReference)}/captures`, call, {
    amount,
    merchantAccount,
    reference: call.operationId,
  })
}

/** The capture is not named: Adyen takes `capturePspReference` for PayPal alone. */
function refundRequest(call: RefundCall, merchantAccount: string): AdyenRequest | Unrepresentable {
  const amount = amountOf(call)
  if (amount === undefined) return { unrepresentable: 'amount' }
  return post(`${paymentPath(call.authorizationReference)}/refunds`, call, {
    amount,
    merchantAccount,
    reference: call.operationId,
    merchantRefundReason: call.reason === undefined ? undefined : refundReasons[call.reason],
  })
}

function voidRequest(call: VoidCall, merchantAccount: string): AdyenRequest {
  const { authorizationReference: payment, authorizationOperationId: paymentReference, operationId: reference } = call
  return isLearned(payment)
    ? post(`${paymentPath(payment)}/cancels`, call, { merchantAccount, reference })
    : post('/cancels', call, { paymentReference, merchantAccount, reference })
}

/**
 * Whether Adyen has told its reference of a payment: while a shopper is sent away it may name none, and our own id stands for
 * it (`mapping.ts`).
 */
export function isLearned(reference: string | undefined): reference is string {
  return reference !== undefined && parseOperationId(reference) === undefined
}

/** An address that is nobody's, by RFC 2606. */
const nowhere = 'https://shardpay.invalid/'
const orderReferenceMax = 1000
const statementMax = 22
const refundReasons: Readonly<Record<RefundReason, string>> = {
  duplicate: 'DUPLICATE',
  fraudulent: 'FRAUD',
  requested_by_customer: 'CUSTOMER REQUEST',
}

function amountOf({ amountMinor, currency }: { readonly amountMinor: number; readonly currency: string }) {
  const value = toPspMinor('adyen', amountMinor, currency)
  return value === undefined ? undefined : { currency, value }
}

function paymentPath(pspReference: string): string {
  return `/payments/${encodeURIComponent(pspReference)}`
}

function post(path: string, { idempotencyKey }: PspCall, fields: object): AdyenRequest {
  return { path, body: JSON.stringify(fields), idempotencyKey }
}

/** At most `max` UTF-16 units, never half of a surrogate pair. */
function cut(text: string | undefined, max: number): string | undefined {
  return text?.slice(0, max).toWellFormed()
}

/** What is printed on the shopper's statement: Adyen allows some characters, banks about 22 of them. */
function statement(text: string | undefined): string | undefined {
  const allowed = text
    ?.replace(/[^a-zA-Z0-9 .,'_?+*/-]/g, '')
    .slice(0, statementMax)
    .trim()
  return allowed === '' ? undefined : allowed
}

/**
 * The parts of Adyen's answers that this connector reads, checked by hand: a PSP's answer is outside data, and a field of the
 * wrong kind makes the whole answer unreadable instead of a wrong outcome. Unknown fields and unknown values of open sets
 * (result codes, refusal codes) pass; what they mean is `mapping.ts`'s business.
 */
import { isFields } from '../answer-json.ts'

export interface AdyenAmount {
  readonly value: number
  readonly currency: string
}

/** Of `/payments` and `/payments/details`. */
export interface AdyenPayment {
  readonly resultCode: string
  /** Adyen may tell it only once the shopper has acted. */
  readonly pspReference: string | undefined
  readonly merchantReference: string | undefined
  readonly amount: AdyenAmount | undefined
  readonly refusalReasonCode: string | undefined
  /** Where the shopper has to go, if anywhere. */
  readonly redirectUrl: string | undefined
}

/** Of a capture, a refund or a cancel. */
export interface AdyenModification {
  readonly status: string
  readonly pspReference: string
  readonly merchantAccount: string
  readonly reference: string | undefined
  readonly amount: AdyenAmount | undefined
  /** The payment's: Adyen's reference, or ours where it was asked by ours. */
  readonly paymentPspReference: string | undefined
  readonly paymentReference: string | undefined
}

export interface AdyenError {
  readonly errorCode: string
  readonly errorType: string | undefined
  readonly pspReference: string | undefined
}

/** A field that may be missing, and makes its answer unreadable where it is there and not what it should be. */
type Optional<Value> = { readonly ok: true; readonly value: Value | undefined } | { readonly ok: false }

export function readPayment(value: unknown): AdyenPayment | undefined {
  // An error is none of a payment's answers, whatever else it says.
  if (!isFields(value) || value['errorCode'] !== undefined) return undefined
  const resultCode = readToken(value['resultCode'])
  const pspReference = optional(value['pspReference'], readReference)
  const merchantReference = optional(value['merchantReference'], readText)
  const amount = optional(value['amount'], readAmount)
  const refusalReasonCode = optional(value['refusalReasonCode'], readToken)
  if (resultCode === undefined || !pspReference.ok || !merchantReference.ok) return undefined
  if (!amount.ok || !refusalReasonCode.ok) return undefined
  return {
    resultCode,
    pspReference: pspReference.value,
    merchantReference: merchantReference.value,
    amount: amount.value,
    refusalReasonCode: refusalReasonCode.value,
    redirectUrl: readRedirect(value['action']),
  }
}

export function readModification(value: unknown): AdyenModification | undefined {
  if (!isFields(value) || value['errorCode'] !== undefined) return undefined
  const status = readToken(value['status'])
  const pspReference = readReference(value['pspReference'])
  const merchantAccount = readText(value['merchantAccount'])
  const reference = optional(value['reference'], readText)
  const amount = optional(value['amount'], readAmount)
  const paymentPspReference = optional(value['paymentPspReference'], readReference)
  const paymentReference = optional(value['paymentReference'], readText)
  if (status === undefined || pspReference === undefined || merchantAccount === undefined) return undefined
  if (!reference.ok || !amount.ok || !paymentPspReference.ok || !paymentReference.ok) return undefined
  return {
    status,
    pspReference,
    merchantAccount,
    reference: reference.value,
    amount: amount.value,
    paymentPspReference: paymentPspReference.value,
    paymentReference: paymentReference.value,
  }
}

export function readError(value: unknown): AdyenError | undefined {
  if (!isFields(value)) return undefined
  const errorCode = readToken(value['errorCode'])
  if (errorCode === undefined) return undefined
  return { errorCode, errorType: readToken(value['errorType']), pspReference: readReference(value['pspReference']) }
}

/** An address that a browser can be sent to as it is: by GET, without anything to post. */
function readRedirect(value: unknown): string | undefined {
  if (!isFields(value) || value['type'] !== 'redirect') return undefined
  if (value['method'] !== undefined && value['method'] !== 'GET') return undefined
  const url: unknown = value['url']
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined
  const { protocol } = new URL(url)
  return protocol === 'https:' || protocol === 'http:' ? url : undefined
}

function readAmount(value: unknown): AdyenAmount | undefined {
  if (!isFields(value)) return undefined
  const { value: minor, currency } = value
  if (typeof minor !== 'number' || !Number.isSafeInteger(minor) || minor < 0) return undefined
  return typeof currency === 'string' && /^[A-Z]{3}$/.test(currency) ? { value: minor, currency } : undefined
}

function optional<Value>(value: unknown, read: (value: unknown) => Value | undefined): Optional<Value> {
  if (value === undefined || value === null) return { ok: true, value: undefined }
  const found = read(value)
  return found === undefined ? { ok: false } : { ok: true, value: found }
}

function readReference(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9]{1,64}$/.test(value) ? value : undefined
}

/** A name that is compared and goes no further. */
function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 255 ? value : undefined
}

/** A code; never free text, which may hold anything. */
function readToken(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(value) ? value : undefined
}

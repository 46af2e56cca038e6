/** A request that Stripe would refuse, as the error object it would answer. Thrown by handlers, caught at the edge. */
import type { ChargeRecord, IntentRecord } from './records.ts'

export interface ErrorFields {
  readonly type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error'
  readonly code?: string
  readonly decline_code?: string
  readonly advice_code?: string
  readonly param?: string
  readonly charge?: string
  readonly message: string
}

export class StripeFailure extends Error {
  override readonly name = 'StripeFailure'
  readonly status: number
  readonly fields: ErrorFields
  /** Whether the answer is kept for the idempotency key: everything after execution began is. */
  readonly stored: boolean
  readonly intent: IntentRecord | undefined
  readonly charge: ChargeRecord | undefined

  constructor(
    status: number,
    fields: ErrorFields,
    facts: { readonly stored: boolean; readonly intent?: IntentRecord; readonly charge?: ChargeRecord | undefined },
  ) {
    super(fields.message)
    this.status = status
    this.fields = fields
    this.stored = facts.stored
    this.intent = facts.intent
    this.charge = facts.charge
  }
}

/** Refused while the parameters were read: nothing ran, the key stays free. */
export function invalidParameter(
  code: string | undefined,
  message: string,
  param: string,
  status = 400,
): StripeFailure {
  const fields: ErrorFields = { type: 'invalid_request_error', message, param, ...(code === undefined ? {} : { code }) }
  return new StripeFailure(status, fields, { stored: false })
}

export function notFound(what: string, id: string, param: string): StripeFailure {
  return invalidParameter('resource_missing', `No such ${what}: '${id}'`, param, 404)
}

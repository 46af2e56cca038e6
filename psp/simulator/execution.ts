/**
 * What the handlers of calls share: what they are told, what they give back, and the readings and refusals they have in
 * common. A handler is a pure function from the records as they are and the request's parameters to new versions of
 * records and what was effected; the caller writes that to the book, and the book's line changes the world.
 *
 * A refusal while parameters are read leaves the idempotency key free; one found while executing is stored under it.
 */
import type { BookEntry, BookOperation } from './book.ts'
import { invalidParameter, notFound, StripeFailure } from './failure.ts'
import type { IdSource } from './ids.ts'
import type { Parameters } from './parameters.ts'
import { type IntentRecord, intentAt, type StripeRecord } from './records.ts'
import type { Drift } from './reports/drift.ts'
import type { StripeLedger } from './reports/stripe-ledger.ts'
import type { World } from './world.ts'

export interface Call {
  readonly world: World
  readonly ids: IdSource
  readonly parameters: Parameters
  readonly idempotencyKey: string | null
  /** Unix seconds. */
  readonly now: number
  /** The simulator's own address, for the authentication page and for files. */
  readonly publicUrl: string
  readonly ledger: StripeLedger
  /** What is to be wrong with reports that are made now. */
  readonly drift: Drift | null
}

/** What one effected or refused operation leaves in the book, without what every entry of the request shares. */
export type Effect = Omit<BookEntry, 'at' | 'request_id' | 'idempotency_key'>

export interface Execution {
  readonly status: number
  /** The object answered. */
  readonly id: string
  readonly expand: readonly string[]
  readonly records: readonly StripeRecord[]
  readonly effects: readonly Effect[]
  /** Instead of the object: the refusal, with what it changed. */
  readonly failure?: StripeFailure
}

const amountMax = 999_999_999_999

export function findIntent(call: Pick<Call, 'world' | 'now'>, id: string): IntentRecord {
  const intent = call.world.intent(id)
  if (intent === undefined) throw notFound('payment_intent', id, 'intent')
  return intentAt(intent, call.now)
}

export function effectOf(
  intent: IntentRecord,
  operation: BookOperation,
  operationId: string | null,
  amount: number,
  effect: boolean,
  status: string,
): Effect {
  return {
    operation,
    operation_id: operationId,
    amount,
    currency: intent.currency,
    effect,
    payment: intent.metadata['payment_id'] ?? null,
    psp_reference: intent.id,
    status,
  }
}

export function mergeMetadata(
  old: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries({ ...old, ...changes }).filter(([, value]) => value !== ''))
}

export function readAmount(parameters: Parameters, name: string): number | undefined {
  const amount = parameters.integer(name)
  if (amount === undefined) return undefined
  if (amount < 1)
    throw invalidParameter('parameter_invalid_integer', 'This value must be greater than or equal to 1.', name)
  if (amount > amountMax) throw invalidParameter('amount_too_large', 'Amount must be no more than 12 digits.', name)
  return amount
}

/** Currencies of which Stripe takes only multiples of its own minor unit. */
const steps: Readonly<Record<string, number>> = { bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10, isk: 100, ugx: 100 }

/** Of how many minor units an amount of the currency is a multiple at Stripe. */
export function currencyStep(currency: string): number {
  return steps[currency] ?? 1
}

export function readCurrency(parameters: Parameters, amount: number): string {
  const currency = parameters.required('currency').toLowerCase()
  if (!/^[a-z]{3}$/.test(currency)) throw invalidParameter(undefined, 'Invalid currency.', 'currency')
  const step = currencyStep(currency)
  if (amount % step !== 0) {
    throw invalidParameter(undefined, `Amounts in ${currency} are multiples of ${step}.`, 'amount')
  }
  return currency
}

/** A refusal found while executing. */
export function executed(
  message: string,
  intent: IntentRecord,
  fields: { readonly code?: string; readonly param?: string },
): StripeFailure {
  return new StripeFailure(400, { type: 'invalid_request_error', message, ...fields }, { stored: true, intent })
}

export function unexpectedState(intent: IntentRecord, verb: string): StripeFailure {
  return executed(`You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`, intent, {
    code: 'payment_intent_unexpected_state',
  })
}

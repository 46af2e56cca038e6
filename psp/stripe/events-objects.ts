/**
 * The parts of Stripe's events that are read, checked by hand as `answers.ts` does it. An event keeps the shape of its
 * endpoint's API version for ever: an expandable field is an id, an object or null, and a field that older or newer versions
 * lack is missing. Names of people, cards, addresses and free text are not read at all.
 */
import { type Fields, isFields } from '../answer-json.ts'
import {
  readAmount,
  readCharge,
  readId,
  readIntent,
  readMetadata,
  readRefund,
  readTime,
  readToken,
  readUrl,
  type StripeIntent,
  type StripeRefund,
} from './answers.ts'

export interface StripeEvent {
  readonly type: string
  /** Unix seconds. */
  readonly created: number
  readonly livemode: boolean
  /** Of the API call that caused it; absent where Stripe or somebody in its pages did. */
  readonly idempotencyKey?: string
  /** What it shows, as it was when the event happened. */
  readonly object: unknown
}

export interface EventIntent extends StripeIntent {
  /** `automatic`, `automatic_async`, `manual`. */
  readonly captureMethod: string
  readonly cancellationReason?: string
}

export interface EventCharge {
  readonly id: string
  readonly amount: number
  readonly currency: string
  readonly captured: boolean
  /** Absent for a charge that was made without an intent. */
  readonly intent?: string
  readonly metadata: Readonly<Record<string, string>>
  /** Unix seconds. */
  readonly captureBefore?: number
}

export interface EventRefund extends StripeRefund {
  readonly charge?: string
  readonly reason?: string
  /** No balance of ours has changed by it. */
  readonly movedNothing: boolean
}

export interface EventDispute {
  readonly id: string
  readonly status: string
  readonly amount: number
  readonly currency: string
  readonly charge?: string
  readonly intent?: string
  /** Unix seconds. */
  readonly evidenceBy?: number
  /** What was taken from our balance, or given back to it, because of the dispute. */
  readonly movements: readonly DisputeMovement[]
}

export interface DisputeMovement {
  /** Negative where it was taken. */
  readonly amount: number
  readonly fee: number
  /** The account's, which need not be the payment's. */
  readonly currency: string
}

export interface EventReport {
  readonly id: string
  readonly type: string
  readonly url: string
}

/** The envelope without its id; what `object` holds is read by what `type` says. */
export function readEvent(fields: Fields): StripeEvent | undefined {
  const { type: givenType, created: givenCreated, livemode, data, request } = fields
  const type = readToken(givenType)
  const created = readTime(givenCreated)
  if (fields['object'] !== 'event' || type === undefined || created === undefined) return undefined
  if (typeof livemode !== 'boolean' || !isFields(data) || !isFields(data['object'])) return undefined
  const idempotencyKey = isFields(request) ? readToken(request['idempotency_key']) : undefined
  return { type, created, livemode, object: data['object'], ...(idempotencyKey !== undefined && { idempotencyKey }) }
}

export function readEventIntent(value: unknown): EventIntent | undefined {
  const intent = readIntent(value)
  if (intent === undefined || !isFields(value)) return undefined
  const captureMethod = readToken(value['capture_method'])
  if (captureMethod === undefined) return undefined
  const cancellationReason = readToken(value['cancellation_reason'])
  const latestCharge = intent.latestCharge ?? readCharge(newestOf(value['charges']))
  return {
    ...intent,
    captureMethod,
    ...(cancellationReason !== undefined && { cancellationReason }),
    ...(latestCharge !== undefined && { latestCharge }),
  }
}

/** Versions before 2022-11-15 hold the charges themselves, newest first, instead of `latest_charge`. */
function newestOf(list: unknown): unknown {
  const data = isFields(list) ? list['data'] : undefined
  return Array.isArray(data) ? (data as readonly unknown[])[0] : undefined
}

export function readEventCharge(value: unknown): EventCharge | undefined {
  if (!isFields(value) || value['object'] !== 'charge') return undefined
  const charge = readCharge(value)
  const amount = readAmount(value['amount'])
  const currency = readToken(value['currency'])
  const metadata = readMetadata(value['metadata'] ?? {})
  const { captured } = value
  if (charge === undefined || amount === undefined || currency === undefined || metadata === undefined) return undefined
  if (typeof captured !== 'boolean') return undefined
  const intent = readReference(value['payment_intent'], 'pi_')
  return { ...charge, amount, currency, captured, metadata, ...(intent !== undefined && { intent }) }
}

export function readEventRefund(value: unknown): EventRefund | undefined {
  const refund = readRefund(value)
  if (refund === undefined || !isFields(value)) return undefined
  const charge = readReference(value['charge'], 'ch_') ?? readReference(value['charge'], 'py_')
  const reason = readToken(value['reason'])
  return {
    ...refund,
    ...(charge !== undefined && { charge }),
    ...(reason !== undefined && { reason }),
    movedNothing: value['balance_transaction'] === null,
  }
}

export function readEventDispute(value: unknown): EventDispute | undefined {
  if (!isFields(value) || value['object'] !== 'dispute') return undefined
  const id = readId(value['id'], 'dp_') ?? readId(value['id'], 'du_')
  const status = readToken(value['status'])
  const amount = readAmount(value['amount'])
  const currency = readToken(value['currency'])
  const movements = readMovements(value['balance_transactions'] ?? [])
  if (id === undefined || status === undefined || amount === undefined) return undefined
  if (currency === undefined || movements === undefined) return undefined
  const charge = readReference(value['charge'], 'ch_') ?? readReference(value['charge'], 'py_')
  const intent = readReference(value['payment_intent'], 'pi_')
  const details: unknown = value['evidence_details']
  const evidenceBy = isFields(details) ? readTime(details['due_by']) : undefined
  return {
    id,
    status,
    amount,
    currency,
    movements,
    ...(charge !== undefined && { charge }),
    ...(intent !== undefined && { intent }),
    ...(evidenceBy !== undefined && { evidenceBy }),
  }
}

function readMovements(value: unknown): readonly DisputeMovement[] | undefined {
  if (!Array.isArray(value)) return undefined
  const movements: DisputeMovement[] = []
  for (const entry of value as readonly unknown[]) {
    const { amount, fee, currency: code } = isFields(entry) ? entry : ({} as Fields)
    const currency = readToken(code)
    if (!Number.isSafeInteger(amount) || !Number.isSafeInteger(fee) || currency === undefined) return undefined
    movements.push({ amount: amount as number, fee: fee as number, currency })
  }
  return movements
}

export function readEventReport(value: unknown): EventReport | undefined {
  if (!isFields(value) || value['object'] !== 'reporting.report_run') return undefined
  const id = readId(value['id'], 'frr_')
  const type = readToken(value['report_type'])
  const url = isFields(value['result']) ? readUrl(value['result']['url']) : undefined
  return id === undefined || type === undefined || url === undefined ? undefined : { id, type, url }
}

/** An expandable field's id. */
function readReference(value: unknown, prefix: string): string | undefined {
  return readId(isFields(value) ? value['id'] : value, prefix)
}

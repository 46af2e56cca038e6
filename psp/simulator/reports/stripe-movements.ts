/**
 * What a change of records moves in the simulated Stripe's balance, as balance transactions. Pure: the records around one
 * intent before a line of the book, and after it.
 *
 * A partial capture is two: the whole authorised amount, and the rest of it taken back. Where one charge is captured in
 * several parts, each part is one. A refund moves money when it is made, and once more if it fails.
 */
import { derivedId } from '../ids.ts'
import type { ChargeRecord, DisputeRecord, IntentRecord, RefundRecord } from '../records.ts'
import type { Scene } from '../stripe-events.ts'
import type { ReportLine } from './drift.ts'
import { stripeDisputeFee, stripeFee } from './fees.ts'

export const stripeCategories = [
  'charge',
  'partial_capture_reversal',
  'refund',
  'refund_failure',
  'dispute',
  'dispute_reversal',
] as const
export type StripeCategory = (typeof stripeCategories)[number]

/** A balance transaction; its id is `txn_…`, its currency lower case, its dates are whole seconds. */
export interface StripeMovement extends ReportLine {
  readonly category: StripeCategory
  readonly references: { readonly source: string; readonly charge: string; readonly payment_intent: string }
  /** The records as they were then. */
  readonly known: KnownOfMovement | null
}

export interface KnownOfMovement {
  readonly intent: IntentRecord
  readonly charge: ChargeRecord
  readonly refund: RefundRecord | null
  readonly dispute: DisputeRecord | null
}

/** @param at unix milliseconds, a whole second */
export function movementsOf(before: Scene | undefined, after: Scene, at: number): readonly StripeMovement[] {
  const { charge } = after
  if (charge === undefined) return []
  const earlier = before?.charge?.id === charge.id ? before : undefined
  const known: KnownOfMovement = { intent: after.intent, charge, refund: null, dispute: null }
  return [
    ...ofCaptures(earlier?.charge, known, at),
    ...after.refunds.flatMap((refund) => {
      const earlierRefund = earlier?.refunds.find(({ id }) => id === refund.id)
      return ofRefund(earlierRefund, { ...known, refund }, refund, at)
    }),
    ...(after.dispute === undefined
      ? []
      : ofDispute(earlier?.dispute, { ...known, dispute: after.dispute }, after.dispute, at)),
  ]
}

function ofCaptures(earlier: ChargeRecord | undefined, known: KnownOfMovement, at: number): StripeMovement[] {
  const { intent, charge } = known
  const { balanceTransaction: id, amount, amountCaptured } = charge
  const part = amountCaptured - (isTold(earlier) ? earlier.amountCaptured : 0)
  if (id === null || part === 0) return []
  const fee = stripeFee(part, charge.currency)
  if (isTold(earlier)) {
    const ofPart = derivedId('txn', charge.id, String(amountCaptured))
    return [movement(known, { id: ofPart, category: 'charge', source: charge.id, gross: part, fee, at })]
  }
  const whole = intent.multicapture ? part : amount
  const captured = movement(known, { id, category: 'charge', source: charge.id, gross: whole, fee, at })
  if (whole === part) return [captured]
  const ofRest = derivedId('txn', charge.id, 'rest')
  const rest: Facts = { id: ofRest, category: 'partial_capture_reversal', source: charge.id, gross: part - whole, at }
  return [captured, movement(known, rest)]
}

/** Money has moved, and Stripe says so. */
function isTold(charge: ChargeRecord | undefined): charge is ChargeRecord {
  return charge !== undefined && charge.balanceTransaction !== null
}

function ofRefund(
  earlier: RefundRecord | undefined,
  known: KnownOfMovement,
  refund: RefundRecord,
  at: number,
): StripeMovement[] {
  const { id: source, balanceTransaction: id, amount, course } = refund
  if (earlier === undefined) return [movement(known, { id, category: 'refund', source, gross: -amount, at })]
  if (course !== 'failed' || earlier.course === 'failed') return []
  return [movement(known, { id: derivedId('txn', source), category: 'refund_failure', source, gross: amount, at })]
}

function ofDispute(
  earlier: DisputeRecord | undefined,
  known: KnownOfMovement,
  dispute: DisputeRecord,
  at: number,
): StripeMovement[] {
  const { id: source, amount, withdrawn, reinstated } = dispute
  const movements: StripeMovement[] = []
  if (withdrawn !== null && (earlier?.withdrawn ?? null) === null) {
    const { balanceTransaction: id } = withdrawn
    movements.push(movement(known, { id, category: 'dispute', source, gross: -amount, fee: stripeDisputeFee, at }))
  }
  if (reinstated !== null && (earlier?.reinstated ?? null) === null) {
    const { balanceTransaction: id } = reinstated
    movements.push(movement(known, { id, category: 'dispute_reversal', source, gross: amount, at }))
  }
  return movements
}

interface Facts {
  readonly id: string
  readonly category: StripeCategory
  readonly source: string
  readonly gross: number
  readonly fee?: number
  readonly at: number
}

function movement(known: KnownOfMovement, { source, fee = 0, ...facts }: Facts): StripeMovement {
  const { intent, charge } = known
  const references = { source, charge: charge.id, payment_intent: intent.id }
  return { ...facts, fee, currency: charge.currency, references, known }
}

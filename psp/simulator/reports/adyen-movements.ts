/**
 * What a change of records moves in the simulated Adyen's merchant accounts, as lines of the settlement details report. Pure:
 * new versions of records, and the world before them. What is decided in a dispute moves money only where a chargeback is
 * taken, given back or taken again.
 */
import type { AdyenDispute, AdyenModification, AdyenPayment, AdyenRecord } from '../adyen/records.ts'
import type { AdyenWorld } from '../adyen/world.ts'

export type AdyenMovementType =
  | 'Settled'
  | 'SettledReversed'
  | 'Refunded'
  | 'RefundedReversed'
  | 'Chargeback'
  | 'ChargebackReversed'
  | 'SecondChargeback'

export interface AdyenMovement {
  readonly type: AdyenMovementType
  readonly payment: AdyenPayment
  /** The pspReference of the modification or dispute. */
  readonly reference: string
  /** The merchant's, for the modification. */
  readonly merchantReference: string | null
  /** Signed, minor units. */
  readonly gross: number
  /** Unix milliseconds: the payment's creation where it is settled, else the modification's. */
  readonly createdAt: number
}

export function adyenMovementsOf(
  records: readonly AdyenRecord[],
  world: Pick<AdyenWorld, 'payment' | 'modification' | 'dispute'>,
): readonly AdyenMovement[] {
  const paymentOf = (id: string | null): AdyenPayment | undefined =>
    records.find((record): record is AdyenPayment => record.kind === 'payment' && record.id === id) ??
    world.payment(id ?? '')
  return records.flatMap((record) => {
    if (record.kind === 'modification') return ofModification(world, record, paymentOf(record.payment))
    return record.kind === 'dispute' ? ofDispute(world, record, paymentOf(record.payment)) : []
  })
}

function ofModification(
  world: Pick<AdyenWorld, 'payment' | 'modification'>,
  modification: AdyenModification,
  payment: AdyenPayment | undefined,
): AdyenMovement[] {
  const { id, status, type, reference: merchantReference } = modification
  const earlier = world.modification(id)?.status
  if (payment === undefined || status === earlier) return []
  const moved = (movement: AdyenMovementType, gross: number): AdyenMovement[] => {
    const createdAt = type === 'capture' ? payment.createdAt : modification.createdAt
    return [{ type: movement, payment, reference: id, merchantReference, gross, createdAt }]
  }
  const amount = modification.amount ?? 0
  if (status === 'succeeded') {
    if (type === 'capture') return moved('Settled', amount)
    if (type === 'refund') return moved('Refunded', -amount)
    const refunded = payment.refunded - (world.payment(payment.id)?.refunded ?? 0)
    return type === 'reversal' && refunded > 0 ? moved('Refunded', -refunded) : []
  }
  if (earlier !== 'succeeded') return []
  return type === 'capture' ? moved('SettledReversed', -amount) : moved('RefundedReversed', amount)
}

function ofDispute(
  world: Pick<AdyenWorld, 'dispute'>,
  { id, status, amount, createdAt }: AdyenDispute,
  payment: AdyenPayment | undefined,
): AdyenMovement[] {
  const earlier = world.dispute(id)?.status
  if (payment === undefined || status === earlier) return []
  const moved = (type: AdyenMovementType, gross: number): AdyenMovement[] => [
    { type, payment, reference: id, merchantReference: null, gross, createdAt },
  ]
  if (status === 'charged_back') return moved('Chargeback', -amount)
  if (status === 'reversed') return moved('ChargebackReversed', amount)
  return status === 'lost' && earlier === 'reversed' ? moved('SecondChargeback', -amount) : []
}

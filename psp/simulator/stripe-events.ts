/**
 * Which events a change of records is, in Stripe's usual sequences. Pure: the records around one intent before a line of
 * the book, and after it. Nobody may rely on the order in which the events arrive.
 */
import type {
  ChargeRecord,
  DisputeRecord,
  IntentRecord,
  PaymentRecord,
  RefundRecord,
  ReportRunRecord,
  StripeRecord,
} from './records.ts'
import type { World } from './world.ts'

/** One intent and what hangs on it; immutable, so it is also the snapshot that an event shows. */
export interface Scene {
  readonly intent: IntentRecord
  /** The latest. */
  readonly charge: ChargeRecord | undefined
  /** Of that charge. */
  readonly refunds: readonly RefundRecord[]
  readonly dispute: DisputeRecord | undefined
}

/** An event without its id: `object` is the id of what it shows. */
export interface EventFact {
  readonly type: EventType
  readonly object: string
}

export type EventType =
  | `payment_intent.${'created' | 'requires_action' | 'amount_capturable_updated' | 'succeeded' | 'payment_failed' | 'canceled'}`
  | `charge.${'succeeded' | 'failed' | 'captured' | 'refunded' | 'updated' | 'expired' | 'refund.updated'}`
  | `refund.${'created' | 'updated' | 'failed'}`
  | `charge.dispute.${'created' | 'funds_withdrawn' | 'updated' | 'funds_reinstated' | 'closed'}`
  | 'reporting.report_run.succeeded'

export function sceneOf(world: World, intentId: string): Scene | undefined {
  const intent = world.intent(intentId)
  if (intent === undefined) return undefined
  const charge = world.charge(intent.latestCharge ?? '')
  return {
    intent,
    charge,
    refunds: charge === undefined ? [] : world.refundsOf(charge.id),
    dispute: world.dispute(charge?.disputed ?? ''),
  }
}

/** The intent that records are about: a line of the book changes one, or what is no payment's. */
export function intentOf(records: readonly StripeRecord[]): string | undefined {
  const [first] = records
  if (first === undefined || !isOfPayment(first)) return undefined
  return first.kind === 'intent' ? first.id : first.intent
}

function isOfPayment(record: StripeRecord): record is PaymentRecord {
  return record.kind !== 'report_run' && record.kind !== 'closed_day'
}

/** The scene with new versions of its records; undefined where there is still no intent. */
export function evolvedScene(before: Scene | undefined, records: readonly StripeRecord[]): Scene | undefined {
  let scene = before
  for (const record of records.filter(isOfPayment)) {
    if (record.kind === 'intent') {
      scene =
        scene === undefined
          ? { intent: record, charge: undefined, refunds: [], dispute: undefined }
          : { ...scene, intent: record }
    } else if (scene !== undefined) scene = evolved(scene, record)
  }
  return scene
}

function evolved(scene: Scene, record: ChargeRecord | RefundRecord | DisputeRecord): Scene {
  switch (record.kind) {
    case 'charge':
      if (record.id === scene.charge?.id) return { ...scene, charge: record }
      return { ...scene, charge: record, refunds: [], dispute: undefined }
    case 'refund':
      return { ...scene, refunds: [...scene.refunds.filter(({ id }) => id !== record.id), record] }
    case 'dispute':
      return { ...scene, dispute: record }
  }
}

export function eventsOf(before: Scene | undefined, after: Scene): readonly EventFact[] {
  const { intent, charge, dispute } = after
  const facts: EventFact[] = []
  if (before === undefined) facts.push({ type: 'payment_intent.created', object: intent.id })
  if (charge !== undefined) facts.push(...chargeEvents(before, after, charge))
  facts.push(...intentEvents(before, after))
  if (charge !== undefined && isBalanceTold(before?.charge, charge))
    facts.push({ type: 'charge.updated', object: charge.id })
  for (const refund of after.refunds) {
    const earlier = before?.refunds.find(({ id }) => id === refund.id)
    facts.push(...refundEvents(earlier, refund))
  }
  if (dispute !== undefined) facts.push(...disputeEvents(before?.dispute, dispute))
  return facts
}

export function eventOfReportRun(run: ReportRunRecord): readonly EventFact[] {
  return run.succeededAt === null ? [] : [{ type: 'reporting.report_run.succeeded', object: run.id }]
}

function intentEvents(before: Scene | undefined, after: Scene): EventFact[] {
  const { intent } = after
  const earlier = before?.intent
  const fact = (type: EventType): EventFact[] => [{ type, object: intent.id }]
  switch (intent.status) {
    case 'requires_confirmation':
      return []
    case 'requires_payment_method': {
      const tried = after.charge?.id !== before?.charge?.id || earlier?.status === 'requires_action'
      return tried && intent.lastError !== null ? fact('payment_intent.payment_failed') : []
    }
    case 'requires_capture':
      return intent.amountCapturable === earlier?.amountCapturable
        ? []
        : fact('payment_intent.amount_capturable_updated')
    case 'requires_action':
    case 'succeeded':
    case 'canceled':
      return intent.status === earlier?.status ? [] : fact(`payment_intent.${intent.status}`)
  }
}

function chargeEvents(before: Scene | undefined, after: Scene, charge: ChargeRecord): EventFact[] {
  const earlier = before?.charge
  const fact = (type: EventType): EventFact[] => [{ type, object: charge.id }]
  if (charge.id !== earlier?.id) return fact(`charge.${charge.status}`)
  if (charge.amountCaptured > earlier.amountCaptured) return fact('charge.captured')
  if (!charge.released || earlier.released) return []
  return fact(after.intent.cancellationReason === 'automatic' ? 'charge.expired' : 'charge.refunded')
}

/** `automatic_async`: the balance transaction follows the capture. */
function isBalanceTold(earlier: ChargeRecord | undefined, charge: ChargeRecord): boolean {
  if (charge.id !== earlier?.id || charge.amountCaptured !== earlier.amountCaptured) return false
  return charge.balanceTransaction !== earlier.balanceTransaction
}

function refundEvents(earlier: RefundRecord | undefined, refund: RefundRecord): EventFact[] {
  if (earlier?.course === refund.course) return []
  const { id } = refund
  const updated: EventFact[] = [
    { type: 'refund.updated', object: id },
    { type: 'charge.refund.updated', object: id },
  ]
  if (earlier !== undefined)
    return refund.course === 'failed' ? [{ type: 'refund.failed', object: id }, ...updated] : updated
  const created: EventFact[] = [
    { type: 'refund.created', object: id },
    { type: 'charge.refunded', object: refund.charge },
  ]
  return refund.course === 'pending_then_succeeds' ? created : [...created, ...updated]
}

const closed: ReadonlySet<string> = new Set(['won', 'lost', 'warning_closed'])

function disputeEvents(earlier: DisputeRecord | undefined, dispute: DisputeRecord): EventFact[] {
  const types: EventType[] = []
  if (earlier?.id !== dispute.id) types.push('charge.dispute.created')
  else if (earlier.status !== dispute.status) {
    types.push(closed.has(dispute.status) ? 'charge.dispute.closed' : 'charge.dispute.updated')
  }
  if (dispute.withdrawn !== null && (earlier?.id !== dispute.id || earlier.withdrawn === null))
    types.push('charge.dispute.funds_withdrawn')
  if (dispute.reinstated !== null && earlier?.reinstated === null) types.push('charge.dispute.funds_reinstated')
  return types.map((type) => ({ type, object: dispute.id }))
}

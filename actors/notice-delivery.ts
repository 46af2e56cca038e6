/**
 * Hands a notice to the payment that it is about, and says what came of it. The payment is the one whose operation the PSP
 * echoes, else the one that is known by one of the PSP's references; also where the first says that the notice is none of
 * its own, because what a PSP echoes can be changed by people in its pages.
 *
 * Guarantees: it never rejects and never guesses: `not_found` is complete only where everything that was journaled before
 * the notice came had been looked at first, and whatever goes wrong leaves the notice to be handed over again. It ends
 * within {@link deliveryTimeMs} per payment asked and the references' own time limits.
 * Leaves to others: handing over again (the inbox), and knowing a fact that came before (the payment).
 */
import type { RouteAnswer, Router } from '../cluster/router.ts'
import { addressOfPayment, parseOperationId } from '../domain/ids.ts'
import type { Delivery, DeliverNotice, RecordDelivery } from '../domain/inbox/commands.ts'
import type { PaymentAnswer } from '../domain/payment/answers.ts'
import type { RecordNotice } from '../domain/payment/commands.ts'
import type { PaymentRejectionCode } from '../domain/payment/rejections.ts'
import { assert, unreachable } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { PspReferences } from './psp-references.ts'

export interface NoticeDeliveryObserver {
  /** After each hand-over: how long it took and what came of it. */
  handedOver(effect: DeliverNotice, delivery: Delivery, ms: number): void
  /** Something threw that should not: a database that cannot be asked, or a defect. The notice is handed over again. */
  broken(connection: string, error: unknown): void
}

export interface NoticeDeliveryOptions {
  readonly router: Router
  readonly references: PspReferences
  readonly clock: Clock
  readonly random: Random
  readonly observer: NoticeDeliveryObserver
}

/** How long a payment's answer is waited for. */
export const deliveryTimeMs = 10_000

/** Rows that were journaled before a notice came may bear a later time, by a clock that is ahead of ours by up to this. */
const clockSkewMs = 5_000

export function createNoticeDelivery(
  options: NoticeDeliveryOptions,
): (effect: DeliverNotice) => Promise<RecordDelivery> {
  const { clock, observer } = options
  return async (effect) => {
    const began = clock.monotonic()
    let delivery: Delivery
    try {
      delivery = await deliver(options, effect)
    } catch (error) {
      observer.broken(effect.connection, error)
      delivery = { kind: 'unavailable', reason: 'delivery_failed' }
    }
    observer.handedOver(effect, delivery, clock.monotonic() - began)
    return { type: 'RecordDelivery', delivery }
  }
}

async function deliver(options: NoticeDeliveryOptions, effect: DeliverNotice): Promise<Delivery> {
  const echoed = parseOperationId(effect.notice.subject.operationId ?? '')?.paymentId
  const first = echoed === undefined ? undefined : await handOver(options, echoed, effect)
  if (first?.kind === 'delivered' || first?.kind === 'unavailable') return first
  const found = await find(options.references, effect)
  if (found.kind === 'incomplete') return { kind: 'not_found', complete: false }
  if (found.kind === 'known' && found.payment !== echoed) return handOver(options, found.payment, effect)
  return first ?? { kind: 'not_found', complete: true }
}

type Found = { readonly kind: 'known'; readonly payment: string } | { readonly kind: 'unknown' | 'incomplete' }

async function find(references: PspReferences, { connection, receivedAt, notice }: DeliverNotice): Promise<Found> {
  const names = notice.subject.references
  if (names.length === 0) return { kind: 'unknown' }
  const known = await references.find(connection, names)
  if (known !== undefined) return { kind: 'known', payment: known }
  if (!(await references.isCompleteUpTo(receivedAt + clockSkewMs))) return { kind: 'incomplete' }
  // It may have become complete only after the first look.
  const after = await references.find(connection, names)
  return after === undefined ? { kind: 'unknown' } : { kind: 'known', payment: after }
}

async function handOver(
  { router, clock, random }: NoticeDeliveryOptions,
  payment: string,
  { connection, notice }: DeliverNotice,
): Promise<Delivery> {
  const address = addressOfPayment(payment)
  assert(address !== undefined, 'a notice is handed to a payment', { payment })
  const { id, type, subject, fact } = notice
  const command: RecordNotice = { type: 'RecordNotice', connection, notice: { id, type, subject, fact } }
  const deadline = clock.monotonic() + deliveryTimeMs
  const routed = await router.route<PaymentAnswer>({
    ...address,
    id: random.hex(16),
    kind: 'payment',
    class: 'settle',
    bytes: 0,
    payload: command,
    deadline,
    waitUntil: deadline,
    attach: true,
  })
  return deliveryOf(routed, payment)
}

function deliveryOf(routed: RouteAnswer<PaymentAnswer>, payment: string): Delivery {
  if (routed.kind === 'unavailable') return { kind: 'unavailable', reason: routed.reason }
  const { answer } = routed
  switch (answer.kind) {
    case 'payment':
      return { kind: 'delivered', payment }
    case 'rejected':
      return deliveryOfRejection(answer.rejection.code)
    case 'in_use':
      return { kind: 'unavailable', reason: 'in_use' }
    default:
      return unreachable(answer)
  }
}

/** A notice is refused for two reasons; any other is a defect, and must not cost the notice. */
function deliveryOfRejection(code: PaymentRejectionCode): Delivery {
  switch (code) {
    case 'payment_not_found':
      return { kind: 'not_found', complete: true }
    case 'notice_not_ours':
      return { kind: 'refused', reason: code }
    default:
      return { kind: 'unavailable', reason: code }
  }
}

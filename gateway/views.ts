/** What each dated version of the API shows. A request's answer, and every replay of it, is rendered by the version recorded with it. */
import type { PublishedEvent } from '../domain/payment/history.ts'
import type { Attempt, Dispute, Payment, Refund } from '../domain/payment/state.ts'
import { assert } from '../runtime/assert.ts'
import { type ApiVersion, isApiVersion } from './api-version.ts'
import type { EventView } from './event-schema.ts'
import type { Expansion } from './expand.ts'
import type { AttemptView, DisputeView, PaymentView, RefundView } from './payment-schema.ts'
import { renderAttempt, renderDispute, renderPayment, renderRefund } from './render.ts'
import { renderEvent } from './render-event.ts'

export interface Views {
  payment(state: Payment, expansion: Expansion): PaymentView
  refund(state: Payment, refund: Refund, expansion: Expansion): RefundView
  attempt(state: Payment, attempt: Attempt): AttemptView
  dispute(state: Payment, dispute: Dispute): DisputeView
  event(event: PublishedEvent): EventView
}

const viewsByVersion: Readonly<Record<ApiVersion, Views>> = {
  '2026-11-01': {
    payment: renderPayment,
    refund: renderRefund,
    attempt: renderAttempt,
    dispute: renderDispute,
    event: renderEvent,
  },
}

/** @param version a version that was checked when the request came, maybe by another build. */
export function viewsOf(version: string): Views {
  assert(isApiVersion(version), 'the version of an answer is one that this build knows')
  return viewsByVersion[version]
}

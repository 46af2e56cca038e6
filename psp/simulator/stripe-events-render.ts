/** An event in Stripe's shape: a snapshot of its object at the time of the event, the same bytes whenever it is asked for. */
import { renderDispute } from './disputes.ts'
import { type JsonObject, type RenderContext, renderCharge, renderIntent, renderRefund } from './render.ts'
import type { ReportRunRecord } from './records.ts'
import { renderReportRun } from './reports/stripe-runs.ts'
import type { EventType, Scene } from './stripe-events.ts'

/** The version of the account, which its events have. */
export const eventApiVersion = '2026-10-28.endive'

export type StripeEvent = PaymentEvent | ReportRunEvent

interface EventCommon {
  readonly id: string
  readonly type: EventType
  /** The id of what it shows. */
  readonly object: string
  /** Unix milliseconds. */
  readonly at: number
  /** What caused it; null where time did. */
  readonly request: { readonly id: string; readonly idempotency_key: string | null } | null
}

interface PaymentEvent extends EventCommon {
  readonly before: Scene | undefined
  readonly after: Scene
}

interface ReportRunEvent extends EventCommon {
  readonly run: ReportRunRecord
}

/** Our payment id, where the event is of a payment that has one. */
export function paymentOf(event: StripeEvent): string | null {
  return 'run' in event ? null : (event.after.intent.metadata['payment_id'] ?? null)
}

/** @param pendingWebhooks endpoints that are still to receive it. */
export function renderEvent(event: StripeEvent, pendingWebhooks: number): JsonObject {
  const { object, changed } = contentOf(event)
  return {
    id: event.id,
    object: 'event',
    api_version: eventApiVersion,
    created: Math.floor(event.at / 1000),
    data: {
      object,
      ...(Object.keys(changed).length === 0 ? {} : { previous_attributes: changed }),
    },
    livemode: false,
    pending_webhooks: pendingWebhooks,
    request: event.request ?? { id: null, idempotency_key: null },
    type: event.type,
  }
}

/** What the event shows, and the attributes of it that had changed, as they were. */
function contentOf(event: StripeEvent): { readonly object: JsonObject; readonly changed: JsonObject } {
  if ('run' in event) return { object: renderReportRun(event.run), changed: {} }
  const at = Math.floor(event.at / 1000)
  const object = renderObject(event.after, event.object, at) ?? {}
  const previous = event.before === undefined ? undefined : renderObject(event.before, event.object, at - 1)
  const changed = previous === undefined || event.type.startsWith('payment_intent.') ? {} : difference(previous, object)
  return { object, changed }
}

function renderObject(scene: Scene, id: string, at: number): JsonObject | undefined {
  const { intent, charge, refunds, dispute } = scene
  const context: RenderContext = {
    at,
    expand: [],
    charge: () => undefined,
    intent: (asked) => (asked === intent.id ? intent : undefined),
    refundsOf: (asked) => (asked === charge?.id ? refunds : []),
  }
  if (id === intent.id) return renderIntent(intent, context)
  if (id === charge?.id) return renderCharge(charge, context)
  if (id === dispute?.id) return renderDispute(dispute, context)
  const refund = refunds.find((each) => each.id === id)
  return refund === undefined ? undefined : renderRefund(refund, context)
}

/** The attributes that were different before, as they were. */
function difference(previous: JsonObject, now: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(previous).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name])),
  )
}

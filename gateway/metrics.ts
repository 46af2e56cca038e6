/** What the edge counts. */
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { type WebhookMetrics, webhookMetrics } from './webhooks/metrics.ts'

export type CardNumberPlace = 'body' | 'header' | 'address'

export interface GatewayMetrics {
  /** A request was refused because it had what looks like a card number: somebody's system sends them. */
  cardNumberRefused(place: CardNumberPlace): void
  readonly webhooks: WebhookMetrics
}

/** @param metrics the process's; without it the counts go nowhere. */
export function gatewayMetrics(metrics: Metrics = createMetrics()): GatewayMetrics {
  const refused = metrics.counter({
    name: 'card_numbers_refused_total',
    help: 'Requests refused because they had what looks like a card number.',
    labels: ['place'],
  })
  for (const place of ['body', 'header', 'address'] as const) refused.inc({ place }, 0)
  return {
    cardNumberRefused: (place) => refused.inc({ place }),
    webhooks: webhookMetrics(metrics),
  }
}

/** What the edge counts. */
import { type LimitName, limitNames } from '../domain/merchant/limits.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import { type WebhookMetrics, webhookMetrics } from './webhooks/metrics.ts'

export type CardNumberPlace = 'body' | 'header' | 'address'

export interface GatewayMetrics {
  /** A request was refused because it had what looks like a card number: somebody's system sends them. */
  cardNumberRefused(place: CardNumberPlace): void
  /** A list, balance or ledger could not be read. */
  readUnavailable(): void
  /** A payment was refused for a limit of its merchant. */
  limitRefused(limit: LimitName): void
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
  const unread = metrics.counter({
    name: 'reads_unavailable_total',
    help: 'Lists, balances and ledgers that could not be read, as a database was away, slow or full.',
  })
  const limited = metrics.counter({
    name: 'limit_refusals_total',
    help: "Payments refused for a limit of their merchant's, by limit.",
    labels: ['limit'],
  })
  for (const limit of limitNames) limited.inc({ limit }, 0)
  return {
    limitRefused: (limit) => limited.inc({ limit }),
    readUnavailable: () => unread.inc(),
    cardNumberRefused: (place) => refused.inc({ place }),
    webhooks: webhookMetrics(metrics),
  }
}

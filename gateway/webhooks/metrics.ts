/** What is counted of PSPs' messages. Connections are few; a name that is none of ours is never a label. */
import { durationBuckets, type Metrics } from '../../runtime/metrics.ts'
import type { WebhookRefusal } from '../../psp/webhook.ts'

/** What became of a message; of several notices in one, the worst of theirs. */
export type WebhookResult =
  | 'stored'
  | 'repeated'
  | 'altered'
  | WebhookRefusal
  | 'too_large'
  | 'unavailable'
  | 'overloaded'
  | 'failed'

export interface Pushing {
  readonly psp: string
  readonly connection: string
}

export interface WebhookMetrics {
  received(from: Pushing, result: WebhookResult): void
  /** A message for a connection that there is not. */
  unknownConnection(): void
  /** How long it took until an authentic message was durable. */
  accepted(from: Pushing, ms: number): void
  /** The PSP signed another body under an identity that it had used before. */
  altered(from: Pushing): void
  /** A test message on a live connection, or the other way round. */
  otherEnvironment(from: Pushing): void
  /** Authentic, and of a kind that is known, but what it tells could not be read. */
  unreadable(from: Pushing): void
}

export function webhookMetrics(metrics: Metrics): WebhookMetrics {
  const labels = ['psp', 'connection'] as const
  const received = metrics.counter({
    name: 'webhooks_received_total',
    help: 'Messages from PSPs, by what became of them.',
    labels: [...labels, 'result'],
  })
  const unknown = metrics.counter({
    name: 'webhooks_unknown_connection_total',
    help: 'Messages for PSP connections that there are not.',
  })
  const accepted = metrics.histogram({
    name: 'webhook_accept_seconds',
    help: 'From the last byte of an authentic message until all its notices are durable.',
    labels,
    buckets: durationBuckets,
  })
  const altered = metrics.counter({
    name: 'webhook_altered_total',
    help: 'Notices whose identity a PSP had signed another body under: a matter for security.',
    labels,
  })
  const otherEnvironment = metrics.counter({
    name: 'webhook_other_environment_total',
    help: 'Notices of the other environment than their connection: test on live, or live on test.',
    labels,
  })
  const unreadable = metrics.counter({
    name: 'webhook_unreadable_total',
    help: 'Authentic notices of a known type that could not be read: kept, and nothing follows from them.',
    labels,
  })
  return {
    received: ({ psp, connection }, result) => received.inc({ psp, connection, result }),
    unknownConnection: () => unknown.inc(),
    accepted: ({ psp, connection }, ms) => accepted.observe({ psp, connection }, ms / 1_000),
    altered: ({ psp, connection }) => altered.inc({ psp, connection }),
    otherEnvironment: ({ psp, connection }) => otherEnvironment.inc({ psp, connection }),
    unreadable: ({ psp, connection }) => unreadable.inc({ psp, connection }),
  }
}

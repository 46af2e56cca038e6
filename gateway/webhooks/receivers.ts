/** The port to the PSP connections that push: which of them this gateway takes messages for, and by which secrets. */
import type { WebhookReceiver } from '../../psp/webhook.ts'

export interface WebhookReceivers {
  /** Asked at every message, so that connections and secrets can change while the gateway runs. Undefined where there is none. */
  receiver(connection: string): WebhookReceiver | undefined
}

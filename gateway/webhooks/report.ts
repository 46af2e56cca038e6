/**
 * Tells operators what became of PSPs' messages: metrics for each, and a line in the log where somebody should look. A line
 * names the connection and ids of ours; nothing of a message gets there, nor into a label.
 */
import type { FastifyRequest } from 'fastify'
import { addressOfNotice } from '../../domain/inbox/commands.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'
import { webhookLimits } from '../../runtime/limits.ts'
import type { LogFields } from '../../runtime/log.ts'
import type { Edge } from '../deps.ts'
import type { WebhookResult } from './metrics.ts'
import { Rarely } from './rarely.ts'
import type { StoredNotice } from './storing.ts'

type NotTaken = Exclude<WebhookResult, 'stored' | 'repeated' | 'altered'>

export class WebhookReport {
  readonly #edge: Pick<Edge, 'metrics' | 'log'>
  readonly #rarely: Rarely

  constructor(edge: Pick<Edge, 'metrics' | 'log' | 'clock'>) {
    this.#edge = edge
    this.#rarely = new Rarely(edge.clock, webhookLimits.logEveryMs)
  }

  /** Everything of it is durable. */
  taken(request: FastifyRequest, from: WebhookReceiver, notices: readonly StoredNotice[], ms: number): void {
    const { webhooks } = this.#edge.metrics
    webhooks.accepted(from, ms)
    webhooks.received(from, resultOf(notices))
    for (const { notice, altered } of notices) {
      if (altered) {
        webhooks.altered(from)
        const where = addressOfNotice(from.connection, notice.id)
        this.#edge.log.error(
          { ...fieldsOf(request, from), ...where, code: 'webhook_altered' },
          'a PSP signed another body under an identity that it had used before',
        )
      }
      if (notice.mode !== from.mode) {
        webhooks.otherEnvironment(from)
        this.#warn(request, from, 'other_environment', 'a PSP sent a message of the other environment')
      }
      if (notice.fact.kind === 'none' && notice.fact.reason === 'unreadable') {
        webhooks.unreadable(from)
        this.#warn(request, from, 'unreadable', 'an authentic message of a PSP could not be read')
      }
    }
  }

  notTaken(request: FastifyRequest, from: WebhookReceiver, result: NotTaken, reason?: string): void {
    this.#edge.metrics.webhooks.received(from, result)
    this.#warn(request, from, result, 'a message from a PSP was not taken', reason)
  }

  /** A receiver threw, which is a defect. Of the error only the name is told: its text may quote the message. */
  broken(request: FastifyRequest, from: WebhookReceiver, error: unknown): void {
    this.#edge.metrics.webhooks.received(from, 'failed')
    const code = error instanceof Error ? error.name : typeof error
    this.#edge.log.error({ ...fieldsOf(request, from), code }, 'a webhook receiver threw')
  }

  #warn(request: FastifyRequest, from: WebhookReceiver, code: string, message: string, reason?: string): void {
    const count = this.#rarely.occurred(`${from.connection} ${code}`)
    if (count === undefined) return
    const why = reason === undefined ? {} : { reason }
    this.#edge.log.warn({ ...fieldsOf(request, from), code, count, ...why }, message)
  }
}

function fieldsOf(request: FastifyRequest, { psp, connection }: WebhookReceiver): LogFields {
  return { component: 'webhooks', psp, connection, request_id: request.id }
}

function resultOf(notices: readonly StoredNotice[]): WebhookResult {
  if (notices.some(({ altered }) => altered)) return 'altered'
  return notices.length > 0 && notices.every(({ repeated }) => repeated) ? 'repeated' : 'stored'
}

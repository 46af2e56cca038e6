/** The controls of webhooks: where they go, what goes wrong with them, what became of them. */
import type { FastifyInstance } from 'fastify'
import { parseWebhookConfig } from './endpoints.ts'
import type { WebhookSender } from './sender.ts'

const flushMsMax = 120_000
const flushMsDefault = 30_000

/** @param admin serves under `/_admin`, for this machine alone */
export function addWebhookControls(admin: FastifyInstance, sender: WebhookSender): void {
  admin.get('/webhooks', () => sender.overview())

  admin.post('/webhooks', (request, reply) => {
    const parsed = parseWebhookConfig(request.body)
    if ('problem' in parsed) return reply.code(400).send({ error: parsed.problem })
    sender.configure(parsed.config)
    return reply.send(sender.overview())
  })

  admin.post<{ Body: unknown }>('/webhooks/flush', async (request, reply) => {
    const withinMs = (request.body as { within_ms?: unknown } | null | undefined)?.within_ms ?? flushMsDefault
    if (typeof withinMs !== 'number' || !(withinMs >= 0 && withinMs <= flushMsMax)) {
      return reply.code(400).send({ error: `within_ms is a number from 0 to ${flushMsMax}` })
    }
    const pending = await sender.flush(withinMs)
    return reply.code(pending === 0 ? 200 : 504).send({ pending })
  })
}

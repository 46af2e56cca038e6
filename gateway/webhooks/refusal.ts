/**
 * How a message is refused that is not proved to be the PSP's, or cannot be read: a problem with its code and no more, because
 * whoever forges messages reads it as well. docs/webhooks.md explains the codes.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { WebhookRefusal } from '../../psp/webhook.ts'

const statusOf: Readonly<Record<WebhookRefusal, 400 | 401>> = {
  login: 401,
  signature: 401,
  timestamp: 401,
  signature_header: 400,
  too_many_signatures: 400,
  body_invalid: 400,
  id_invalid: 400,
}

export function refuseMessage(reply: FastifyReply, code: WebhookRefusal): FastifyReply {
  const status = statusOf[code]
  if (status === 401) reply.header('www-authenticate', code === 'login' ? 'Basic realm="webhooks"' : 'Signature')
  const problem = { title: STATUS_CODES[status], status, code }
  // as bytes: the framework adds a charset to text, which this media type does not have
  return reply
    .code(status)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(problem)))
}

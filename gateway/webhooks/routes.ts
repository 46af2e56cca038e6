/**
 * `POST /webhooks/<psp>/<connection>`: where PSPs push to. Nobody is authenticated by a key here: a message is taken because
 * its signature, over the bytes as they came, proves whose it is.
 *
 * Guarantees: nothing is acted on before it is verified, and nothing but a refusal code is told of what is not; the PSP hears
 * 2xx only when every notice of its message is in the journal (I30). Messages are bounded in size, time and number; beyond
 * that, or while the journal is away, the answer is 503 and the PSP sends the message again.
 * Leaves to others: which messages are authentic and what they tell (psp/webhook.ts), what follows (domain/inbox).
 */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { webhookBytesMax, type WebhookReceiver, type WebhookVerdict } from '../../psp/webhook.ts'
import { assert } from '../../runtime/assert.ts'
import { webhookLimits } from '../../runtime/limits.ts'
import type { Edge } from '../deps.ts'
import { answerError } from '../error-handlers.ts'
import { refuse } from '../respond.ts'
import type { WebhookReceivers } from './receivers.ts'
import { refuseMessage } from './refusal.ts'
import { WebhookReport } from './report.ts'
import { storeNotices } from './storing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose messages are taken at the address; set before the body is read. */
    webhookReceiver: WebhookReceiver | null
  }
}

interface Addressed {
  readonly psp: string
  readonly connection: string
}

const nothing = Buffer.alloc(0)

/** Adds the route in a plugin of its own: its reader of bodies takes any content type, and is nobody else's. */
export function webhookRoutes(app: FastifyInstance, edge: Edge, receivers: WebhookReceivers): void {
  const report = new WebhookReport(edge)
  let inFlight = 0

  /** Before a byte of the body is read. */
  function admit(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { psp, connection } = request.params as Addressed
    const receiver = receivers.receiver(connection)
    if (receiver?.psp !== psp) {
      edge.metrics.webhooks.unknownConnection()
      refuse(edge, request, reply, { code: 'route_not_found' })
      return
    }
    if (inFlight >= webhookLimits.inFlightMax) {
      report.notTaken(request, receiver, 'overloaded')
      refuse(edge, request, reply, { code: 'service_unavailable' })
      return
    }
    inFlight += 1
    reply.raw.once('close', () => {
      inFlight -= 1
    })
    request.webhookReceiver = receiver
    done()
  }

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { webhookReceiver: receiver } = request
    assert(receiver !== null, 'a message that was admitted has a receiver')
    const body = (request.body as Buffer | undefined) ?? nothing
    const began = edge.clock.monotonic()
    let verdict: WebhookVerdict
    try {
      verdict = receiver.receive({ headers: request.headers, body, receivedAt: edge.clock.now() })
    } catch (error) {
      report.broken(request, receiver, error)
      return refuse(edge, request, reply, { code: 'internal_error' })
    }
    if (verdict.kind === 'refused') {
      report.notTaken(request, receiver, verdict.refusal)
      return refuseMessage(reply, verdict.refusal)
    }
    const storing = await storeNotices(edge, receiver, verdict.notices, body.length)
    if (storing.kind === 'unavailable') {
      report.notTaken(request, receiver, 'unavailable', storing.reason)
      const retryAfterSeconds = Math.ceil(storing.retryAfterMs / 1_000)
      return refuse(edge, request, reply, { code: 'service_unavailable', retryAfterSeconds })
    }
    report.taken(request, receiver, storing.notices, edge.clock.monotonic() - began)
    const { contentType, body: text } = verdict.acknowledgement
    return reply.code(200).type(contentType).send(Buffer.from(text))
  }

  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, bytes, parsed) => parsed(null, bytes))
    scope.decorateRequest('webhookReceiver', null)
    scope.addHook('onRequest', admit)
    scope.setErrorHandler((error: FastifyError, request, reply) => {
      if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return answerError(edge, error, request, reply)
      if (request.webhookReceiver !== null) report.notTaken(request, request.webhookReceiver, 'too_large')
      const message = `The body is larger than ${webhookBytesMax / 1_024} KiB.`
      return refuse(edge, request, reply, { code: 'body_too_large', message })
    })
    const options = { bodyLimit: webhookBytesMax, config: { rawBody: true }, schema: { hide: true } }
    scope.post('/webhooks/:psp/:connection', options, take)
    done()
  })
}

/** How answers leave: the headers that every one has, and refusals as problems. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Edge } from './deps.ts'
import type { ErrorCode } from './errors.ts'
import { errorTable } from './errors.ts'
import { type ProblemContext, problemOf, type Refusal } from './problem.ts'

/** Seconds after which a request that another one blocks may be repeated. */
const inUseRetrySeconds = 1
/** Seconds that a client is asked to wait where nothing better is known. */
const retryAfterDefaultSeconds = 1

const cardNumberCode: ErrorCode = 'pan_not_allowed'

export function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({
    'request-id': request.id,
    'x-request-id': request.id,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // For browsers, should one ever be led here: nothing of an answer is run, framed, or told to the next page.
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'strict-transport-security': 'max-age=31536000',
  })
}

/** Answers with a refusal. `paymentId` is the payment that the request is about, where it is known. */
export function refuse(
  edge: Pick<Edge, 'errorDocsUrl' | 'keyReusedStatus' | 'metrics'>,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  paymentId?: string,
): FastifyReply {
  const context: ProblemContext = {
    requestId: request.id,
    instance: paymentId === undefined ? (request.routeOptions.url ?? '/') : paymentPath(paymentId),
    errorDocsUrl: edge.errorDocsUrl,
    keyReusedStatus: edge.keyReusedStatus,
  }
  const problem = problemOf(refusal, context)
  if (problem.error.code === cardNumberCode) edge.metrics.cardNumberRefused(refusal.cardNumberIn ?? 'body')
  const retryAfter = retryAfterSeconds(refusal)
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  reply.code(problem.status).header('content-type', 'application/problem+json')
  // As bytes, because the framework adds a charset to text, which this media type does not have; and not through a route's
  // serializer, which writes optional members last. A problem is built of named members only, so nothing can slip in.
  return reply.send(Buffer.from(JSON.stringify(problem)))
}

export function paymentPath(paymentId: string): string {
  return `/v1/payments/${paymentId}`
}

function retryAfterSeconds(refusal: Refusal): number | undefined {
  if (refusal.retryAfterSeconds !== undefined) return Math.max(1, refusal.retryAfterSeconds)
  if (refusal.code === 'idempotency_key_in_use') return inUseRetrySeconds
  return mustSayWhen(refusal.code) ? retryAfterDefaultSeconds : undefined
}

function mustSayWhen(code: ErrorCode): boolean {
  const { status } = errorTable[code]
  return status === 503 || status === 429
}

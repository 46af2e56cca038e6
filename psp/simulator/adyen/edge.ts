/**
 * The HTTP face of the simulated Adyen: Checkout API v72 under `/adyen/v72/` and `/v72/`. Credentials, headers, JSON, and
 * the injected misbehaviour. What a request does is the engine's business.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../../runtime/clock.ts'
import type { Behaviours, Misbehaviour } from '../behaviour.ts'
import { isBefore, reset, sendJson, sendOrSpoil, singleHeader, sleep, splitUrl } from '../faulty-reply.ts'
import type { IdSource } from '../ids.ts'
import { type AdyenAnswer, type AdyenEngine, type AdyenInjectedError, type AdyenRequest, answerOf } from './engine.ts'
import { AdyenFailure, invalid, malformed, type ServiceError, serverError } from './failure.ts'
import type { JsonObject } from './requests.ts'
import { adyenRoute } from './routes.ts'

export interface AdyenEdgeOptions {
  readonly engine: AdyenEngine
  readonly behaviours: Behaviours
  readonly ids: IdSource
  readonly clock: Clock
}

const keyLengthMax = 64

export function addAdyenEdge(app: FastifyInstance, { engine, behaviours, ids, clock }: AdyenEdgeOptions): void {
  void app.register(async (adyen) => {
    adyen.removeAllContentTypeParsers()
    adyen.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    adyen.setErrorHandler((error, _request, reply) => {
      if (error instanceof AdyenFailure) return send(reply, answerOf(error.error, error.transient))
      const status = (error as { readonly statusCode?: number }).statusCode
      if (status === undefined || status >= 500) throw error
      return send(reply, answerOf({ ...malformed((error as Error).message).error, status }, false))
    })
    adyen.post('/adyen/v72/*', post)
    adyen.post('/v72/*', post)
  })

  async function post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    authenticate(request)
    const [path] = splitUrl(request.url)
    const route = adyenRoute(path)
    if (route === undefined) {
      throw new AdyenFailure({ status: 404, errorCode: '000', message: 'Not Found', errorType: 'validation' })
    }
    const idempotencyKey = singleHeader(request.headers['idempotency-key']) || null
    if (idempotencyKey !== null && idempotencyKey.length > keyLengthMax) {
      throw invalid('702', `Idempotency-Key is longer than ${keyLengthMax} characters`)
    }
    const text = typeof request.body === 'string' ? request.body : ''
    const asked: AdyenRequest = { requestId: ids.next('req'), path, text, body: parse(text), route, idempotencyKey }
    if (idempotencyKey !== null) void reply.header('idempotency-key', idempotencyKey)
    const { operation, paymentMethod, payment } = engine.describe(asked)
    const misbehaviour = behaviours.choose({ operation, path, paymentMethod, payment, idempotencyKey })
    if (isBefore(misbehaviour)) {
      await sleep(clock, misbehaviour.latencyMs)
      engine.note(asked, String(misbehaviour.action))
      return dropOrRefuse(reply, misbehaviour)
    }
    const admission = engine.admit(asked)
    await sleep(clock, misbehaviour.latencyMs)
    const injected = injectedError(misbehaviour)
    if (admission.kind === 'admitted') {
      const answer = admission.run(injected)
      if (misbehaviour.action === 'effect_twice') engine.runAgain(asked)
      return spoilOrSend(reply, misbehaviour, answer)
    }
    const { answer } = admission
    const instead = injected === undefined ? answer : answerOf(serverError(injected.status), injected.transient)
    return spoilOrSend(reply, misbehaviour, instead)
  }
}

function dropOrRefuse(reply: FastifyReply, { action, shouldRetry }: Misbehaviour): FastifyReply {
  switch (action) {
    case 'timeout_before':
      return reply.hijack()
    case 'reset_before':
      return reset(reply)
    case 'lock_timeout_429':
      return send(reply, answerOf({ ...tooMany, message: 'Another request holds this payment' }, shouldRetry ?? true))
    case 'invalid_request_400':
      return send(reply, answerOf(malformed('Invalid request').error, shouldRetry ?? false))
    default:
      return send(reply, answerOf(tooMany, shouldRetry ?? true))
  }
}

const tooMany: ServiceError = {
  status: 429,
  errorCode: '000',
  message: 'Too many requests',
  errorType: 'validation',
}

function injectedError({ action, status, shouldRetry }: Misbehaviour): AdyenInjectedError | undefined {
  if (action !== 'error_500_before' && action !== 'error_500_after') return undefined
  return { executed: action === 'error_500_after', status, transient: shouldRetry ?? false }
}

function spoilOrSend(reply: FastifyReply, misbehaviour: Misbehaviour, answer: AdyenAnswer): FastifyReply {
  if (answer.transient) void reply.header('transient-error', 'true')
  return sendOrSpoil(reply, misbehaviour, answer)
}

function send(reply: FastifyReply, { status, body, transient }: AdyenAnswer): FastifyReply {
  if (transient) void reply.header('transient-error', 'true')
  return sendJson(reply, status, body)
}

/** `X-API-Key`, or Basic with any user; whatever is sent is a test key but `wrong`. */
export function authenticate(request: FastifyRequest): void {
  const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ')
  const basic = scheme?.toLowerCase() === 'basic' ? Buffer.from(credentials, 'base64').toString('utf8') : ''
  const key = singleHeader(request.headers['x-api-key']) ?? basic.slice(basic.indexOf(':') + 1)
  if (key !== '' && key !== 'wrong') return
  throw new AdyenFailure({
    status: 401,
    errorCode: '000',
    message: 'HTTP Status Response - Unauthorized',
    errorType: 'security',
  })
}

function parse(text: string): JsonObject {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw malformed('Unexpected input, expected: JSON')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed('Unexpected input, expected: {')
  return body as JsonObject
}

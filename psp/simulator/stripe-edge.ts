/**
 * The HTTP face of the simulated Stripe: `/v1/*`. Credentials, headers, form bodies, and the injected misbehaviour, which
 * is where a request is delayed, dropped or answered wrongly. What a request does is the engine's business.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../runtime/clock.ts'
import type { Behaviours, Misbehaviour } from './behaviour.ts'
import type { Answer, Engine, InjectedError, PostRequest } from './engine.ts'
import { type ErrorFields, StripeFailure } from './failure.ts'
import { isBefore, reset, sendJson, sendOrSpoil, singleHeader, sleep, splitUrl } from './faulty-reply.ts'
import type { IdSource } from './ids.ts'
import { decodeForm, Parameters } from './parameters.ts'
import { read } from './reads.ts'
import { type JsonObject, renderError } from './render.ts'
import type { StripeLedger } from './reports/stripe-ledger.ts'
import { postRoute } from './routes.ts'
import type { EventReads } from './stripe-events-reads.ts'
import type { World } from './world.ts'

export interface StripeEdgeOptions {
  readonly engine: Engine
  readonly behaviours: Behaviours
  readonly world: World
  readonly ledger: StripeLedger
  readonly eventReads: EventReads
  readonly ids: IdSource
  readonly clock: Clock
}

const latestVersion = '2026-10-28.endive'
const keyLengthMax = 255

export function addStripeEdge(app: FastifyInstance, options: StripeEdgeOptions): void {
  const { engine, behaviours, world, ledger, eventReads, ids, clock } = options

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })

  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/v1/*',
    handler: async (request, reply) => {
      const requestId = ids.next('req')
      void reply.header('request-id', requestId)
      void reply.header('stripe-version', singleHeader(request.headers['stripe-version']) ?? latestVersion)
      try {
        authenticate(request)
        return request.method === 'POST' ? await post(request, reply, requestId) : await get(request, reply)
      } catch (failure) {
        if (failure instanceof StripeFailure) return sendJson(reply, failure.status, errorBody(failure.fields))
        throw failure
      }
    },
  })

  async function get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const [path, query] = splitUrl(request.url)
    const misbehaviour = behaviours.choose({
      operation: 'read',
      path,
      paymentMethod: null,
      payment: null,
      idempotencyKey: null,
    })
    await sleep(clock, misbehaviour.latencyMs)
    const answer = (): Answer => {
      const parameters = new Parameters(decodeForm(query))
      const now = Math.floor(clock.now() / 1000)
      const body = request.method === 'GET' ? read(path, { world, ledger, eventReads, parameters, now }) : undefined
      if (body === undefined) throw unknownUrl(request.method, path)
      return { status: 200, body: JSON.stringify(body), replayed: false }
    }
    return misbehave(reply, misbehaviour, {
      note: () => undefined,
      run: (injected) => (injected === undefined ? answer() : serverError(injected.status)),
    })
  }

  async function post(request: FastifyRequest, reply: FastifyReply, requestId: string): Promise<FastifyReply> {
    const [path, query] = splitUrl(request.url)
    const idempotencyKey = singleHeader(request.headers['idempotency-key']) ?? null
    if (idempotencyKey !== null && idempotencyKey.length > keyLengthMax) {
      throw refusal(400, 'Idempotency-Key is too long.')
    }
    if (idempotencyKey !== null) void reply.header('idempotency-key', idempotencyKey)
    const form = decodeForm(typeof request.body === 'string' ? request.body : query)
    const route = postRoute(path, form)
    if (route === undefined) throw unknownUrl('POST', path)
    const asked: PostRequest = { requestId, path, form, route, idempotencyKey }
    const { operation, paymentMethod, payment } = engine.describe(asked)
    const misbehaviour = behaviours.choose({ operation, path, paymentMethod, payment, idempotencyKey })
    if (isBefore(misbehaviour)) {
      await sleep(clock, misbehaviour.latencyMs)
      return misbehave(reply, misbehaviour, { note: (status) => engine.note(asked, status), run: unreachableRun })
    }
    const admission = engine.admit(asked)
    await sleep(clock, misbehaviour.latencyMs)
    return misbehave(reply, misbehaviour, {
      note: () => undefined,
      run: (injected) => {
        if (admission.kind === 'answered') {
          return injected === undefined ? admission.answer : serverError(injected.status)
        }
        const answer = admission.run(injected)
        if (misbehaviour.action === 'effect_twice') engine.runAgain(asked)
        return answer
      },
    })
  }

  function misbehave(
    reply: FastifyReply,
    misbehaviour: Misbehaviour,
    request: { note: (status: string) => void; run: (injected?: InjectedError) => Answer },
  ): FastifyReply {
    const { action, status } = misbehaviour
    switch (action) {
      case undefined:
      case 'timeout_after':
      case 'reset_after':
      case 'cut_answer':
      case 'html_after':
      case 'effect_twice':
        return answerWith(reply, misbehaviour, request.run())
      case 'error_500_after':
        return answerWith(reply, misbehaviour, request.run({ executed: true, status }))
      case 'error_500_before':
        return answerWith(reply, misbehaviour, request.run({ executed: false, status }))
      case 'timeout_before':
        request.note(action)
        return reply.hijack()
      case 'reset_before':
        request.note(action)
        return reset(reply)
      case 'rate_limit_429':
        request.note(action)
        return limited(reply, misbehaviour, 'rate_limit', 'Request rate limit exceeded.')
      case 'lock_timeout_429':
        request.note(action)
        return limited(
          reply,
          misbehaviour,
          'lock_timeout',
          'This object cannot be accessed right now because another request is accessing it.',
        )
      case 'invalid_request_400':
        request.note(action)
        return sendJson(
          reply,
          400,
          errorBody({ type: 'invalid_request_error', code: 'parameter_invalid', message: 'Invalid request.' }),
        )
    }
  }

  function answerWith(reply: FastifyReply, misbehaviour: Misbehaviour, answer: Answer): FastifyReply {
    const { shouldRetry } = misbehaviour
    if (answer.replayed) void reply.header('idempotent-replayed', 'true')
    if (shouldRetry !== undefined) void reply.header('stripe-should-retry', String(shouldRetry))
    return sendOrSpoil(reply, misbehaviour, answer)
  }
}

/** A server error on a read or a replay: nothing is stored for it. */
function serverError(status: number): Answer {
  return { status, body: errorBody({ type: 'api_error', message: 'An unknown error occurred.' }), replayed: false }
}

function unreachableRun(): never {
  throw new Error('a request that is dropped or limited is not run')
}

/** `Authorization: Bearer sk_test_…`, or Basic with the key as user. */
export function authenticate(request: FastifyRequest): void {
  const header = request.headers.authorization ?? ''
  const [scheme, credentials = ''] = header.split(' ')
  let key = ''
  if (scheme?.toLowerCase() === 'bearer') key = credentials
  if (scheme?.toLowerCase() === 'basic') key = Buffer.from(credentials, 'base64').toString('utf8').split(':')[0] ?? ''
  if (/^(?:sk|rk)_test_[A-Za-z0-9_]+$/.test(key)) return
  throw refusal(
    401,
    key === '' ? 'You did not provide an API key.' : 'Invalid API Key provided: test keys (sk_test_…) alone.',
  )
}

function limited(reply: FastifyReply, { shouldRetry }: Misbehaviour, code: string, message: string): FastifyReply {
  if (shouldRetry !== undefined) void reply.header('stripe-should-retry', String(shouldRetry))
  return sendJson(reply, 429, errorBody({ type: 'invalid_request_error', code, message }))
}

function refusal(status: number, message: string): StripeFailure {
  return new StripeFailure(status, { type: 'invalid_request_error', message }, { stored: false })
}

function unknownUrl(method: string, path: string): StripeFailure {
  return refusal(404, `Unrecognized request URL (${method}: ${path}).`)
}

export function errorBody(fields: ErrorFields): string {
  const body: JsonObject = renderError(fields, undefined, {
    at: 0,
    expand: [],
    charge: () => undefined,
    intent: () => undefined,
    refundsOf: () => [],
  })
  return JSON.stringify(body)
}

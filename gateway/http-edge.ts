/**
 * What every HTTP edge of ours has before it has routes: strict reading of requests, refusals as problems, limits on time
 * and size, one request id per request. The merchants' edge (app.ts) and the operators' (operator/app.ts) add who may ask
 * and what for.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { httpLimits } from '../runtime/limits.ts'
import { refuseAmbiguousRequests } from './ambiguous-requests.ts'
import { readBody } from './body.ts'
import type { EdgeCore, RequestTimeouts } from './deps.ts'
import { answerClientError, answerError, answerExpectations, refuseUnknownPaths } from './error-handlers.ts'
import type { Refusal } from './problem.ts'
import { parseQuery } from './query.ts'
import { refuseCardNumbers } from './refuse-card-numbers.ts'
import { refuse, setCommonHeaders } from './respond.ts'

export interface EdgeOptions {
  readonly timeouts: RequestTimeouts
  /** Asked before a byte of the body is read; undefined lets the request go on. */
  authenticate(request: FastifyRequest, reply: FastifyReply): Refusal | undefined
}

export function buildEdge(edge: EdgeCore, options: EdgeOptions): FastifyInstance {
  const { timeouts } = options
  const app: FastifyInstance = fastify({
    logger: false,
    trustProxy: false,
    // What a client sends as its request id is its own business: ours are unique.
    requestIdHeader: false,
    genReqId: () => `req_${edge.random.hex(12)}`,
    bodyLimit: httpLimits.bodyBytesMax,
    requestTimeout: timeouts.requestTimeoutMs,
    connectionTimeout: httpLimits.connectionTimeoutMs,
    keepAliveTimeout: httpLimits.keepAliveTimeoutMs,
    maxRequestsPerSocket: httpLimits.requestsPerSocketMax,
    http: {
      maxHeaderSize: httpLimits.headerBytesMax,
      headersTimeout: timeouts.headersTimeoutMs,
      connectionsCheckingInterval: timeouts.connectionsCheckMs,
      // Refused by us, in the documented form.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength: httpLimits.pathParameterCharactersMax, querystringParser: parseQuery },
    // A HEAD of the shopper's return address would complete an action.
    exposeHeadRoutes: false,
    // While closing, requests on open connections are answered like any other; the router says when it stops.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: false,
        strict: true,
        // A payment method is a text or an object.
        allowUnionTypes: true,
      },
    },
    clientErrorHandler(error, socket) {
      answerClientError(edge, error, socket)
    },
    frameworkErrors(error, request, reply) {
      setCommonHeaders(request, reply)
      answerError(edge, error, request, reply)
    },
  })

  app.decorateRequest('bodyBytes', 0)
  app.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply)
    done()
  })
  refuseAmbiguousRequests(app, edge)
  refuseCardNumbers(app, edge)
  refuseUnknownPaths(app, edge)
  app.addHook('onRequest', (request, reply, done) => {
    const refusal = options.authenticate(request, reply)
    if (refusal === undefined) done()
    else refuse(edge, request, reply, refusal)
  })
  readBody(app)
  app.setErrorHandler((error, request, reply) => answerError(edge, error, request, reply))

  answerExpectations(app, edge)
  closeConnectionsWithTheirAnswers(app)
  return app
}

/**
 * Node closes idle connections only at the moment of closing. One that was being answered then would stay open, and the
 * process with it, until its client lets go: its answer says that it is the last.
 */
function closeConnectionsWithTheirAnswers(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
}

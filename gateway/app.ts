/**
 * The merchants' HTTP edge. It reads requests strictly, says who asks, derives which payment is meant, hands the command
 * to the router, and renders what the payment's actor answered. It keeps no state of payments: any number of edges may
 * stand beside each other.
 *
 * Guarantees: a refusal is a problem+json with a code of gateway/errors.ts, also for what never was a request of HTTP; no
 * text of an exception leaves; every answer carries a request id. Leaves to others: listening (bin/), TLS, whether a
 * request is a repeat (the payment's actor).
 */
import { createSecretKey } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { httpLimits, rateLimits } from '../runtime/limits.ts'
import { refuseAmbiguousRequests } from './ambiguous-requests.ts'
import { authenticate } from './authentication.ts'
import { readBody } from './body.ts'
import type { Edge, GatewayDeps } from './deps.ts'
import { answerClientError, answerError, answerExpectations, refuseUnknownPaths } from './error-handlers.ts'
import { gatewayMetrics } from './metrics.ts'
import { collectRoutes, documentRoutes } from './openapi.ts'
import { parseQuery } from './query.ts'
import { RateLimiter } from './rate-limit.ts'
import { refuseCardNumbers } from './refuse-card-numbers.ts'
import { refuse, setCommonHeaders } from './respond.ts'
import { healthRoutes } from './routes/health.ts'
import { paymentHistoryRoutes } from './routes/payment-history.ts'
import { paymentRoutes } from './routes/payments.ts'
import { refundRoutes } from './routes/refunds.ts'
import { shopperReturnRoute } from './routes/shopper-return.ts'

export function buildApp(deps: GatewayDeps): FastifyInstance {
  const edge: Edge = {
    ...deps,
    idKey: createSecretKey(deps.idKey),
    keySecret: createSecretKey(deps.keySecret),
    errorDocsUrl: deps.errorDocsUrl ?? 'docs/errors.md',
    keyReusedStatus: deps.keyReusedStatus ?? 422,
    metrics: gatewayMetrics(deps.metrics),
    rateLimiter: new RateLimiter(deps.clock, deps.rateLimits ?? rateLimits),
  }
  const timeouts = deps.timeouts ?? httpLimits
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

  app.decorateRequest('caller', null)
  app.decorateRequest('bodyBytes', 0)
  app.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply)
    done()
  })
  refuseAmbiguousRequests(app, edge)
  refuseCardNumbers(app, edge)
  refuseUnknownPaths(app, edge)
  app.addHook('onRequest', (request, reply, done) => {
    const { scope } = request.routeOptions.config
    const refusal = scope === undefined ? undefined : authenticate(edge, request, reply, scope)
    if (refusal === undefined) done()
    else refuse(edge, request, reply, refusal)
  })
  readBody(app)
  app.setErrorHandler((error, request, reply) => answerError(edge, error, request, reply))

  answerExpectations(app, edge)
  closeConnectionsWithTheirAnswers(app)

  collectRoutes(app)
  app.register((routes, _options, done) => {
    paymentRoutes(routes, edge)
    paymentHistoryRoutes(routes, edge)
    refundRoutes(routes, edge)
    shopperReturnRoute(routes, edge)
    healthRoutes(routes, edge)
    documentRoutes(routes)
    done()
  })
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

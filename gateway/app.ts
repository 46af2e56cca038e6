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
import type { FastifyInstance } from 'fastify'
import { httpLimits, rateLimits } from '../runtime/limits.ts'
import { authenticate } from './authentication.ts'
import { CursorMac } from './cursor-mac.ts'
import type { Edge, GatewayDeps } from './deps.ts'
import { buildEdge } from './http-edge.ts'
import { gatewayMetrics } from './metrics.ts'
import { collectRoutes, documentRoutes } from './openapi.ts'
import { RateLimiter } from './rate-limit.ts'
import { noReads } from './read-port.ts'
import { balanceRoute } from './routes/balance.ts'
import { disputeRoutes } from './routes/disputes.ts'
import { healthRoutes } from './routes/health.ts'
import { ledgerRoutes } from './routes/ledger.ts'
import { paymentHistoryRoutes } from './routes/payment-history.ts'
import { paymentRoutes } from './routes/payments.ts'
import { paymentsListRoutes } from './routes/payments-list.ts'
import { refundsListRoute } from './routes/refunds-list.ts'
import { refundRoutes } from './routes/refunds.ts'
import { shopperReturnRoute } from './routes/shopper-return.ts'
import { webhookRoutes } from './webhooks/routes.ts'

export function buildApp(deps: GatewayDeps): FastifyInstance {
  const idKey = createSecretKey(deps.idKey)
  const edge: Edge = {
    ...deps,
    idKey,
    cursors: new CursorMac(idKey),
    reads: deps.reads ?? noReads,
    keySecret: createSecretKey(deps.keySecret),
    errorDocsUrl: deps.errorDocsUrl ?? 'docs/errors.md',
    keyReusedStatus: deps.keyReusedStatus ?? 422,
    metrics: gatewayMetrics(deps.metrics),
    rateLimiter: new RateLimiter(deps.clock, deps.rateLimits ?? rateLimits),
  }
  const app = buildEdge(edge, {
    timeouts: deps.timeouts ?? httpLimits,
    authenticate(request, reply) {
      const { scope } = request.routeOptions.config
      return scope === undefined ? undefined : authenticate(edge, request, reply, scope)
    },
  })
  app.decorateRequest('caller', null)
  collectRoutes(app)
  app.register((routes, _options, done) => {
    paymentRoutes(routes, edge)
    paymentsListRoutes(routes, edge)
    paymentHistoryRoutes(routes, edge)
    refundRoutes(routes, edge)
    refundsListRoute(routes, edge)
    disputeRoutes(routes, edge)
    balanceRoute(routes, edge)
    ledgerRoutes(routes, edge)
    shopperReturnRoute(routes, edge)
    healthRoutes(routes, edge)
    documentRoutes(routes)
    if (deps.webhooks !== undefined) webhookRoutes(routes, edge, deps.webhooks)
    done()
  })
  return app
}

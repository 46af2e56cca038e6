/**
 * The operators' HTTP edge, on a port of its own that merchants never see: metrics and probes. It knows no merchant and no
 * payment. It asks for no token, so it listens on loopback unless it is told otherwise.
 */
import fastify, { type FastifyInstance } from 'fastify'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Readiness } from '../deps.ts'

export interface OperatorDeps {
  readonly metrics: Metrics
  readonly readiness: () => Readiness
}

const requestTimeoutMs = 5000

export function buildOperatorApp({ metrics, readiness }: OperatorDeps): FastifyInstance {
  const app: FastifyInstance = fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: 1024,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    done(null, payload)
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not_found' }))
  // The text of an exception stays inside.
  app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ error: 'internal' }))
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  app.get('/livez', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', reasons })
  })
  return app
}

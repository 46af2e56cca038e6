/**
 * The operators' edge, on a port of its own that merchants never see: probes and metrics for machines, `/ops/v1` for
 * operators and the CLI, the feed and its page for people.
 *
 * Guarantees: everything under `/ops/` asks for a token, before a byte of a body is read, and a route that forgot to say who
 * may use it does not start; tokens are taken from the Authorization header alone, so no page of another origin can use one
 * by itself, and no CORS header is ever sent; each action is recorded before it takes effect (actions.ts).
 * Leaves to others: listening, and keeping the port away from merchants and the internet (bin/, deployment); probes, metrics
 * and the page's files are open to whoever reaches it.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { systemClock } from '../../runtime/clock.ts'
import { httpLimits } from '../../runtime/limits.ts'
import { silentLog } from '../../runtime/log.ts'
import { systemRandom } from '../../runtime/random.ts'
import type { EdgeCore } from '../deps.ts'
import { buildEdge } from '../http-edge.ts'
import { gatewayMetrics } from '../metrics.ts'
import type { Refusal } from '../problem.ts'
import { RateLimiter } from '../rate-limit.ts'
import type { OperatorDeps, OperatorEdge, PageFile } from './deps.ts'
import { attachFeed } from './feed.ts'
import { auditRoutes } from './routes/audit.ts'
import { clusterRoutes } from './routes/cluster.ts'
import { compensationRoutes } from './routes/compensations.ts'
import { connectionRoutes } from './routes/connections.ts'
import { journalRoutes } from './routes/journal.ts'
import { ledgerRoutes } from './routes/ledger.ts'
import { merchantRoutes } from './routes/merchants.ts'
import { noticeRoutes } from './routes/notices.ts'
import { unknownRoutes } from './routes/unknowns.ts'
import { mayUse } from './tokens.ts'

/** Requests of one operator. */
const operatorRate = { perSecond: 200, burst: 400 } as const

/** The page runs its own files and nothing else, and speaks to the port it came from. */
const pagePolicy =
  "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'"

export function buildOperatorApp(deps: OperatorDeps): FastifyInstance {
  const { operations, clock = systemClock, random = systemRandom, log = silentLog } = deps
  const core: EdgeCore = {
    ...{ clock, random, log, metrics: gatewayMetrics(), keyReusedStatus: 422 },
    errorDocsUrl: deps.errorDocsUrl ?? 'docs/errors.md',
  }
  const edge: OperatorEdge | undefined = operations && { ...core, ...operations }
  const rateLimiter = new RateLimiter(clock, { standard: operatorRate, high: operatorRate, development: operatorRate })
  const app = buildEdge(core, {
    timeouts: deps.timeouts ?? httpLimits,
    authenticate: (request) => (edge === undefined ? undefined : authenticate(edge, request, rateLimiter)),
  })
  app.decorateRequest('operator', null)
  app.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/ops/') && config?.access === undefined) throw new Error(`${url} does not say who may use it`)
  })
  const feed = edge && attachFeed(app, edge)
  app.register((routes, _options, done) => {
    probeRoutes(routes, deps)
    if (edge !== undefined) operationRoutes(routes, edge)
    feed?.routes(routes)
    done()
  })
  return app
}

function operationRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  clusterRoutes(app, edge)
  journalRoutes(app, edge)
  merchantRoutes(app, edge)
  connectionRoutes(app, edge)
  unknownRoutes(app, edge)
  compensationRoutes(app, edge)
  noticeRoutes(app, edge)
  ledgerRoutes(app, edge)
  auditRoutes(app, edge)
  for (const [path, file] of edge.page ?? []) pageRoute(app, path, file)
}

function authenticate(edge: OperatorEdge, request: FastifyRequest, rateLimiter: RateLimiter): Refusal | undefined {
  const { access } = request.routeOptions.config
  if (access === undefined) return undefined
  const operator = edge.tokens.find(request.headers.authorization, edge.clock.now())
  if (operator === undefined) return { code: 'operator_token_invalid' }
  const { allowed, retryAfterSeconds } = rateLimiter.take(operator.name, 'live', 'standard')
  if (!allowed) return { code: 'rate_limited', retryAfterSeconds, message: 'The operator sent too many requests.' }
  if (!mayUse(access, operator.role)) {
    return { code: 'role_missing', message: `The role ${operator.role} may not do this.` }
  }
  request.operator = operator
  return undefined
}

function probeRoutes(app: FastifyInstance, { metrics, readiness }: OperatorDeps): void {
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  app.get('/livez', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const { ready, reasons } = readiness()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', reasons })
  })
}

function pageRoute(app: FastifyInstance, path: string, { contentType, body }: PageFile): void {
  app.get(path, (_request, reply) => reply.type(contentType).header('content-security-policy', pagePolicy).send(body))
}

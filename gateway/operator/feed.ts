/**
 * The feed: a WebSocket at `/ops/v1/feed` that says once a second what changed in the cluster.
 *
 * Who may listen is decided before the upgrade: a token in the Authorization header, or, for pages, which can set no header
 * there, a ticket from `POST /ops/v1/feed-ticket` as a second subprotocol. A ticket works once and for half a minute; neither
 * ever stands in an address. A page must be of this port's own origin.
 *
 * Guarantees: a client that reads slowly costs a bounded amount of memory: what it has not read is coalesced into one later
 * snapshot, and beyond the limit it is dropped; a client that says more, or other, than it may is closed with 1008, one whose
 * token or session has ended with 4401 (B71-B74). The cluster is looked at once a second however many listen, and not at all
 * while nobody does.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Cancel } from '../../runtime/clock.ts'
import type { ErrorCode } from '../errors.ts'
import { problemOf, RefusalError } from '../problem.ts'
import { operatorOf } from './actions.ts'
import type { OperatorEdge } from './deps.ts'
import { FeedClient } from './feed-client.ts'
import { feedLimits } from './feed-limits.ts'
import { feedProtocol, ticketProtocolPrefix } from './feed-messages.ts'
import { changeSince, type FeedState, feedStateOf, snapshotOf } from './feed-state.ts'
import { FeedTickets } from './feed-tickets.ts'
import type { Operator } from './tokens.ts'

const path = '/ops/v1/feed'

export interface Feed {
  /** Adds the routes that belong to it. */
  routes(app: FastifyInstance): void
}

export function attachFeed(app: FastifyInstance, edge: OperatorEdge): Feed {
  const tickets = new FeedTickets(edge.clock, edge.random)
  const clients = new Set<FeedClient>()
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: feedLimits.payloadBytesMax,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => (offered.has(feedProtocol) ? feedProtocol : false),
  })
  let state: FeedState | undefined
  let cancelTick: Cancel = () => {}

  const tick = (): void => {
    cancelTick = edge.clock.schedule(feedLimits.everyMs, tick)
    const before = state
    state = feedStateOf(edge.cluster.view(), edge.clock.now())
    const change = before === undefined ? undefined : JSON.stringify(changeSince(before, state))
    let snapshot: string | undefined
    for (const client of clients) {
      client.tell(change, () => (snapshot ??= JSON.stringify(snapshotOf(state as FeedState))))
    }
  }

  const listen = (socket: WebSocket, operator: Operator): void => {
    const client = new FeedClient(socket, edge.clock, operator, () => {
      clients.delete(client)
      if (clients.size > 0) return
      cancelTick()
      state = undefined
    })
    clients.add(client)
    if (state === undefined) tick()
    else client.tell(undefined, () => JSON.stringify(snapshotOf(state as FeedState)))
  }

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    const allowed = mayListen(edge, tickets, request, clients.size)
    if (typeof allowed === 'string') return refuseUpgrade(edge, socket, allowed)
    server.handleUpgrade(request, socket, head, (accepted) => listen(accepted, allowed))
  }
  app.server.on('upgrade', upgrade)
  app.addHook('preClose', (done) => {
    cancelTick()
    app.server.off('upgrade', upgrade)
    app.server.on('upgrade', (_request, socket) => socket.destroy())
    for (const client of clients) client.end(1001)
    server.close()
    done()
  })

  return {
    routes(routes) {
      routes.get(path, { config: { access: 'read' } }, () => {
        throw new RefusalError({ code: 'upgrade_required' })
      })
      routes.post('/ops/v1/feed-ticket', { config: { access: 'read' } }, (request, reply) => {
        const ticket = tickets.issue(operatorOf(request))
        if (ticket === undefined) throw new RefusalError({ code: 'feed_tickets_exhausted' })
        return reply.code(201).send(ticket)
      })
    },
  }
}

/** Who listens, or why nobody does. */
function mayListen(
  edge: OperatorEdge,
  tickets: FeedTickets,
  request: IncomingMessage,
  clients: number,
): Operator | ErrorCode {
  if (request.url !== path) return 'route_not_found'
  const { origin, host, authorization } = request.headers
  const ticket = offered(request).find((each) => each.startsWith(ticketProtocolPrefix))
  const isOwnPage = host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
  // Programs send no Origin and show a token; a page cannot leave its origin out.
  if (!isOwnPage && (origin !== undefined || ticket !== undefined)) return 'origin_not_allowed'
  const operator =
    ticket === undefined
      ? edge.tokens.find(authorization, edge.clock.now())
      : tickets.redeem(ticket.slice(ticketProtocolPrefix.length))
  if (operator === undefined) return 'operator_token_invalid'
  return clients >= feedLimits.clientsMax ? 'service_unavailable' : operator
}

function offered(request: IncomingMessage): readonly string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
}

function refuseUpgrade(edge: OperatorEdge, socket: Duplex, code: ErrorCode): void {
  const requestId = `req_${edge.random.hex(12)}`
  const problem = problemOf({ code }, { ...edge, requestId, instance: path })
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Request-Id: ${requestId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** What is answered where no handler answers: errors, unknown paths, and bytes that are not HTTP. */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { EdgeCore } from './deps.ts'
import type { ErrorCode } from './errors.ts'
import { problemOf, type Refusal, RefusalError } from './problem.ts'
import { refuse } from './respond.ts'
import { refusalOfValidation } from './validation.ts'

/** The framework's refusals by its codes. */
const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'body_too_large'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 'content_type_unsupported'],
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 'request_invalid'],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', 'body_empty'],
  ['FST_ERR_BAD_URL', 'id_format'],
  ['FST_ERR_MAX_PARAM_LENGTH', 'id_format'],
])

export function answerError(
  edge: EdgeCore,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  return refuse(edge, request, reply, refusalOfError(edge, error as FastifyError, request))
}

function refusalOfError(edge: EdgeCore, error: FastifyError, request: FastifyRequest): Refusal {
  if (error instanceof RefusalError) return error.refusal
  const invalid = error.validation?.[0]
  if (invalid !== undefined) {
    return refusalOfValidation(invalid, error.validationContext === 'body' ? request.body : undefined)
  }
  const code = codes.get(error.code)
  if (code !== undefined) return { code }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return { code: 'request_invalid' }
  }
  const { url } = request.routeOptions
  edge.log.error(
    {
      component: 'gateway',
      request_id: request.id,
      method: request.method,
      ...(url === undefined ? {} : { route: url }),
      error,
    },
    'a request ended in an internal error',
  )
  return { code: 'internal_error' }
}

interface Route {
  /** As it was added: `/v1/payments/:id`. */
  readonly url: string
  readonly methods: readonly string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that the edge has, once it is ready. */
    readonly allRoutes: readonly Route[]
  }
}

/**
 * 404, or 405 where the path has other methods. Decided before the body is read: what nobody wants is not parsed.
 * Knows the routes that are added after it.
 */
export function refuseUnknownPaths(app: FastifyInstance, edge: EdgeCore): void {
  const routes: (Route & { pattern: RegExp; methods: string[] })[] = []
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll(/:[a-z]+/g, '[^/]+').replaceAll('*', '.*')}$`)
    const known = routes.find((route) => route.pattern.source === pattern.source)
    const methods = typeof method === 'string' ? [method] : method
    if (known === undefined) routes.push({ url, pattern, methods: [...methods] })
    else known.methods.push(...methods)
  })
  app.decorate('allRoutes', routes)
  // Where a handler finds that there is nothing: a file of the page of documents.
  app.setNotFoundHandler((request, reply) => refuse(edge, request, reply, { code: 'route_not_found' }))
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    const path = request.url.split('?')[0] ?? ''
    const route = routes.find(({ pattern }) => pattern.test(path))
    if (route !== undefined) reply.header('allow', route.methods.join(', '))
    refuse(edge, request, reply, { code: route === undefined ? 'route_not_found' : 'method_not_allowed' })
  })
}

/** `Expect: 100-continue` is Node's own business; anything else ends the connection, because a body may follow. */
export function answerExpectations(app: FastifyInstance, edge: EdgeCore): void {
  app.server.on('checkExpectation', (_request, response: ServerResponse) => {
    const requestId = `req_${edge.random.hex(12)}`
    const problem = problemOf({ code: 'expectation_unknown' }, { ...edge, requestId, instance: '/' })
    response.writeHead(problem.status, {
      'content-type': 'application/problem+json',
      'request-id': requestId,
      'x-request-id': requestId,
      connection: 'close',
    })
    response.end(JSON.stringify(problem))
  })
}

/** Just enough of a socket to answer on. */
export interface ErrorSocket {
  readonly writable: boolean
  end(text: string): unknown
  destroy(): unknown
}

/** Bytes that were no request, or came too slowly: there is no request to answer, so the answer is written by hand. */
export function answerClientError(edge: EdgeCore, error: { readonly code?: string }, socket: ErrorSocket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const requestId = `req_${edge.random.hex(12)}`
  const problem = problemOf({ code: codeOfClientError(error.code) }, { ...edge, requestId, instance: '/' })
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Request-Id: ${requestId}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function codeOfClientError(code: string | undefined): ErrorCode {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout'
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large'
    default:
      return 'request_invalid'
  }
}

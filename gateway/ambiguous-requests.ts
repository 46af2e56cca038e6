/**
 * Refuses what two readers could understand differently, before anything else is done with a request: a proxy in front of
 * this process, or a service behind it, may be the other reader. Framing (lengths, chunks, line ends) is Node's parser's;
 * what it refuses comes as a client error (error-handlers.ts).
 *
 * Here: headers that decide something and come twice, of which Node keeps the first or joins them; no `Host`; an address
 * that names a host of its own; an expectation that nobody meets.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { EdgeCore } from './deps.ts'
import type { Refusal } from './problem.ts'
import { refuse } from './respond.ts'

const singleHeaders: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-type',
  'content-encoding',
  'idempotency-key',
  'x-idempotency-key',
  'api-version',
  'prefer',
  'expect',
])

export function refuseAmbiguousRequests(app: FastifyInstance, edge: EdgeCore): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { rawHeaders } = request.raw
    const refusal = refusalOfAddress(request.url, request.headers) ?? refusalOfHeaders(rawHeaders)
    if (refusal === undefined) {
      done()
      return
    }
    // Nothing more is read from somebody whose requests cannot be told apart.
    reply.header('connection', 'close')
    refuse(edge, request, reply, refusal)
  })
}

function refusalOfAddress(url: string, headers: IncomingHttpHeaders): Refusal | undefined {
  // `http://elsewhere/…` is for a proxy, which we are not; the router would look at the path alone.
  if (!url.startsWith('/')) return { code: 'request_invalid' }
  if (headers.host === undefined || headers.host === '') {
    return { code: 'request_invalid', message: 'The request has no Host.' }
  }
  const { expect } = headers
  // Node takes any list that has it somewhere.
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') return { code: 'expectation_unknown' }
  return undefined
}

function refusalOfHeaders(rawHeaders: readonly string[]): Refusal | undefined {
  const repeated = repeatedHeader(rawHeaders)
  if (repeated === undefined) return undefined
  return { code: 'header_repeated', message: `The header ${repeated} was given twice.` }
}

/** @param rawHeaders names and values in turn, as received. */
export function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  let seen: string[] | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!singleHeaders.has(name)) continue
    if (seen === undefined) seen = [name]
    else if (seen.includes(name)) return name
    else seen.push(name)
  }
  return undefined
}

/** How injected misbehaviour looks on the wire, whatever the PSP. */
import type { FastifyReply } from 'fastify'
import type { Clock } from '../../runtime/clock.ts'
import type { Misbehaviour } from './behaviour.ts'

/** What is decided before the request reaches the idempotency layer. */
export function isBefore({ action }: Misbehaviour): boolean {
  return (
    action === 'timeout_before' ||
    action === 'reset_before' ||
    action === 'rate_limit_429' ||
    action === 'lock_timeout_429' ||
    action === 'invalid_request_400'
  )
}

export function sendJson(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).type('application/json').send(body)
}

/** Sends the answer in the way that the action has it: whole, not at all, in half, or something else instead. */
export function sendOrSpoil(
  reply: FastifyReply,
  { action }: Misbehaviour,
  { status, body }: { readonly status: number; readonly body: string },
): FastifyReply {
  switch (action) {
    case 'timeout_after':
      return reply.hijack()
    case 'reset_after':
      return reset(reply)
    case 'cut_answer':
      return cutAnswer(reply, status, body)
    case 'html_after':
      return reply.code(200).type('text/html').send('<html><body><h1>200 OK</h1>upstream says hello</body></html>')
    default:
      return sendJson(reply, status, body)
  }
}

export function reset(reply: FastifyReply): FastifyReply {
  reply.hijack()
  reply.raw.socket?.resetAndDestroy()
  return reply
}

/** Promises the whole answer, sends half of it, and resets the connection. */
function cutAnswer(reply: FastifyReply, status: number, body: string): FastifyReply {
  reply.hijack()
  const bytes = Buffer.from(body)
  reply.raw.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  reply.raw.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => reply.raw.socket?.resetAndDestroy())
  return reply
}

export function singleHeader(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}

export function splitUrl(url: string): [path: string, query: string] {
  const cut = url.indexOf('?')
  return cut === -1 ? [url, ''] : [url.slice(0, cut), url.slice(cut + 1)]
}

export async function sleep(clock: Clock, ms: number): Promise<void> {
  if (ms <= 0) return
  await new Promise<void>((resolve) => {
    clock.schedule(ms, resolve)
  })
}

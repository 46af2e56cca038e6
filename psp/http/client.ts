/**
 * One HTTP exchange with a PSP: one request, sent at most once, and what is known afterwards.
 *
 * Guarantees:
 * - No retry, no redirect, no request queued behind another: a call gets its turn from the bulkhead, then a connection.
 * - `not_delivered` is proof: undici announces a request right before it writes the first byte of it (synchronously, in
 *   the same function), and this client had not been announced, or refused at that moment because `notAfter` had passed.
 *   So no classification of error codes decides what is proof; codes only name the reason.
 * - Everything after that moment without a complete answer is `lost`: whether the PSP acted is not known.
 * - It ends within the deadline, whatever the peer does; answers above `answerBytesMax` are not read to their end.
 *
 * Leaves to others: what an answer means, and what is done about a lost one.
 */
import { type Dispatcher, errors, Pool } from 'undici'
import type { Clock } from '../../runtime/clock.ts'
import { Bulkhead } from './bulkhead.ts'
import { checkedOrigin } from './origin.ts'

export interface HttpLimits {
  /** Calls that run at once, and so the connections to the origin. */
  readonly connections: number
  /** Calls that wait for a turn; above it they are refused. */
  readonly queueMax: number
  /** How long a call waits for its turn. */
  readonly queueWaitMs: number
  readonly connectTimeoutMs: number
  /** From the turn to the last byte of the answer. */
  readonly deadlineMs: number
  /** How long an unused connection is kept: below the time after which the server ends it. */
  readonly keepAliveMs: number
  readonly answerBytesMax: number
}

export const defaultHttpLimits: HttpLimits = {
  connections: 128,
  queueMax: 4096,
  queueWaitMs: 5_000,
  connectTimeoutMs: 5_000,
  deadlineMs: 30_000,
  keepAliveMs: 4_000,
  answerBytesMax: 1024 * 1024,
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, as they go on the wire. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Why the PSP has certainly not seen the request. */
export type NotDelivered =
  | 'bulkhead_full'
  | 'queue_expired'
  | 'too_late'
  | 'closing'
  | 'dns_failed'
  | 'connection_refused'
  | 'connect_timeout'
  | 'tls_failed'
  | 'connection_failed'

export type HttpResult =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers: Readonly<Record<string, string | string[] | undefined>>
      readonly body: Buffer
    }
  | { readonly kind: 'not_delivered'; readonly reason: NotDelivered }
  | { readonly kind: 'lost'; readonly reason: 'timeout' | 'connection_lost' | 'unreadable_answer' }

export interface HttpClientOptions {
  /** `https://host[:port]`; plain http to this machine alone, or where the origin is in `allowedOrigins`. */
  readonly origin: string
  readonly allowedOrigins: readonly string[]
  readonly clock: Clock
  readonly limits?: Partial<HttpLimits>
  /** Certificates that vouch for the server beside the system's, PEM. */
  readonly certificateAuthority?: string
}

/** Thrown into undici at the last moment; never leaves this file. */
class TooLate extends Error {}
class DeadlinePassed extends Error {}

export class HttpClient {
  readonly #clock: Clock
  readonly #limits: HttpLimits
  readonly #origin: string
  readonly #pool: Pool
  readonly #bulkhead: Bulkhead
  #closing: Promise<void> | undefined

  constructor(options: HttpClientOptions) {
    const limits = { ...defaultHttpLimits, ...options.limits }
    this.#clock = options.clock
    this.#limits = limits
    this.#origin = checkedOrigin(options.origin, options.allowedOrigins)
    this.#bulkhead = new Bulkhead(options.clock, { concurrent: limits.connections, queueMax: limits.queueMax })
    this.#pool = new Pool(this.#origin, {
      connections: limits.connections,
      pipelining: 1,
      allowH2: false,
      connect: {
        timeout: limits.connectTimeoutMs,
        ...(options.certificateAuthority === undefined ? {} : { ca: options.certificateAuthority }),
      },
      // The deadline below ends a call; these two end a connection that undici holds without us.
      headersTimeout: limits.deadlineMs + 1_000,
      bodyTimeout: limits.deadlineMs + 1_000,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.keepAliveMs,
      maxResponseSize: limits.answerBytesMax,
    })
  }

  /** @param notAfter unix milliseconds after which the first byte is not written any more. */
  async exchange(request: HttpRequest, notAfter = Number.POSITIVE_INFINITY): Promise<HttpResult> {
    const now = this.#clock.now()
    if (now > notAfter) return notDelivered('too_late')
    const timeLeftMs = notAfter - now
    const admission = await this.#bulkhead.enter(Math.min(this.#limits.queueWaitMs, timeLeftMs))
    switch (admission) {
      case 'admitted':
        return this.#dispatch(request, notAfter)
      case 'full':
        return notDelivered('bulkhead_full')
      case 'expired':
        return notDelivered(timeLeftMs < this.#limits.queueWaitMs ? 'too_late' : 'queue_expired')
      case 'closed':
        return notDelivered('closing')
    }
  }

  #dispatch(request: HttpRequest, notAfter: number): Promise<HttpResult> {
    return new Promise((resolve) => {
      let controller: Dispatcher.DispatchController | undefined
      let status = 0
      let headers: Readonly<Record<string, string | string[] | undefined>> = {}
      let ended = false
      let overdue = false
      const chunks: Buffer[] = []

      const cancelDeadline = this.#clock.schedule(this.#limits.deadlineMs, () => {
        overdue = true
        // Not announced yet: it never will be, see onRequestStart. The caller need not wait for undici to find out.
        if (controller === undefined) resolve(notDelivered('connect_timeout'))
        else controller.abort(new DeadlinePassed())
      })
      // undici ends every request by exactly one of onResponseEnd and onResponseError; the turn is held until then.
      const end = (result: HttpResult): void => {
        if (ended) return
        ended = true
        cancelDeadline()
        this.#bulkhead.release()
        resolve(result)
      }

      this.#pool.dispatch(
        {
          method: request.method,
          path: request.path,
          headers: { ...request.headers },
          body: request.body ?? null,
          idempotent: false,
        },
        {
          onRequestStart: (begun) => {
            if (overdue || this.#clock.now() > notAfter) {
              begun.abort(new TooLate())
              return
            }
            controller = begun
          },
          onResponseStart: (_, statusCode, answerHeaders) => {
            status = statusCode
            headers = answerHeaders
          },
          onResponseData: (_, chunk) => {
            chunks.push(chunk)
          },
          onResponseEnd: () => {
            end({
              kind: 'answer',
              status,
              headers,
              body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
            })
          },
          onResponseError: (_, error) => {
            end(
              controller === undefined
                ? notDelivered(reasonBefore(error))
                : { kind: 'lost', reason: reasonAfter(error) },
            )
          },
        },
      )
    })
  }

  /** Refuses new calls and ends the connections once the calls in flight have ended. */
  close(): Promise<void> {
    this.#bulkhead.close()
    this.#closing ??= this.#pool.close()
    return this.#closing
  }
}

function notDelivered(reason: NotDelivered): HttpResult {
  return { kind: 'not_delivered', reason }
}

function reasonBefore(error: Error): NotDelivered {
  if (error instanceof TooLate) return 'too_late'
  if (error instanceof errors.ConnectTimeoutError) return 'connect_timeout'
  if (error instanceof errors.ClientClosedError || error instanceof errors.ClientDestroyedError) return 'closing'
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return 'connection_refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_FAIL') return 'dns_failed'
  if (code === 'ETIMEDOUT') return 'connect_timeout'
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_)/.test(code)) return 'tls_failed'
  return 'connection_failed'
}

function reasonAfter(error: Error): 'timeout' | 'connection_lost' | 'unreadable_answer' {
  if (error instanceof DeadlinePassed) return 'timeout'
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) return 'timeout'
  if (error instanceof errors.ResponseExceededMaxSizeError || error instanceof errors.HeadersOverflowError) {
    return 'unreadable_answer'
  }
  if (error instanceof errors.HTTPParserError) return 'unreadable_answer'
  return 'connection_lost'
}

/** The error's code; of an AggregateError (several addresses tried) the first one's. */
function codeOf(error: Error): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  const code = first instanceof Error ? (first as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}

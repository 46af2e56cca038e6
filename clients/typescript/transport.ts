/**
 * Sends a call until it has an answer: the same request with the same idempotency key, again after a lost connection or
 * an answer that says nothing final, with growing, jittered pauses, never longer than the call's deadline.
 *
 * Guarantees: one logical call has one idempotency key, whatever happens; the API key is in one header and nowhere else,
 * not in errors and not in what `util.inspect` shows. Leaves to the API: that a repeat is carried out once.
 */
import { randomUUID } from 'node:crypto'
import { type Outcome, readAnswer } from './answer.ts'
import { type ClientCode, ShardpayError } from './errors.ts'

export interface ClientOptions {
  /** Such as `https://pay.example.com`; paths begin below it. */
  readonly baseUrl: string
  /** `sk_test_…` or `sk_live_…`. */
  readonly apiKey: string
  /** A dated version; left out: the one that the key is pinned to. */
  readonly apiVersion?: string
  /** Left out: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** Sends after the first, per call. Default 8. */
  readonly maxRetries?: number
  /** One call with all its sends and pauses. Default 60,000. */
  readonly timeoutMs?: number
}

export interface ReadOptions {
  readonly timeoutMs?: number
  readonly maxRetries?: number
  /** Ends the call. What was sent may still be carried out. */
  readonly signal?: AbortSignal
}

export interface WriteOptions extends ReadOptions {
  /** One per intention, such as one try to pay an order. Left out: a new UUID for this call and its repeats. */
  readonly idempotencyKey?: string
  /** How long the API waits for the PSP's outcome before it answers `pending`: 1 to 30; 10 where left out. */
  readonly waitSeconds?: number
}

export interface ApiRequest {
  readonly path: string
  /** The `object` member of a success. */
  readonly expects: string
  readonly query?: ReadonlyArray<readonly [name: string, value: string]>
  /** Makes it a POST. */
  readonly body?: object
}

const defaults = { maxRetries: 8, timeoutMs: 60_000 } as const
/** One send: longer than the API keeps an answer back. */
const sendTimeoutMs = 20_000
const firstPauseMs = 200
const pauseMsMax = 5_000

const apiKeyPattern = /^sk_(?:test|live)_[0-9A-Za-z]{16,128}$/
const idempotencyKeyPattern = /^[\x21-\x7e]{1,255}$/

export class Transport {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: typeof globalThis.fetch
  readonly #maxRetries: number
  readonly #timeoutMs: number

  /** @throws {TypeError} where an option is wrong; the message names it and never holds its value. */
  constructor(options: ClientOptions) {
    this.#base = baseOf(options.baseUrl)
    if (!apiKeyPattern.test(options.apiKey)) throw new TypeError('apiKey must be an sk_test_… or sk_live_… key')
    const { apiVersion } = options
    if (apiVersion !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(apiVersion)) {
      throw new TypeError('apiVersion must be a date, such as 2026-11-01')
    }
    this.#headers = {
      authorization: `Bearer ${options.apiKey}`,
      accept: 'application/json, application/problem+json',
      ...(apiVersion === undefined ? {} : { 'api-version': apiVersion }),
    }
    this.#fetch = options.fetch ?? globalThis.fetch
    this.#maxRetries = wholeNumber('maxRetries', options.maxRetries ?? defaults.maxRetries)
    this.#timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? defaults.timeoutMs)
  }

  /** @throws {ShardpayError} */
  async send<Answer>(request: ApiRequest, options: WriteOptions = {}): Promise<Answer> {
    const { signal } = options
    const key = request.body === undefined ? undefined : (options.idempotencyKey ?? randomUUID())
    const init = this.#requestInit(request, key, options.waitSeconds)
    const url = urlOf(this.#base, request)
    const until = performance.now() + wholeNumber('timeoutMs', options.timeoutMs ?? this.#timeoutMs)
    const retriesMax = wholeNumber('maxRetries', options.maxRetries ?? this.#maxRetries)
    const oneSendMs = Math.max(sendTimeoutMs, (options.waitSeconds ?? 0) * 1_000 + sendTimeoutMs / 2)

    for (let retries = 0; ; retries += 1) {
      const limits = { until, oneSendMs, signal }
      const outcome = await this.#sendOnce<Answer>(url, init, request.expects, key, limits)
      if (outcome.kind === 'answer') return outcome.answer
      const pauseMs = pauseBefore(retries, outcome.retryAfterMs)
      if (!outcome.repeat || retries >= retriesMax || performance.now() + pauseMs >= until) throw outcome.error
      if (!(await pause(pauseMs, signal))) throw ended('aborted', key, signal?.reason)
    }
  }

  #requestInit(request: ApiRequest, key: string | undefined, waitSeconds: number | undefined): RequestInit {
    // A redirect would turn a POST into something else: whoever answers with one is not the API.
    const common = { headers: this.#headers, redirect: 'manual' } as const
    if (request.body === undefined || key === undefined) return { ...common, method: 'GET' }
    if (!idempotencyKeyPattern.test(key)) {
      throw new TypeError('idempotencyKey must be 1 to 255 visible ASCII characters without blanks')
    }
    const headers = {
      ...this.#headers,
      'content-type': 'application/json',
      // A key that begins like the header's quoted form is sent in that form.
      'idempotency-key': key.startsWith('"') ? `"${key.replaceAll(/["\\]/g, '\\$&')}"` : key,
      ...(waitSeconds === undefined ? {} : { prefer: `wait=${wholeNumber('waitSeconds', waitSeconds)}` }),
    }
    return { ...common, method: 'POST', headers, body: JSON.stringify(request.body) }
  }

  async #sendOnce<Answer>(
    url: string,
    init: RequestInit,
    expects: string,
    key: string | undefined,
    limits: { readonly until: number; readonly oneSendMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<Outcome<Answer>> {
    const { until, oneSendMs, signal } = limits
    const fails = (code: Ending, repeat: boolean, cause: unknown): Outcome<Answer> => {
      return { kind: 'failed', error: ended(code, key, cause), repeat, retryAfterMs: 0 }
    }
    if (signal?.aborted) return fails('aborted', false, signal.reason)
    const leftMs = until - performance.now()
    if (leftMs <= 0) return fails('deadline_exceeded', false, undefined)

    const controller = new AbortController()
    const abort = (): void => controller.abort()
    const timer = setTimeout(abort, Math.min(Math.ceil(leftMs), oneSendMs))
    signal?.addEventListener('abort', abort)
    try {
      const response = await this.#fetch(url, { ...init, signal: controller.signal })
      return await readAnswer<Answer>(response, expects, key)
    } catch (error) {
      if (signal?.aborted) return fails('aborted', false, signal.reason)
      if (performance.now() >= until) return fails('deadline_exceeded', false, error)
      return fails('connection_lost', true, error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }
}

function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBase = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url === undefined || !isBase || url.username !== '' || url.password !== '' || url.search !== '') {
    throw new TypeError('baseUrl must be an http or https address without user information and query')
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

function urlOf(base: string, { path, query = [] }: ApiRequest): string {
  const text = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString()
  return `${base}${path}${text === '' ? '' : `?${text}`}`
}

function wholeNumber(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} must be a whole number, 0 or more`)
  return value
}

type Ending = Exclude<ClientCode, 'answer_unreadable'>

const messages: Readonly<Record<Ending, string>> = {
  connection_lost: 'no complete answer came: the connection to the Shardpay API failed, was lost or stayed silent',
  deadline_exceeded: 'the call had no answer within its time',

  aborted: 'the call was ended by its signal',
}

function ended(code: Ending, idempotencyKey: string | undefined, cause: unknown): ShardpayError {
  return new ShardpayError({ code, message: messages[code], retryable: true, idempotencyKey, cause })
}

/** Doubling from 200 ms to 5 s, half of it by chance, so that callers that failed together do not come back together. */
export function pauseBefore(retries: number, retryAfterMs: number): number {
  const longest = Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(retries, 10))
  const own = longest / 2 + (Math.random() * longest) / 2
  return retryAfterMs > own ? retryAfterMs + Math.random() * firstPauseMs : own
}

/** False where the signal ended it. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false)
    const abort = (): void => {
      clearTimeout(timer)
      resolve(false)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve(true)
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

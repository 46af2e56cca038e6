/**
 * A merchant's client that does what the documentation says: after a lost reply, a 503 or a 409 `in use` it repeats the
 * request with the same key until it has an answer. It remembers everything that it was told.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'

export interface PaymentView {
  readonly id: string
  readonly status: string
  readonly pending_reason?: string | null
  readonly amount: number
  readonly amount_authorized: number
  readonly amount_capturable: number
  readonly amount_captured: number
  readonly amount_refunded: number
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  readonly body: Record<string, unknown>
}

/** What a merchant was told, in order. */
export interface Told {
  readonly path: string
  readonly key: string | undefined
  readonly request: object | undefined
  readonly answer: Answer
  /** How often it was sent before an answer came. */
  readonly sends: number
}

export class Client {
  readonly told: Told[] = []
  /** Sends that got no answer at all, or 503. */
  unanswered = 0
  unavailable = 0
  readonly #url: string
  readonly #apiKey: string
  readonly #agent = new Agent({ connections: 64, keepAliveTimeout: 1000, connect: { timeout: 2000 } })

  constructor(url: string, apiKey: string) {
    this.#url = url
    this.#apiKey = apiKey
  }

  /** Ids of the payments that answers were about. */
  get payments(): ReadonlySet<string> {
    return new Set(this.told.flatMap(({ answer }) => paymentIn(answer)?.id ?? []))
  }

  /** One send; throws where the connection was lost. */
  async send(method: 'GET' | 'POST', path: string, key?: string, body?: object, headers: object = {}): Promise<Answer> {
    const response = await request(`${this.#url}${path}`, {
      method,
      dispatcher: this.#agent,
      headersTimeout: 45_000,
      bodyTimeout: 45_000,
      headers: {
        authorization: `Bearer ${this.#apiKey}`,
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.body.text()
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    }
  }

  /** Repeats with the same key until there is an answer. `patienceMs` bounds it: then it throws. */
  async insist(
    method: 'GET' | 'POST',
    path: string,
    key?: string,
    body?: object,
    patienceMs = 60_000,
  ): Promise<Answer> {
    const until = performance.now() + patienceMs
    for (let sends = 1; ; sends += 1) {
      const answer = await this.send(method, path, key, body).catch(() => undefined)
      if (answer === undefined) this.unanswered += 1
      else if (answer.status === 503) this.unavailable += 1
      else if (answer.status === 500) throw new Error(`500 from ${path}: ${answer.text}`)
      else if (!(answer.status === 409 && errorCode(answer) === 'idempotency_key_in_use')) {
        this.told.push({ path, key, request: body, answer, sends })
        return answer
      }
      if (performance.now() > until) throw new Error(`no answer to ${method} ${path} within ${patienceMs} ms`)
      await pause(50)
    }
  }

  async get(id: string): Promise<PaymentView> {
    const { body, status, text } = await this.insist('GET', `/v1/payments/${id}`)
    if (status !== 200) throw new Error(`GET ${id} answered ${status}: ${text}`)
    return body as unknown as PaymentView
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

export function errorCode(answer: Answer): string | undefined {
  return (answer.body['error'] as { code?: string } | undefined)?.code
}

/** The payment in an answer, wherever it stands: the body itself, or inside the error. */
export function paymentIn(answer: Answer): PaymentView | undefined {
  if (answer.body['object'] === 'payment') return answer.body as unknown as PaymentView
  const inside = (answer.body['error'] as { payment?: PaymentView } | undefined)?.payment
  return inside?.id === undefined ? undefined : inside
}

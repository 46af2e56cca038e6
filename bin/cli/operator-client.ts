/**
 * The operators' API as commands use it. Guarantees: every failure is a {@link CliError} that says what, why and the fix; a
 * request that changes something is sent once; one that the rate limit refused waits and is sent again, as nothing was done.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { CliError, exitCodes } from './errors.ts'
import type { Connection } from './settings.ts'

const clientLimits = {
  /** A move waits for its end; everything else answers at once. */
  answerWithinMs: 60_000,
  /** A file of the whole ledger, to its end. */
  downloadWithinMs: 3_600_000,
  rateLimitWaits: 20,
  rateLimitWaitMsMax: 5_000,
} as const

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

interface ProblemBody {
  readonly detail?: string
  readonly error?: { readonly code?: string; readonly param?: string | null; readonly request_id?: string }
}

export class OperatorClient {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.#send('GET', path, undefined)
  }

  /** The text of a file, as it comes. @throws {CliError} also where it comes to no end. */
  async *download(path: string): AsyncGenerator<string> {
    const response = await this.#fetch('GET', path, undefined, clientLimits.downloadWithinMs)
    if (!response.ok) throw await refusalOf(response, 'GET', path)
    const decoder = new TextDecoder()
    try {
      for await (const bytes of response.body ?? []) yield decoder.decode(bytes, { stream: true })
    } catch (cause) {
      throw new CliError(exitCodes.failed, 'the file came to no end', {
        fix: 'what was written is not whole: repeat it',
        cause,
      })
    }
    yield decoder.decode()
  }

  send<Answer>(method: Exclude<Method, 'GET'>, path: string, body: object): Promise<Answer> {
    return this.#send(method, path, body)
  }

  async #send<Answer>(method: Method, path: string, body: object | undefined): Promise<Answer> {
    for (let wait = 0; ; wait += 1) {
      const response = await this.#fetch(method, path, body)
      if (response.ok) return (await response.json()) as Answer
      if (response.status !== 429 || wait >= clientLimits.rateLimitWaits) throw await refusalOf(response, method, path)
      await response.body?.cancel()
      const seconds = Number(response.headers.get('retry-after') ?? 1)
      await sleep(Math.min(Math.max(seconds, 0.1) * 1_000, clientLimits.rateLimitWaitMsMax))
    }
  }

  async #fetch(
    method: Method,
    path: string,
    body: object | undefined,
    withinMs: number = clientLimits.answerWithinMs,
  ): Promise<Response> {
    const { url, token, isDevelopment } = this.#connection
    try {
      return await fetch(`${url}/ops/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // a token goes where it was meant to go
        redirect: 'error',
        signal: AbortSignal.timeout(withinMs),
      })
    } catch (cause) {
      const isTimeout = cause instanceof Error && cause.name === 'TimeoutError'
      const why = isTimeout ? `no answer within ${withinMs / 1_000} s` : reasonOf(cause)
      const changes = method === 'GET' ? '' : '; look before repeating it, it may have taken effect'
      throw new CliError(exitCodes.unreachable, `the operators’ API at ${url} cannot be reached: ${why}`, {
        fix: (isDevelopment ? 'is npm start running?' : 'check the address and that the process runs') + changes,
        cause,
      })
    }
  }
}

/** `ECONNREFUSED`, out of the causes that fetch wraps around it. */
function reasonOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException
    if (typeof code === 'string') return code
  }
  return error instanceof Error ? error.message : 'unknown'
}

const fixes: Readonly<Record<string, string>> = {
  operator_token_invalid: 'check the token; it may have expired, or belong to another cluster',
  role_missing: 'use the token of an operator, or of an approver to approve',
  node_unknown: 'shardpay nodes lists the living',
  shard_unknown: 'shards are 0 to 1023',
  shard_pinned: 'shardpay unpin it first',
  operation_unknown: 'shardpay unknowns list and compensations list have those that wait',
  second_approver_required: 'use the token of another person',
  ledger_behind: 'repeat it in a few seconds; shardpay status shows what keeps the ledger',
  period_out_of_order: 'close the month after the last one first',
  proposal_exists: 'it has to be approved or rejected first',
  no_proposal: 'shardpay unknowns resolve, or compensations propose, proposes one',
  nothing_to_compensate: 'shardpay payment show has the payment’s captures and refunds',
  last_node: 'start another node first, or undrain one',
  merchant_not_found: 'shardpay merchant list has the ids',
}

async function refusalOf(response: Response, method: Method, path: string): Promise<CliError> {
  const text = await response.text()
  let problem: ProblemBody
  try {
    problem = JSON.parse(text) as ProblemBody
  } catch {
    // something else answers at this address
    return new CliError(exitCodes.failed, `${method} ${path} was answered with ${response.status} and no problem`, {
      fix: 'is this the operators’ port?',
    })
  }
  const { code = `http_${response.status}`, param, request_id: requestId } = problem.error ?? {}
  const where = param === undefined || param === null ? '' : ` (${param})`
  const message = `${problem.detail ?? `answered with ${response.status}`}${where}`
  const docs = `docs/errors.md#${code}`
  const fix = [fixes[code], docs, requestId].filter((each) => each !== undefined).join(' · ')
  return new CliError(response.status >= 500 ? exitCodes.failed : exitCodes.refused, message, { code, fix })
}

/**
 * Misbehaviour on demand: rules that say which requests are late, lost, refused or answered wrongly, and how often.
 *
 * The first rule of action `latency` that matches sets how long a request takes; the first other rule that matches says
 * what goes wrong. Draws come from the simulator's seeded randomness, so a run repeats with its seed and its requests.
 * `…_before`: nothing was executed. `…_after`: all was executed, the client is not told.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Random } from '../../runtime/random.ts'

export const faultActions = [
  /** Never answered, never executed, the key unknown. */
  'timeout_before',
  /** Executed and stored, never answered. */
  'timeout_after',
  /** The connection is reset before anything is executed. */
  'reset_before',
  /** Executed and stored, then the connection is reset. */
  'reset_after',
  /** Executed and stored; half of the answer is sent, then the connection is reset. */
  'cut_answer',
  /** Executed and stored; the answer is an HTML page of a broken proxy with status 200. */
  'html_after',
  /** Not executed; a server error (500, or `status`). A 500 is stored and replayed, others leave the key free. */
  'error_500_before',
  /** Executed; answered with a server error. A stored 500 is replayed; for others a repeat gets the true answer. */
  'error_500_after',
  /** Executed twice for one key, as a PSP with a defect would; answered for the first time. */
  'effect_twice',
  /** Refused by the limiter, before idempotency. */
  'rate_limit_429',
  /** Refused because another request holds the object, before idempotency. */
  'lock_timeout_429',
  /** Refused while the parameters are read, before idempotency. */
  'invalid_request_400',
] as const
export type FaultAction = (typeof faultActions)[number]

const milliseconds = (): ReturnType<typeof Type.Number> => Type.Number({ minimum: 0, maximum: 600_000 })

export const Latency = Type.Union([
  milliseconds(),
  Type.Object({ kind: Type.Literal('fixed'), ms: milliseconds() }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Literal('uniform'), min: milliseconds(), max: milliseconds() },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('exponential'), mean: milliseconds(), max: Type.Optional(milliseconds()) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('lognormal'),
      median: milliseconds(),
      sigma: Type.Number({ minimum: 0, maximum: 5 }),
      max: Type.Optional(milliseconds()),
    },
    { additionalProperties: false },
  ),
])

const Rule = Type.Object(
  {
    /** All members given must match; none given: every request. */
    match: Type.Optional(
      Type.Object(
        {
          operation: Type.Optional(
            Type.Union(['authorize', 'capture', 'void', 'refund', 'read'].map((name) => Type.Literal(name))),
          ),
          payment_method: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
          /** Exact, or a prefix that ends in `*`. */
          path: Type.Optional(Type.String({ pattern: '^/(?:v1|v72|adyen)/', maxLength: 200 })),
          /** Our payment id. */
          payment: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
          idempotency_key: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
        },
        { additionalProperties: false },
      ),
    ),
    action: Type.Union([...faultActions, 'latency' as const].map((name) => Type.Literal(name))),
    /** Default 1: always. */
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** How many requests it strikes before it is spent; default: no end. */
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    /** How long before the action takes place; required for `latency`. */
    latency_ms: Type.Optional(Latency),
    /** Instead of 500. */
    status: Type.Optional(Type.Union([500, 502, 503, 504].map((status) => Type.Literal(status)))),
    /** Sends `Stripe-Should-Retry` (Adyen: `transient-error`) with an injected refusal or server error. */
    should_retry: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
const Behaviour = Type.Object({ rules: Type.Array(Rule, { maxItems: 100 }) }, { additionalProperties: false })

export type LatencySpec = Static<typeof Latency>

/** One rule, as `POST /_admin/behaviour` takes it in `{"rules": […]}`. */
export interface BehaviourRule {
  readonly match?: RuleMatch
  readonly action: FaultAction | 'latency'
  readonly probability?: number
  readonly times?: number
  readonly latency_ms?: LatencySpec
  readonly status?: 500 | 502 | 503 | 504
  readonly should_retry?: boolean
}

export interface RuleMatch {
  readonly operation?: 'authorize' | 'capture' | 'void' | 'refund' | 'read'
  readonly payment_method?: string
  readonly path?: string
  readonly payment?: string
  readonly idempotency_key?: string
}

/** What is known of a request before it is handled. */
export interface RequestFacts {
  readonly operation: string | null
  readonly path: string
  readonly paymentMethod: string | null
  readonly payment: string | null
  readonly idempotencyKey: string | null
}

export interface Misbehaviour {
  readonly latencyMs: number
  readonly action: FaultAction | undefined
  readonly status: number
  readonly shouldRetry: boolean | undefined
}

export type ParsedBehaviour = { readonly rules: readonly BehaviourRule[] } | { readonly problem: string }

/** Checks what an operator sent. `{"rules": […]}`, or why it is none. */
export function parseBehaviour(value: unknown): ParsedBehaviour {
  if (!Value.Check(Behaviour, value)) {
    const first = Value.Errors(Behaviour, value)[0]
    return {
      problem:
        first === undefined
          ? 'not a behaviour'
          : `${first.instancePath === '' ? 'body' : first.instancePath} ${first.message}`,
    }
  }
  const rules = value.rules as readonly BehaviourRule[]
  for (const [index, rule] of rules.entries()) {
    const problem = problemOf(rule)
    if (problem !== undefined) return { problem: `/rules/${index} ${problem}` }
  }
  return { rules }
}

function problemOf(rule: BehaviourRule): string | undefined {
  const { action, latency_ms: latency } = rule
  if (action === 'latency' && latency === undefined) return 'a latency rule needs latency_ms'
  if (rule.status !== undefined && !action.startsWith('error_500'))
    return 'status goes with error_500_before and error_500_after'
  if (rule.should_retry !== undefined && !/^(?:error|rate|lock|invalid)/.test(action))
    return 'should_retry goes with injected refusals and server errors alone'
  if (typeof latency === 'object' && latency.kind === 'uniform' && latency.min > latency.max) return 'min is above max'
  return undefined
}

interface LiveRule {
  readonly rule: BehaviourRule
  left: number
}

export class Behaviours {
  readonly #random: Random
  #rules: LiveRule[] = []

  constructor(random: Random) {
    this.#random = random
  }

  replace(rules: readonly BehaviourRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }))
  }

  /** The rules with what is left of their `times`. */
  list(): readonly (BehaviourRule & { readonly left?: number })[] {
    return this.#rules.map(({ rule, left }) => (Number.isFinite(left) ? { ...rule, left } : { ...rule }))
  }

  /** What happens to this request; uses up the `times` of the rules that strike. */
  choose(facts: RequestFacts): Misbehaviour {
    let latencyMs = 0
    let slowed = false
    for (const live of this.#rules) {
      const { rule } = live
      if (live.left === 0 || (rule.action === 'latency' && slowed) || !matches(rule.match, facts)) continue
      if (rule.probability !== undefined && this.#random.float() >= rule.probability) continue
      live.left -= 1
      if (rule.latency_ms !== undefined) latencyMs += sampleLatency(rule.latency_ms, this.#random)
      if (rule.action !== 'latency') {
        return { latencyMs, action: rule.action, status: rule.status ?? 500, shouldRetry: rule.should_retry }
      }
      slowed = true
    }
    return { latencyMs, action: undefined, status: 500, shouldRetry: undefined }
  }
}

function matches(match: RuleMatch | undefined, facts: RequestFacts): boolean {
  if (match === undefined) return true
  if (match.operation !== undefined && match.operation !== facts.operation) return false
  if (match.payment_method !== undefined && match.payment_method !== facts.paymentMethod) return false
  if (match.payment !== undefined && match.payment !== facts.payment) return false
  if (match.idempotency_key !== undefined && match.idempotency_key !== facts.idempotencyKey) return false
  if (match.path === undefined) return true
  return match.path.endsWith('*') ? facts.path.startsWith(match.path.slice(0, -1)) : facts.path === match.path
}

/** One draw, in milliseconds, never below zero. */
export function sampleLatency(latency: LatencySpec, random: Random): number {
  if (typeof latency === 'number') return latency
  switch (latency.kind) {
    case 'fixed':
      return latency.ms
    case 'uniform':
      return latency.min + random.float() * (latency.max - latency.min)
    case 'exponential':
      return Math.min(-Math.log(1 - random.float()) * latency.mean, latency.max ?? 600_000)
    case 'lognormal': {
      // Box-Muller; 1 - float() is above zero.
      const normal = Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())
      return Math.min(latency.median * Math.exp(latency.sigma * normal), latency.max ?? 600_000)
    }
  }
}

/**
 * What goes wrong with webhooks, on demand: rules, the first of each action that matches and strikes. Draws come from the
 * simulator's seeded randomness. Some strike a message once, when it is first to be sent; some each attempt.
 */
import { type Static, Type } from 'typebox'
import type { Random } from '../../../runtime/random.ts'
import { Latency, type LatencySpec, sampleLatency } from '../behaviour.ts'
import type { Psp } from './ports.ts'

/** Of a message. */
const messageActions = [
  /** Sent `delay_ms` later. */
  'delay',
  /** Sent at once, and the API's answer waits until it has been. */
  'before_answer',
  /** Sent at some moment of the next `window_ms`, so that messages overtake each other. */
  'reorder',
  /** Sent `copies` times more, whatever becomes of the first. */
  'duplicate',
  /** Never sent; the PSP believes that it was delivered. */
  'swallow',
] as const

/** Of one attempt; the PSP tries again. */
const attemptActions = [
  /** Never arrives. */
  'lose',
  /** The body is changed after it was signed. */
  'tamper',
  /** Stripe's: signed as of `offset_s` ago. */
  'stale_timestamp',
  /** Stripe's: signed as of `offset_s` from now. */
  'future_timestamp',
  /** Signed with a secret that nobody has. */
  'wrong_secret',
] as const

const Rule = Type.Object(
  {
    match: Type.Optional(
      Type.Object(
        {
          psp: Type.Optional(Type.Union([Type.Literal('stripe'), Type.Literal('adyen')])),
          /** An event type or code, or a prefix that ends in `*`. */
          type: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
        },
        { additionalProperties: false },
      ),
    ),
    action: Type.Union([...messageActions, ...attemptActions].map((name) => Type.Literal(name))),
    /** Default 1: always. */
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** How often it strikes before it is spent; default: no end. */
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    delay_ms: Type.Optional(Latency),
    window_ms: Type.Optional(Type.Number({ minimum: 1, maximum: 600_000 })),
    /** Default 1. */
    copies: Type.Optional(Type.Integer({ minimum: 1, maximum: 10 })),
    /** Default 600. */
    offset_s: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
  },
  { additionalProperties: false },
)
export const FaultRules = Type.Array(Rule, { maxItems: 100 })

export type FaultAction = (typeof messageActions)[number] | (typeof attemptActions)[number]
export interface FaultRule extends Omit<Static<typeof Rule>, 'action' | 'delay_ms'> {
  readonly action: FaultAction
  readonly delay_ms?: LatencySpec
}

/** Which member belongs to which actions. */
const membersOf: readonly (readonly ['delay_ms' | 'window_ms' | 'copies' | 'offset_s', readonly FaultAction[]])[] = [
  ['delay_ms', ['delay']],
  ['window_ms', ['reorder']],
  ['copies', ['duplicate']],
  ['offset_s', ['stale_timestamp', 'future_timestamp']],
]

export function faultRulesProblem(rules: readonly FaultRule[]): string | undefined {
  for (const [index, rule] of rules.entries()) {
    const at = `/rules/${index}`
    if (rule.action === 'delay' && rule.delay_ms === undefined) return `${at} a delay needs delay_ms`
    if (rule.action === 'reorder' && rule.window_ms === undefined) return `${at} reorder needs window_ms`
    for (const [member, actions] of membersOf) {
      if (rule[member] !== undefined && !actions.includes(rule.action))
        return `${at} ${member} goes with ${actions.join(', ')}`
    }
    if (rule.match?.psp === 'adyen' && rule.action.endsWith('_timestamp')) return `${at} Adyen signs no timestamp`
  }
  return undefined
}

export interface MessageFaults {
  readonly swallowed: boolean
  readonly beforeAnswer: boolean
  /** When it is sent, and when each copy is, in milliseconds from now; at least one. */
  readonly delaysMs: readonly number[]
}

export interface AttemptFaults {
  readonly lost: boolean
  readonly tampered: boolean
  readonly wrongSecret: boolean
  readonly timestampOffsetSeconds: number
}

interface LiveRule {
  readonly rule: FaultRule
  left: number
}

export class WebhookFaults {
  readonly #random: Random
  #rules: LiveRule[] = []

  constructor(random: Random) {
    this.#random = random
  }

  replace(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }))
  }

  /** The rules with what is left of their `times`. */
  list(): readonly (FaultRule & { readonly left?: number })[] {
    return this.#rules.map(({ rule, left }) => (Number.isFinite(left) ? { ...rule, left } : rule))
  }

  ofMessage(psp: Psp, type: string): MessageFaults {
    if (this.#strike('swallow', psp, type) !== undefined) return { swallowed: true, beforeAnswer: false, delaysMs: [0] }
    const beforeAnswer = this.#strike('before_answer', psp, type) !== undefined
    const duplicate = this.#strike('duplicate', psp, type)
    const sends = 1 + (duplicate === undefined ? 0 : (duplicate.copies ?? 1))
    const delaysMs = Array.from({ length: sends }, (_, index) =>
      beforeAnswer && index === 0 ? 0 : this.#delay(psp, type),
    )
    return { swallowed: false, beforeAnswer, delaysMs }
  }

  ofAttempt(psp: Psp, type: string): AttemptFaults {
    const stale = this.#strike('stale_timestamp', psp, type)
    const future = this.#strike('future_timestamp', psp, type)
    return {
      lost: this.#strike('lose', psp, type) !== undefined,
      tampered: this.#strike('tamper', psp, type) !== undefined,
      wrongSecret: this.#strike('wrong_secret', psp, type) !== undefined,
      timestampOffsetSeconds:
        (future === undefined ? 0 : (future.offset_s ?? 600)) - (stale === undefined ? 0 : (stale.offset_s ?? 600)),
    }
  }

  #delay(psp: Psp, type: string): number {
    const delay = this.#strike('delay', psp, type)?.delay_ms
    const window = this.#strike('reorder', psp, type)?.window_ms
    const delayed = delay === undefined ? 0 : sampleLatency(delay, this.#random)
    return delayed + (window === undefined ? 0 : this.#random.float() * window)
  }

  /** The first rule of the action that matches and strikes; uses up one of its `times`. */
  #strike(action: FaultAction, psp: Psp, type: string): FaultRule | undefined {
    for (const live of this.#rules) {
      const { rule } = live
      if (rule.action !== action || live.left === 0 || !matches(rule, psp, type)) continue
      if (rule.probability !== undefined && this.#random.float() >= rule.probability) continue
      live.left -= 1
      return rule
    }
    return undefined
  }
}

function matches({ match }: FaultRule, psp: Psp, type: string): boolean {
  if (match?.psp !== undefined && match.psp !== psp) return false
  if (match?.type === undefined) return true
  return match.type.endsWith('*') ? type.startsWith(match.type.slice(0, -1)) : type === match.type
}

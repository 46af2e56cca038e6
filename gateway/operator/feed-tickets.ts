/** Tickets for the feed: each works once, for half a minute, as the operator who asked for it. */
import type { Clock } from '../../runtime/clock.ts'
import type { Random } from '../../runtime/random.ts'
import { hashOf, type Operator } from './tokens.ts'

export const ticketLimits = { validMs: 30_000, openMax: 64 } as const

export class FeedTickets {
  readonly #clock: Clock
  readonly #random: Random
  /** By hash, so that looking one up says nothing of those that exist; oldest first. */
  readonly #open = new Map<string, { readonly operator: Operator; readonly until: number }>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Undefined where too many are open. */
  issue(operator: Operator): { readonly ticket: string; readonly expires_in_seconds: number } | undefined {
    const now = this.#clock.monotonic()
    for (const [hash, { until }] of this.#open) if (now >= until) this.#open.delete(hash)
    if (this.#open.size >= ticketLimits.openMax) return undefined
    const ticket = this.#random.hex(24)
    this.#open.set(keyOf(ticket), { operator, until: now + ticketLimits.validMs })
    return { ticket, expires_in_seconds: ticketLimits.validMs / 1_000 }
  }

  redeem(ticket: string): Operator | undefined {
    const key = keyOf(ticket)
    const found = this.#open.get(key)
    this.#open.delete(key)
    if (found === undefined || this.#clock.monotonic() >= found.until) return undefined
    const { expiresAt } = found.operator
    return expiresAt !== undefined && this.#clock.now() >= expiresAt ? undefined : found.operator
  }
}

function keyOf(ticket: string): string {
  return hashOf(ticket).toString('hex')
}

/**
 * Which PSP connection an attempt goes to: the first of the merchant's rules that fits and whose connection is available, else
 * the first that fits. A connection that has answered is not asked again; one that was never reached may be, after all others.
 *
 * Deterministic: where rules share their payments by weight, the draw comes from the attempt's nonce.
 */
import { assert } from '../../runtime/assert.ts'
import type { RouteRule } from '../merchant/state.ts'
import type { PaymentContext } from './context.ts'
import type { ConnectionProfile, PaymentMethod } from './operations.ts'
import type { Attempt, Payment } from './state.ts'

/** What routing looks at. */
export interface Routed {
  readonly id: string
  readonly mode: Payment['mode']
  readonly currency: string
  readonly amountMinor: number
  readonly paymentMethod?: PaymentMethod
  readonly attempts: readonly Attempt[]
  /** The merchant's own return address is set: the shopper can be sent away and come back. */
  readonly returnUrl?: string
  /** The merchant wants this connection and no other. */
  readonly routing?: { readonly connection: string }
}

export interface ChosenRoute {
  /** Index of the merchant's rule. */
  readonly rule: number
  readonly profile: ConnectionProfile
}

export function chooseRoute(payment: Routed, context: PaymentContext): ChosenRoute | undefined {
  const routes = context.merchant?.routes ?? []
  const answered = new Set(
    payment.attempts.filter(({ status }) => status !== 'not_sent').map(({ connection }) => connection),
  )
  const tried = new Set(payment.attempts.map(({ connection }) => connection))
  const fitting = routes.flatMap((route, rule) => {
    const profile = context.connections.get(route.connection)
    return profile !== undefined && fits(route, payment) && !answered.has(route.connection) ? [{ rule, profile }] : []
  })
  const untried = fitting.filter(({ profile }) => !tried.has(profile.connection))
  const available = untried.filter(({ profile }) => profile.available)
  return draw(available, routes, context.nonce) ?? draw(untried, routes, context.nonce) ?? fitting[0]
}

function fits(route: RouteRule, { mode, currency, amountMinor, paymentMethod, routing }: Routed): boolean {
  return (
    route.mode === mode &&
    (routing === undefined || route.connection === routing.connection) &&
    (route.currencies === undefined || route.currencies.includes(currency)) &&
    (route.methods === undefined || (paymentMethod !== undefined && route.methods.includes(paymentMethod.type))) &&
    (route.amountMinorMin === undefined || amountMinor >= route.amountMinorMin) &&
    (route.amountMinorMax === undefined || amountMinor <= route.amountMinorMax)
  )
}

/** The first candidate; where it has a weight, one of it and its weighted neighbours. */
function draw(
  candidates: readonly ChosenRoute[],
  routes: readonly RouteRule[],
  nonce: string,
): ChosenRoute | undefined {
  const [first] = candidates
  if (first === undefined || routes[first.rule]?.weight === undefined) return first
  const end = routes.findIndex(({ weight }, rule) => rule > first.rule && weight === undefined)
  const group = candidates.filter(({ rule }) => end === -1 || rule < end)
  const weightOf = ({ rule }: ChosenRoute): number => routes[rule]?.weight ?? 0
  const total = group.reduce((sum, candidate) => sum + weightOf(candidate), 0)
  // Of 2^32 numbers for a total of 12,800 at most: nobody's part is off by more than three in a million.
  let left = Number.parseInt(nonce.slice(-8), 16) % total
  const chosen = group.find((candidate) => {
    left -= weightOf(candidate)
    return left < 0
  })
  assert(chosen !== undefined, 'a draw below the sum of the weights falls to one of them', { total })
  return chosen
}

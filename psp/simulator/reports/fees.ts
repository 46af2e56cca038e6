/**
 * What the simulated PSPs charge. Percentages are in basis points and of the gross amount, fixed parts in minor units;
 * halves are rounded up. Nothing is given back when a payment is refunded or a capture fails.
 */
import { disputeFee } from '../disputes.ts'
import { currencyStep } from '../execution.ts'

interface Price {
  readonly basisPoints: number
  readonly fixed: number
}

/** Stripe's, for what is captured, by currency. */
const stripePrices: Readonly<Record<string, Price>> = {
  eur: { basisPoints: 150, fixed: 25 },
  gbp: { basisPoints: 150, fixed: 20 },
  usd: { basisPoints: 290, fixed: 30 },
}
const stripeOtherwise: Price = { basisPoints: 290, fixed: 0 }

/** Of a capture, in multiples of what Stripe counts the currency in. */
export function stripeFee(amount: number, currency: string): number {
  const { basisPoints, fixed } = stripePrices[currency] ?? stripeOtherwise
  const step = currencyStep(currency)
  return fixed + shareOf(amount, basisPoints, step)
}

export { disputeFee as stripeDisputeFee }

/** How an Adyen account is charged: one commission, or the parts that it is made of. */
export type AdyenPricing = 'blended' | 'interchange++'

export interface AdyenFees {
  readonly commission: number
  readonly markup: number
  readonly schemeFees: number
  readonly interchange: number
}

const none: AdyenFees = { commission: 0, markup: 0, schemeFees: 0, interchange: 0 }

export function adyenCaptureFees(amount: number, pricing: AdyenPricing): AdyenFees {
  if (pricing === 'blended') return { ...none, commission: shareOf(amount, 240) }
  return {
    ...none,
    markup: shareOf(amount, 60),
    schemeFees: shareOf(amount, 15),
    interchange: shareOf(amount, 90),
  }
}

/** In minor units of whatever currency it is in. */
const adyenChargebackFee = 750

export function adyenChargebackFees(pricing: AdyenPricing): AdyenFees {
  return pricing === 'blended' ? { ...none, commission: adyenChargebackFee } : { ...none, markup: adyenChargebackFee }
}

export const noAdyenFees: AdyenFees = none

/** @param amount zero or more. @param step what the share is a multiple of */
function shareOf(amount: number, basisPoints: number, step = 1): number {
  const whole = 10_000n * BigInt(step)
  return Number((BigInt(amount) * BigInt(basisPoints) + whole / 2n) / whole) * step
}

/** What a merchant is told of a payment that one of its limits refuses: which limit, its value, and when to try again. */
import type { LimitName } from '../domain/merchant/limits.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import type { Refusal } from './problem.ts'

export type LimitRejection = Extract<PaymentRejection, { code: 'amount_limit_exceeded' | 'velocity_exceeded' }>

export function isOfLimit(rejection: PaymentRejection): rejection is LimitRejection {
  return rejection.code === 'amount_limit_exceeded' || rejection.code === 'velocity_exceeded'
}

/** `max` with its unit and what it holds for. */
const wordings: Readonly<Record<LimitName, (max: number, currency: string) => string>> = {
  max_amount: (max, currency) => `${minor(max, currency)} for one payment`,
  hourly_amount: (max, currency) => `${minor(max, currency)} within an hour`,
  hourly_count: (max, currency) => `${payments(max)} in ${currency} within an hour`,
  daily_amount: (max, currency) => `${minor(max, currency)} within a day`,
  daily_count: (max, currency) => `${payments(max)} in ${currency} within a day`,
}

/** @param now Unix milliseconds. */
export function limitRefusalOf(rejection: LimitRejection, now: number): Refusal {
  const { code, limit, max, currency } = rejection
  const shown = { code, limit: max, limitName: limit }
  const text = `this account’s limit of ${wordings[limit](max, currency)}`
  if (code === 'amount_limit_exceeded') {
    return { ...shown, param: rejection.param, message: `amount is more than ${text}.` }
  }
  const retryAfterSeconds = Math.max(1, Math.ceil((rejection.retryAt - now) / 1_000))
  const message = `With this payment ${text} would be exceeded; it may be tried again from ${iso(rejection.retryAt)}.`
  return { ...shown, message, retryAfterSeconds }
}

function minor(max: number, currency: string): string {
  return `${max} minor units of ${currency}`
}

function payments(max: number): string {
  return max === 1 ? '1 payment' : `${max} payments`
}

/** Whole seconds, not before the instant. */
function iso(ms: number): string {
  return new Date(Math.ceil(ms / 1_000) * 1_000).toISOString().replace('.000Z', 'Z')
}

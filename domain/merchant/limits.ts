/**
 * What an operator limits of a merchant's payments, in one mode and currency: the greatest amount of one payment, and what
 * is accepted within an hour and a day (velocity.ts). An operator sets as many of them as are wanted.
 */
import type { Mode } from '../ids.ts'

/** In the order in which they are shown. */
export const limitNames = ['max_amount', 'hourly_amount', 'hourly_count', 'daily_amount', 'daily_count'] as const
export type LimitName = (typeof limitNames)[number]

/** Amounts in minor units, counts of payments, whole numbers from 1 to 2^53 - 1. Absent: not limited. */
export type LimitValues = Readonly<Partial<Record<LimitName, number>>>

export interface PaymentLimits {
  readonly mode: Mode
  readonly currency: string
  readonly values: LimitValues
}

/** The first may not be above the second: it would never be what refuses, so one of the two is a slip. */
const ordered: readonly (readonly [LimitName, LimitName])[] = [
  ['max_amount', 'hourly_amount'],
  ['max_amount', 'daily_amount'],
  ['hourly_amount', 'daily_amount'],
  ['hourly_count', 'daily_count'],
]

export function isLimitName(name: string): name is LimitName {
  return limitNames.some((each) => each === name)
}

/** Two limits of which the wider one is below the narrower. */
export function contradictionIn(
  values: LimitValues,
): { readonly limit: LimitName; readonly above: LimitName } | undefined {
  for (const [limit, above] of ordered) {
    const [narrow, wide] = [values[limit], values[above]]
    if (narrow !== undefined && wide !== undefined && narrow > wide) return { limit, above }
  }
  return undefined
}

/** Those that hold after a change, in their order. */
export function changedLimits(before: LimitValues, set: LimitValues, clear: readonly LimitName[]): LimitValues {
  const changed: Partial<Record<LimitName, number>> = {}
  for (const name of limitNames) {
    const value = set[name] ?? (clear.includes(name) ? undefined : before[name])
    if (value !== undefined) changed[name] = value
  }
  return changed
}

export function areSameLimits(a: LimitValues, b: LimitValues): boolean {
  return limitNames.every((name) => a[name] === b[name])
}

/** None of them: nothing is limited. */
export function limitsOf(limits: readonly PaymentLimits[], mode: Mode, currency: string): LimitValues {
  return limits.find((each) => each.mode === mode && each.currency === currency)?.values ?? {}
}

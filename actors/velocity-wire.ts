/**
 * What nodes tell each other of payments they accepted, once a second, of merchants with limits; wire format between builds: add,
 * never change. A body that is not as described here is dropped whole.
 */
import type { Mode } from '../domain/ids.ts'
import type { Sum } from '../domain/merchant/velocity.ts'

/** Accepted in one minute; below zero where what was told before is taken back. */
export interface AcceptedCount extends Sum {
  readonly merchant: string
  readonly mode: Mode
  readonly currency: string
  /** Minutes since 1970, by the clock of the node that decided. */
  readonly minute: number
}

export interface ToldCounts {
  /** From 1 within the incarnation, without gaps. */
  readonly n: number
  readonly counts: readonly AcceptedCount[]
}

/** Counts of one message; what is more goes into the next. */
export const toldCountsMax = 5_000

/** As lists, so that a message has no names: merchant, live or not, currency, minute, count, amount. */
export function toldBody({ n, counts }: ToldCounts): unknown {
  return {
    n,
    counts: counts.map(({ merchant, mode, currency, minute, count, amountMinor }) => [
      ...[merchant, mode === 'live', currency, minute, count, amountMinor],
    ]),
  }
}

export function readTold(body: unknown): ToldCounts | undefined {
  if (typeof body !== 'object' || body === null || !('n' in body) || !('counts' in body)) return undefined
  const { n, counts } = body
  if (!isWhole(n) || n < 1 || !Array.isArray(counts) || counts.length > toldCountsMax) return undefined
  const read = counts.map(readCount)
  return read.every((each) => each !== undefined) ? { n, counts: read } : undefined
}

function readCount(value: unknown): AcceptedCount | undefined {
  if (!Array.isArray(value)) return undefined
  const [merchant, live, currency, minute, count, amountMinor] = value as readonly unknown[]
  if (typeof merchant !== 'string' || typeof live !== 'boolean' || typeof currency !== 'string') return undefined
  if (!isWhole(minute) || minute < 0 || !isWhole(count) || !isWhole(amountMinor)) return undefined
  return { merchant, mode: live ? 'live' : 'test', currency, minute, count, amountMinor }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Lines of a report added up by payout. */
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'
import type { ParsedRow } from './row.ts'
import type { PayoutTotal } from './summary.ts'

interface Sum {
  readonly reference: string
  readonly currency: string
  lines: number
  net: bigint
  paid: bigint | null
  readonly at: number | null
}

export class Payouts {
  readonly #payouts = new Map<string, Sum>()

  /** @param at when the payout is effective, unix milliseconds */
  add({ payout, kind, net, line }: ParsedRow, at: number | null): void {
    if (payout === null) return
    const key = `${payout} ${net.currency}`
    let total = this.#payouts.get(key)
    if (total === undefined) {
      if (this.#payouts.size === reportLimits.groupsMax) {
        throw new ReportRefused('too_many', `more than ${reportLimits.groupsMax} payouts`, { line })
      }
      // a copy: a piece of the file would stay in memory with the text that was cut out of it
      const reference = Buffer.from(payout).toString()
      total = { reference, currency: net.currency, lines: 0, net: 0n, paid: null, at }
      this.#payouts.set(Buffer.from(key).toString(), total)
    }
    if (kind === 'payout') total.paid = (total.paid ?? 0n) - net.minor
    else {
      total.lines += 1
      total.net += net.minor
    }
  }

  list(): readonly PayoutTotal[] {
    return [...this.#payouts.values()].map((sum) => (sum.lines === 0 ? { ...sum, lines: null, net: null } : sum))
  }
}

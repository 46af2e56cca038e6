/**
 * Who may be declared dead: a counter that stood still for the lease's ttl, as this process saw it on its own monotonic
 * clock, while its own renewals committed all that time. It decides; membership.ts asks the database to agree, by
 * compare-and-set on the counter it names.
 *
 * A window opens when the answer with a counter arrives and closes before the compare-and-set is sent, so the counter
 * really stood still for the whole of it, however slow the statements were. One own renewal that fails or comes late
 * opens all windows anew: then it was the database, or this process, that stood still, and not they
 * (restatedev/restate#5156: a stalled node's detector declared healthy peers dead).
 *
 * No time but what it is given, no tasks.
 */
import { type Incarnation, type Lease, nameOf, sameIncarnation } from './member.ts'

export interface JudgeOptions {
  readonly self: Incarnation
  readonly leaseTtlMs: number
  readonly ownRenewalGapMaxMs: number
}

interface Window {
  readonly lease: Lease
  /** On this process's monotonic clock. */
  readonly since: number
}

export class Judge {
  readonly #options: JudgeOptions
  #windows = new Map<string, Window>()
  #renewedAt: number | undefined
  /** Since then every own renewal has committed, each in time. */
  #soundSince: number | undefined

  constructor(options: JudgeOptions) {
    this.#options = options
  }

  /** An own renewal has committed: its answer came at `now`. */
  renewed(now: number): void {
    if (!this.isSound(now)) this.#soundSince = now
    this.#renewedAt = now
  }

  /** An own renewal failed, or nobody knows. */
  renewalFailed(): void {
    this.#soundSince = undefined
  }

  /** The living, from an answer that came at `now`. */
  observe(leases: readonly Lease[], now: number): void {
    const windows = new Map<string, Window>()
    for (const lease of leases) {
      if (sameIncarnation(lease, this.#options.self)) continue
      const name = nameOf(lease)
      const before = this.#windows.get(name)
      windows.set(name, before?.lease.renewals === lease.renewals ? before : { lease, since: now })
    }
    this.#windows = windows
  }

  /** It has renewed meanwhile: what was seen of it counts for nothing. */
  forget(of: Incarnation): void {
    this.#windows.delete(nameOf(of))
  }

  /** Those to be declared dead now, with the counters that stood still, in order of node. */
  due(now: number): readonly Lease[] {
    if (!this.isSound(now)) return []
    return [...this.#windows.values()]
      .filter(({ since }) => now >= this.#endOf(since))
      .map(({ lease }) => lease)
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  }

  /** When the first of the windows ends; undefined where there is none to wait for. */
  get nextDue(): number | undefined {
    if (this.#soundSince === undefined) return undefined
    let next: number | undefined
    for (const { since } of this.#windows.values()) {
      const end = this.#endOf(since)
      if (next === undefined || end < next) next = end
    }
    return next
  }

  #endOf(since: number): number {
    return Math.max(since, this.#soundSince ?? since) + this.#options.leaseTtlMs
  }

  /** Whether own renewals commit, as of `now`: else it is this process, or the database, that is cut off. */
  isSound(now: number): boolean {
    if (this.#soundSince === undefined || this.#renewedAt === undefined) return false
    return now - this.#renewedAt <= this.#options.ownRenewalGapMaxMs
  }
}

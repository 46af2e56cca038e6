/**
 * Renews one lease: one renewal at a time, the next one `renewEveryMs` after the last was sent. One that fails, or hangs for
 * `renewTimeoutMs`, is followed by another soon, so that a lease is renewed as soon as the database is back
 * (Effect-TS/effect#6508: a refresh hung for good, and nobody renewed). What it answers after that counts only where it says
 * that this incarnation is dead.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Incarnation, LeaseStore } from './member.ts'

export interface RenewalOptions {
  readonly self: Incarnation
  readonly store: LeaseStore
  readonly clock: Clock
  readonly limits: { readonly renewEveryMs: number; readonly renewTimeoutMs: number; readonly renewRetryMs: number }
  /** Asked right before each renewal; once false, there are no more. */
  readonly mayRenew: () => boolean
  readonly renewed: () => void
  readonly failed: (error: unknown) => void
  readonly dead: () => void
}

interface UnderWay {
  readonly sentAt: number
  readonly draining: boolean
  readonly cancelTimeout: Cancel
}

export class RenewalTimeout extends Error {
  override readonly name = 'RenewalTimeout'
  readonly code = 'renewal_timeout'
  readonly canRetry = true
}

export class Renewal {
  readonly #options: RenewalOptions
  #state: 'new' | 'running' | 'stopped' = 'new'
  #draining = false
  /** The one that is waited for. */
  #underWay: UnderWay | undefined
  #cancelNext: Cancel | undefined

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  start(): void {
    this.#state = 'running'
    this.#renew()
  }

  stop(): void {
    this.#state = 'stopped'
    this.#cancelNext?.()
    this.#underWay?.cancelTimeout()
    this.#underWay = undefined
  }

  get isDraining(): boolean {
    return this.#draining
  }

  /** From the next renewal on, which is sent at once, or right after the one that is under way. */
  setDraining(): void {
    this.#draining = true
    if (this.#state === 'running' && this.#underWay === undefined) this.#renew()
  }

  #renew(): void {
    const { self, store, clock, limits, mayRenew } = this.#options
    this.#cancelNext?.()
    if (this.#state !== 'running' || !mayRenew()) return
    const renewal: UnderWay = {
      sentAt: clock.monotonic(),
      draining: this.#draining,
      cancelTimeout: clock.schedule(limits.renewTimeoutMs, () => fail(new RenewalTimeout('a renewal took too long'))),
    }
    const fail = (error: unknown): void => {
      if (this.#settle(renewal, limits.renewRetryMs)) this.#options.failed(error)
    }
    this.#underWay = renewal
    store.renew(self, renewal.draining).then((answer) => {
      if (answer === 'dead') {
        if (this.#state === 'running') this.#options.dead()
        return
      }
      const rest = limits.renewEveryMs - (clock.monotonic() - renewal.sentAt)
      if (this.#settle(renewal, Math.max(0, rest))) this.#options.renewed()
    }, fail)
  }

  /** False where nobody waits for this one any more. */
  #settle(renewal: UnderWay, pauseMs: number): boolean {
    if (this.#state !== 'running' || this.#underWay !== renewal) return false
    renewal.cancelTimeout()
    this.#underWay = undefined
    const wasSaid = renewal.draining === this.#draining
    this.#cancelNext = this.#options.clock.schedule(wasSaid ? pauseMs : 0, () => this.#renew())
    return true
  }
}

/**
 * What stands between the payments and a connector, one per PSP connection and process: a circuit breaker, and a budget for
 * asking again. (The bulkhead and the deadline are in `http/client.ts`, where it is known whether a byte was sent.)
 *
 * Guarantees:
 * - While the breaker is open a first send is refused as `not_sent`: it did not leave this process. That is proof, so the
 *   payment may take another route. Everything else is let through; an inquiry refused would tell nobody anything.
 * - Inquiries never outnumber a share of the sends by much, however many outcomes are open: those beyond it wait for their
 *   turn, and are answered as `not_asked` after a while; the payment asks again on its schedule.
 * - Declines, and whatever else a PSP decides, are successes of the connection: the breaker is about the road alone.
 *
 * The breaker is a hint to routing (`profile.available`) and a relief to a PSP in trouble, never a rule about money.
 */
import {
  BrokenCircuitError,
  CircuitState,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhenResult,
  SamplingBreaker,
} from 'cockatiel'
import type { ConnectionProfile, OperationOutcome, PspCall } from '../domain/payment/operations.ts'
import { assert } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Connector, InquiryOptions, SendOptions } from './connector.ts'

export interface ResilienceLimits {
  /** Share of failing sends, 0 to 1, above which the breaker opens. */
  readonly failuresShare: number
  readonly samplingMs: number
  /** Sends per second below which the share says nothing; so many failures in a row open the breaker all the same. */
  readonly sendsPerSecondMin: number
  readonly failuresInARow: number
  /** How long it stays open before one send is tried. */
  readonly openMs: number
  /** Inquiries that may be made for each send. */
  readonly inquiriesPerSend: number
  /** Inquiries per second that may be made without any send. */
  readonly inquiriesPerSecond: number
  /** Inquiries at once after a quiet time. */
  readonly inquiriesBurst: number
  /** How long an inquiry waits for its turn. */
  readonly inquiryWaitMs: number
}

export const defaultResilienceLimits: ResilienceLimits = {
  failuresShare: 0.5,
  samplingMs: 10_000,
  sendsPerSecondMin: 2,
  failuresInARow: 10,
  openMs: 5_000,
  inquiriesPerSend: 0.2,
  inquiriesPerSecond: 20,
  inquiriesBurst: 200,
  inquiryWaitMs: 10_000,
}

export type BreakerState = 'closed' | 'half_open' | 'open'

export interface ResilientConnector extends Connector {
  readonly breaker: BreakerState
}

export interface ResilienceObserver {
  breaker(connection: string, state: BreakerState): void
}

export function withResilience(
  connector: Connector,
  options: {
    readonly clock: Clock
    readonly limits?: Partial<ResilienceLimits>
    readonly observer: ResilienceObserver
  },
): ResilientConnector {
  const { clock, observer } = options
  const limits = { ...defaultResilienceLimits, ...options.limits }
  const { connection } = connector.profile
  const budget = new InquiryBudget(clock, limits)
  const inShare = new SamplingBreaker({
    threshold: limits.failuresShare,
    duration: limits.samplingMs,
    minimumRps: limits.sendsPerSecondMin,
  })
  const inARow = new ConsecutiveBreaker(limits.failuresInARow)
  const policy = circuitBreaker(
    handleWhenResult((outcome) => isFailure(outcome as OperationOutcome)),
    {
      halfOpenAfter: limits.openMs,
      breaker: {
        state: undefined,
        success(state) {
          inShare.success(state)
          inARow.success()
        },
        failure(state) {
          // both keep count, whichever opens it
          const share = inShare.failure(state)
          const row = inARow.failure()
          return share || row
        },
      },
    },
  )
  let openedAt: number | undefined
  policy.onStateChange((state) => {
    openedAt = state === CircuitState.Open ? clock.monotonic() : undefined
    observer.breaker(connection, nameOf(state))
  })
  const profile: ConnectionProfile = {
    ...connector.profile,
    get available() {
      if (!connector.profile.available) return false
      if (policy.state === CircuitState.Closed) return true
      // One whose time has passed must be routed to, or nobody would find out that it works again.
      return openedAt !== undefined && clock.monotonic() - openedAt >= limits.openMs
    },
  }

  return {
    profile,
    get breaker() {
      return nameOf(policy.state)
    },
    async send(call: PspCall, sendOptions: SendOptions) {
      // The second step of an authorization reads or concludes what the first began: there is no other road for it.
      if (call.kind === 'complete') return connector.send(call, sendOptions)
      // One send finds out whether the road is open again; the others need not wait for what it finds.
      if (policy.state === CircuitState.HalfOpen) return breakerOpen
      try {
        const outcome = await policy.execute(() => connector.send(call, sendOptions))
        budget.sent()
        return outcome
      } catch (error) {
        if (error instanceof BrokenCircuitError) return breakerOpen
        throw error
      }
    },
    async inquire(call: PspCall, inquiry: InquiryOptions) {
      if (!(await budget.turn())) return { kind: 'unknown', reason: 'not_asked' }
      return connector.inquire(call, inquiry)
    },
    close: () => connector.close(),
  }
}

const breakerOpen: OperationOutcome = { kind: 'not_sent', reason: 'breaker_open' }

/** Whether the road to the PSP, or the PSP as a whole, was at fault. */
function isFailure(outcome: OperationOutcome): boolean {
  switch (outcome.kind) {
    case 'unknown':
      return outcome.reason !== 'in_progress'
    case 'not_sent':
      return !ours.has(outcome.reason)
    default:
      return false
  }
}

/** Reasons for not sending that lie on this side. */
const ours: ReadonlySet<string> = new Set(['too_late', 'closing', 'connection_not_configured'])

function nameOf(state: CircuitState): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return 'closed'
    case CircuitState.HalfOpen:
      return 'half_open'
    case CircuitState.Open:
    case CircuitState.Isolated:
      return 'open'
  }
}

/** A bucket of turns, filled by time and by sends; who finds it empty waits in line. */
class InquiryBudget {
  readonly #clock: Clock
  readonly #limits: ResilienceLimits
  #turns: number
  #filledAt: number
  /** When those who wait have been served at the rate that time alone gives. */
  #lineEndsAt = 0

  constructor(clock: Clock, limits: ResilienceLimits) {
    assert(limits.inquiriesPerSecond > 0 && limits.inquiriesBurst >= 1, 'a budget lets inquiries through')
    this.#clock = clock
    this.#limits = limits
    this.#turns = limits.inquiriesBurst
    this.#filledAt = clock.monotonic()
  }

  sent(): void {
    this.#fill(this.#limits.inquiriesPerSend)
  }

  /** Whether one may ask now; resolves when the turn has come. */
  turn(): true | Promise<boolean> {
    this.#fill(0)
    if (this.#turns >= 1) {
      this.#turns -= 1
      return true
    }
    const now = this.#clock.monotonic()
    const at = Math.max(now, this.#lineEndsAt) + 1_000 / this.#limits.inquiriesPerSecond
    if (at - now > this.#limits.inquiryWaitMs) return Promise.resolve(false)
    this.#lineEndsAt = at
    return new Promise((resolve) => void this.#clock.schedule(at - now, () => resolve(true)))
  }

  #fill(more: number): void {
    const now = this.#clock.monotonic()
    // What time has given since then belongs to those in line.
    const since = Math.max(this.#filledAt, Math.min(now, this.#lineEndsAt))
    const byTime = ((now - since) / 1_000) * this.#limits.inquiriesPerSecond
    this.#filledAt = now
    this.#turns = Math.min(this.#limits.inquiriesBurst, this.#turns + byTime + more)
  }
}

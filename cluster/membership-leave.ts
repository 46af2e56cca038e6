/** A node that owns nothing any more declares itself dead, so that nobody waits for its lease to run out. */
import type { Clock } from '../runtime/clock.ts'
import type { Incarnation, LeaseStore } from './member.ts'

export interface LeaveOptions {
  readonly self: Incarnation
  readonly store: LeaseStore
  readonly clock: Clock
  readonly limits: { readonly leaveTimeoutMs: number; readonly renewRetryMs: number }
  readonly failed: (error: unknown) => void
}

/** Tries until it was heard, or `leaveTimeoutMs` have passed: false then, and the lease runs out. */
export async function declareOwnEnd({ self, store, clock, limits, failed }: LeaveOptions): Promise<boolean> {
  const until = clock.monotonic() + limits.leaveTimeoutMs
  while (clock.monotonic() < until) {
    const heard = await new Promise<boolean>((resolve) => {
      const cancel = clock.schedule(until - clock.monotonic(), () => resolve(false))
      store.declareDead(self, undefined).then(
        () => {
          cancel()
          resolve(true)
        },
        (error: unknown) => {
          cancel()
          failed(error)
          clock.schedule(limits.renewRetryMs, () => resolve(false))
        },
      )
    })
    if (heard) return true
  }
  return false
}

/** Waits for what another process does: by looking, because there is nothing to be told by. */
import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  /** Milliseconds; then it throws. */
  readonly withinMs?: number
  readonly everyMs?: number
  /** What is waited for, for the error. */
  readonly what?: string
}

/** Resolves with the milliseconds it took. */
export async function until(holds: () => boolean | Promise<boolean>, options: UntilOptions = {}): Promise<number> {
  const { withinMs = 30_000, everyMs = 20, what = 'what was waited for' } = options
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > withinMs) throw new Error(`${what} did not come about within ${withinMs} ms`)
    await pause(everyMs)
  }
  return performance.now() - began
}

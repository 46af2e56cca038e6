/** Work that is done an interval after it is first wanted, or at once, and one at a time. */
import type { Clock } from '../runtime/clock.ts'

export class Periodic {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #failed: (error: unknown) => void
  #scheduled = false
  #running: Promise<void> | undefined

  constructor(clock: Clock, intervalMs: number, failed: (error: unknown) => void) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#failed = failed
  }

  /** After an interval; asked again meanwhile it is still done once. */
  later(work: () => void): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.schedule(this.#intervalMs, () => {
      this.#scheduled = false
      work()
    })
  }

  /** As soon as what runs has ended. Never rejects. */
  async now(work: () => Promise<void>): Promise<void> {
    while (this.#running !== undefined) await this.#running
    this.#running = work().catch(this.#failed)
    await this.#running
    this.#running = undefined
  }
}

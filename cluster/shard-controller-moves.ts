/** Whose turn it is to hand shards over: one hand-off at a time, the others wait in order, a bounded number of them. */

export class MoveQueue {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #isBusy = false

  constructor(max: number) {
    this.#max = max
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  get isFull(): boolean {
    return this.#waiting.length >= this.#max
  }

  /** Resolves when it is the caller's turn, which lasts until it calls `done`. */
  turn(): Promise<void> {
    if (!this.#isBusy) {
      this.#isBusy = true
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  done(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#isBusy = false
    else next()
  }
}

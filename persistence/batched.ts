/**
 * Coalesced reads: what is asked for in one turn of the event loop is one query, and while all queries that may run at once
 * are under way, the next one is what was asked for meanwhile. A query begins after every request it answers.
 */
export class Batched<Request, Answer> {
  readonly #sizeMax: number
  readonly #concurrencyMax: number
  readonly #run: (requests: readonly Request[]) => Promise<readonly Answer[]>
  #waiting: { request: Request; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = []
  #scheduled = false
  #running = 0

  /** @param run answers all requests, in their order. */
  constructor(
    sizeMax: number,
    concurrencyMax: number,
    run: (requests: readonly Request[]) => Promise<readonly Answer[]>,
  ) {
    this.#sizeMax = sizeMax
    this.#concurrencyMax = concurrencyMax
    this.#run = run
  }

  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject })
      if (this.#scheduled || this.#running >= this.#concurrencyMax) return
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#pump()
      })
    })
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#running < this.#concurrencyMax) {
      const batch = this.#waiting.splice(0, this.#sizeMax)
      this.#running += 1
      this.#run(batch.map(({ request }) => request)).then(
        (answers) => {
          this.#running -= 1
          this.#pump()
          for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
        },
        (error: unknown) => {
          this.#running -= 1
          this.#pump()
          for (const { reject } of batch) reject(error)
        },
      )
    }
  }
}

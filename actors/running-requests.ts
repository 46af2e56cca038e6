/** Requests of one entity that were accepted and have no final answer yet, by idempotency key, with those who wait for it. */
import type { Ask } from './ask.ts'

export interface Waiter {
  readonly ask: Ask
  /** It came after the request had been accepted. */
  readonly replayed: boolean
}

export class RunningRequests {
  /** Absent while nothing runs: most entities in memory have nothing. */
  #byKey: Map<string, Waiter[]> | undefined

  get isEmpty(): boolean {
    return this.#byKey === undefined || this.#byKey.size === 0
  }

  keys(): readonly string[] {
    return this.#byKey === undefined ? [] : [...this.#byKey.keys()]
  }

  /** Somebody still waits for this request: a repeat may be told that the key is in use. */
  isAwaited(key: string): boolean {
    return this.#byKey?.get(key)?.some(({ ask }) => ask.stage !== 'answered') ?? false
  }

  /** A request was accepted: what waited under its key before has had its answer. */
  begin(key: string, ask: Ask): void {
    this.#byKey ??= new Map()
    this.#byKey.set(key, [{ ask, replayed: false }])
  }

  join(key: string, ask: Ask): void {
    const waiters = this.#byKey?.get(key)
    if (waiters !== undefined) waiters.push({ ask, replayed: true })
    else {
      this.#byKey ??= new Map()
      this.#byKey.set(key, [{ ask, replayed: true }])
    }
  }

  /** One of them waits no longer. */
  leave(key: string, ask: Ask): Waiter | undefined {
    const waiters = this.#byKey?.get(key)
    const left = waiters?.filter((waiter) => waiter.ask !== ask) ?? []
    if (left.length === 0) this.#remove(key)
    else this.#byKey?.set(key, left)
    return waiters?.find((waiter) => waiter.ask === ask)
  }

  /** The request has ended: those who waited for it. */
  end(key: string): readonly Waiter[] {
    const waiters = this.#byKey?.get(key) ?? []
    this.#remove(key)
    return waiters
  }

  #remove(key: string): void {
    this.#byKey?.delete(key)
    if (this.#byKey?.size === 0) this.#byKey = undefined
  }

  /** Forgets all; answers those who waited. */
  clear(): readonly Waiter[] {
    const waiters = [...(this.#byKey?.values() ?? [])].flat()
    this.#byKey = undefined
    return waiters
  }
}

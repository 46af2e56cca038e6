/**
 * Stripe's idempotency layer: the first outcome of a key is kept for 24 hours and given to every repeat.
 *
 * Kept: what was answered once execution had begun, successes, declines and stored 500s alike. Not kept: refused
 * parameters, 401, 429. A second request while the first runs, and one with other parameters, are refused.
 * A kept answer holds the (immutable) records as they were, so a replay has the bytes of the first answer.
 */
import type { StoredAnswer } from './book.ts'
import type { Snapshot } from './snapshot.ts'

export const keyLifeMs = 24 * 3600 * 1000

export interface KeptAnswer {
  readonly answer: StoredAnswer
  /** Unix milliseconds of the first answer. */
  readonly at: number
  /** The records it was rendered from. */
  readonly snapshot: Snapshot
}

export type KeyState =
  | { readonly kind: 'free' }
  | { readonly kind: 'running' }
  | { readonly kind: 'other_parameters' }
  | { readonly kind: 'kept'; readonly kept: KeptAnswer }

export class IdempotencyStore {
  /** In order of the first answers, so the oldest end first. */
  readonly #kept = new Map<string, KeptAnswer>()
  readonly #running = new Map<string, string>()

  look(key: string, fingerprint: string, now: number): KeyState {
    const running = this.#running.get(key)
    if (running !== undefined) return running === fingerprint ? { kind: 'running' } : { kind: 'other_parameters' }
    const kept = this.#kept.get(key)
    if (kept === undefined || now >= kept.at + keyLifeMs) return { kind: 'free' }
    return kept.answer.fingerprint === fingerprint ? { kind: 'kept', kept } : { kind: 'other_parameters' }
  }

  begin(key: string, fingerprint: string): void {
    this.#running.set(key, fingerprint)
  }

  end(key: string): void {
    this.#running.delete(key)
  }

  keep(kept: KeptAnswer): void {
    const { key } = kept.answer
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    for (const [oldest, { at }] of this.#kept) {
      if (kept.at < at + keyLifeMs) break
      this.#kept.delete(oldest)
    }
  }
}

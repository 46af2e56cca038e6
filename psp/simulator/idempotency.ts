/**
 * A PSP's idempotency layer: the first outcome of a key is kept for a time and given to every repeat. As Stripe has it:
 *
 * Kept: what was answered once execution had begun, successes, declines and stored 500s alike. Not kept: refused
 * parameters, 401, 429. A second request while the first runs, and one with other parameters, are refused.
 * A kept answer holds the (immutable) records as they were, so a replay has the bytes of the first answer.
 */
import type { StoredAnswer } from './book.ts'
import type { Snapshot } from './snapshot.ts'

/** Stripe's. */
export const keyLifeMs = 24 * 3600 * 1000

/** What is kept, of whatever PSP. */
export interface Kept {
  readonly answer: { readonly key: string; readonly fingerprint: string }
  /** Unix milliseconds of the first answer. */
  readonly at: number
}

export interface KeptAnswer extends Kept {
  readonly answer: StoredAnswer
  /** The records it was rendered from. */
  readonly snapshot: Snapshot
}

export type KeyState<Answer extends Kept = KeptAnswer> =
  | { readonly kind: 'free' }
  | { readonly kind: 'running' }
  | { readonly kind: 'other_parameters' }
  | { readonly kind: 'kept'; readonly kept: Answer }

export class IdempotencyStore<Answer extends Kept = KeptAnswer> {
  readonly #lifeMs: number
  /** In order of the first answers, so the oldest end first. */
  readonly #kept = new Map<string, Answer>()
  readonly #running = new Map<string, string>()

  constructor(lifeMs = keyLifeMs) {
    this.#lifeMs = lifeMs
  }

  look(key: string, fingerprint: string, now: number): KeyState<Answer> {
    const running = this.#running.get(key)
    if (running !== undefined) return running === fingerprint ? { kind: 'running' } : { kind: 'other_parameters' }
    const kept = this.#kept.get(key)
    if (kept === undefined || now >= kept.at + this.#lifeMs) return { kind: 'free' }
    return kept.answer.fingerprint === fingerprint ? { kind: 'kept', kept } : { kind: 'other_parameters' }
  }

  begin(key: string, fingerprint: string): void {
    this.#running.set(key, fingerprint)
  }

  end(key: string): void {
    this.#running.delete(key)
  }

  keep(kept: Answer): void {
    const { key } = kept.answer
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    for (const [oldest, { at }] of this.#kept) {
      if (kept.at < at + this.#lifeMs) break
      this.#kept.delete(oldest)
    }
  }
}

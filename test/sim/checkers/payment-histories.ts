/**
 * What the journal says each payment was after each of its decisions: every stored row decoded and folded once, as text, to
 * compare answers with. That the fold is right is judged elsewhere (domain/payment, against the PSP's book); here it is
 * what the rows mean.
 */
import { decodeDecision } from '../../../actors/codec.ts'
import type { JournalRow } from '../../../actors/journal.ts'
import type { PaymentEvent } from '../../../domain/payment/events.ts'
import { applyDecision } from '../../../domain/payment/evolve.ts'
import type { Payment } from '../../../domain/payment/state.ts'
import { canonical } from './canonical.ts'

export interface PaymentHistory {
  state: Payment
  /** After each decision, oldest first. */
  readonly texts: string[]
  /** The same, as lists show it. */
  readonly shown: string[]
}

/** A payment as text, without what it keeps for itself: who may repeat a request, a fact or a shopper's return. */
export function shownText({ requests: _requests, seenFacts: _facts, attempts, ...rest }: Payment): string {
  return canonical({ ...rest, attempts: attempts.map(({ nonce: _nonce, returnUrl: _url, ...attempt }) => attempt) })
}

export class PaymentHistories {
  readonly #byEntity = new Map<string, PaymentHistory>()

  get all(): ReadonlyMap<string, PaymentHistory> {
    return this.#byEntity
  }

  /** A decision was stored. */
  add({ entity, seq, at, epoch, data, private: hidden }: JournalRow): void {
    const known = this.#byEntity.get(entity)
    const { events } = decodeDecision<PaymentEvent>(data, hidden)
    const state = applyDecision(known?.state, events, { seq, at, epoch })
    const text = canonical(state)
    const shown = shownText(state)
    if (known === undefined) this.#byEntity.set(entity, { state, texts: [text], shown: [shown] })
    else {
      known.state = state
      known.texts.push(text)
      known.shown.push(shown)
    }
  }

  /** How many of its decisions are stored. */
  depth(entity: string): number {
    return this.#byEntity.get(entity)?.texts.length ?? 0
  }

  textAt(entity: string, seq: number): string | undefined {
    return this.#byEntity.get(entity)?.texts[seq - 1]
  }

  shownAt(entity: string, seq: number): string | undefined {
    return this.#byEntity.get(entity)?.shown[seq - 1]
  }

  stateOf(entity: string): Payment | undefined {
    return this.#byEntity.get(entity)?.state
  }

  clear(): void {
    this.#byEntity.clear()
  }
}

/**
 * The judge of answers, at two places: where a node gives one, against what is stored at that very moment (the output gate
 * and proof of ownership); and where a client receives one, against all that clients have heard before (real-time order,
 * replays). At the end it audits what every client was told against the journal as it then is.
 */
import type { Envelope, RouteAnswer, Router } from '../../../cluster/router.ts'
import type { PaymentAnswer } from '../../../domain/payment/answers.ts'
import { canonical } from './canonical.ts'
import type { JournalChecker } from './journal-checker.ts'
import type { PaymentHistories } from './payment-histories.ts'
import { claim, Violation } from './violation.ts'

/** A client's request, from its sending to its answer. */
export interface Sent {
  readonly entity: string
  readonly command: string
  readonly key: string | undefined
  /** Sequence that somebody had been told of when it was sent: whatever it is answered must not be older. */
  readonly floor: number
}

interface Told {
  readonly entity: string
  readonly seq: number
  readonly text: string
}

export class AnswerChecker {
  readonly #histories: PaymentHistories
  readonly #journal: JournalChecker
  readonly #judge: (check: () => void) => void
  readonly #told: Told[] = []
  readonly #highest = new Map<string, number>()
  #forgiving = false
  /** Command → how many decisions of its entity were stored when it came. */
  readonly #arrivals = new Map<string, number>()
  readonly #final = new Map<string, string>()
  readonly #notAccepted: { readonly entity: string; readonly command: string; readonly reason: string }[] = []

  /** @param judge runs a check where what it throws must not reach the code that is judged. */
  constructor(histories: PaymentHistories, journal: JournalChecker, judge: (check: () => void) => void) {
    this.#histories = histories
    this.#journal = journal
    this.#judge = judge
  }

  /** A node, as whoever asks it sees it, with every answer judged as it is given. */
  judged(node: Router): Router {
    return {
      route: <Answer>(envelope: Envelope) => {
        // A command that comes again is one command: it began when it came for the first time.
        const stored = this.#arrivals.get(envelope.id) ?? this.#histories.depth(envelope.entity)
        this.#arrivals.set(envelope.id, stored)
        return node.route<Answer>(envelope).then((answer) => {
          if (!this.#forgiving) this.#judge(() => this.#given(envelope, answer as RouteAnswer<PaymentAnswer>, stored))
          return answer
        })
      },
    }
  }

  #given({ entity, id }: Envelope, answer: RouteAnswer<PaymentAnswer>, storedAtArrival: number): void {
    if (answer.kind !== 'answered') return
    const { answer: said } = answer
    if (said.kind === 'in_use') return
    if (said.state === undefined) {
      const isOld = said.kind === 'rejected' && said.rejection.code === 'payment_not_found' && storedAtArrival > 0
      claim(!isOld, 'stale_answer', 'what was stored when a command came is known to its answer', () => ({
        entity,
        id,
      }))
      return
    }
    const { seq } = said.state
    const text = this.#histories.textAt(entity, seq)
    const facts = (): Record<string, unknown> => ({ entity, id, kind: said.kind, seq, storedAtArrival })
    claim(text !== undefined, 'answer_not_durable', 'an answer rests on what is stored when it is given', facts)
    claim(text === canonical(said.state), 'answer_not_the_journals', 'an answer tells what the journal says', () => ({
      ...facts(),
      stored: text,
      said: canonical(said.state),
    }))
    const tellsOfThePast = said.kind === 'payment' && said.replayed
    claim(
      tellsOfThePast || seq >= storedAtArrival,
      'stale_answer',
      'what was stored when a command came is known to its answer',
      facts,
    )
  }

  /** What somebody has been told of a payment so far. */
  floor(entity: string): number {
    return this.#highest.get(entity) ?? 0
  }

  /** A client has its answer. */
  received({ entity, command, key, floor }: Sent, answer: RouteAnswer<PaymentAnswer>): void {
    if (this.#forgiving) return
    if (answer.kind === 'unavailable') {
      if (answer.certainty === 'not_accepted') this.#notAccepted.push({ entity, command, reason: answer.reason })
      return
    }
    const { answer: said } = answer
    if (said.kind === 'in_use' || said.state === undefined) {
      const isOld = said.kind === 'rejected' && said.rejection.code === 'payment_not_found' && floor > 0
      claim(!isOld, 'stale_answer', 'nobody is told less than somebody knew before', () => ({ entity, command, floor }))
      return
    }
    const { state } = said
    const text = canonical(state)
    this.#told.push({ entity, seq: state.seq, text })
    const isReplay = said.kind === 'payment' && said.replayed
    claim(isReplay || state.seq >= floor, 'stale_answer', 'nobody is told less than somebody knew before', () => ({
      entity,
      command,
      seq: state.seq,
      floor,
    }))
    if (state.seq > this.floor(entity)) this.#highest.set(entity, state.seq)
    if (said.kind !== 'payment' || said.request?.concludedSeq === undefined || key === undefined) return
    const final = canonical([said.request, state])
    const known = this.#final.get(`${entity} ${key}`)
    claim(known === undefined || known === final, 'replay_differs', 'a replay is the first answer', () => ({
      entity,
      key,
      known,
      final,
    }))
    this.#final.set(`${entity} ${key}`, final)
  }

  /** After everything: what was told is still there, and what was said not to be accepted is not. */
  audit(): void {
    for (const { entity, seq, text } of this.#told) {
      if (this.#histories.textAt(entity, seq) === text) continue
      throw new Violation('acknowledged_lost', 'what a client was told of is in the journal', { entity, seq })
    }
    for (const { entity, command, reason } of this.#notAccepted) {
      claim(!this.#journal.has(command), 'not_accepted_but_journaled', 'not accepted means never done', () => ({
        entity,
        command,
        reason,
      }))
    }
  }

  /** Rows were lost in a declared fail-over: what was told is no longer owed to anybody. */
  forgive(): void {
    this.#forgiving = true
    this.#told.length = 0
    this.#highest.clear()
    this.#final.clear()
    this.#notAccepted.length = 0
  }
}

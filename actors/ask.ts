/**
 * A command on its way through an entity, and whoever waits for its answer. An ask is answered exactly once; what comes
 * later is dropped here, in one place.
 */
import type { RouteAnswer, TrafficClass } from '../cluster/router.ts'
import type { Deadline } from './deadlines.ts'

export type AskStage =
  /** In the inbox: nothing of it is anywhere. */
  | 'queued'
  /** Decided; its answer or its decision waits for the journal. */
  | 'journaling'
  /** Durable; the outcome is still open. */
  | 'waiting'
  | 'answered'

/** Repeats of one command that wait beside the first. A router repeats one at a time, after its link was lost. */
const repeatsMax = 8

export type Unavailable = Extract<RouteAnswer<never>, { kind: 'unavailable' }>

export class Ask<Command = unknown, Answer = unknown> {
  readonly id: string
  readonly command: Command
  readonly class: TrafficClass
  /** Monotonic ms until which the caller waits for a final outcome; infinite for facts and timers. */
  readonly waitUntil: number
  /** Wait for a running request with the same key instead of being told that it is in use. */
  readonly attach: boolean
  stage: AskStage = 'queued'
  /** How often it was decided and its commit then failed, or the deciding crashed. */
  failures = 0
  /** What it asks for was decided, and the journal has it, or may have it: nobody is told then that it was not accepted. */
  mayBeStored = false
  /** Ends the wait; set by the entity. */
  deadline: Deadline | undefined
  /** Of the entity it is for, 32 hexadecimal digits: a repeated id counts as a repeat only there. */
  readonly entity: string
  readonly #replies: ((answer: RouteAnswer<Answer>) => void)[]

  constructor(
    options: {
      readonly id: string
      readonly entity: string
      readonly command: Command
      readonly class: TrafficClass
      readonly waitUntil: number
      readonly attach: boolean
    },
    reply: (answer: RouteAnswer<Answer>) => void,
  ) {
    this.id = options.id
    this.entity = options.entity
    this.command = options.command
    this.class = options.class
    this.waitUntil = options.waitUntil
    this.attach = options.attach
    this.#replies = [reply]
  }

  /** Facts, timers and PSP answers: nobody else repeats them, so they are kept until they are durable or the shard is gone. */
  get internal(): boolean {
    return this.class === 'internal'
  }

  /**
   * The same command has come again: who sent it hears the same answer.
   * @returns false where too many wait for it already.
   */
  repeat(reply: (answer: RouteAnswer<Answer>) => void): boolean {
    if (this.#replies.length > repeatsMax) return false
    this.#replies.push(reply)
    return true
  }

  answer(answer: Answer): void {
    this.#end({ kind: 'answered', answer })
  }

  unavailable(certainty: Unavailable['certainty'], reason: string, retryAfterMs = 1000): void {
    this.#end({
      kind: 'unavailable',
      certainty: this.mayBeStored ? 'acceptance_unknown' : certainty,
      reason,
      retryAfterMs,
    })
  }

  #end(answer: RouteAnswer<Answer>): void {
    if (this.stage === 'answered') return
    this.stage = 'answered'
    this.deadline?.cancel()
    this.deadline = undefined
    for (const reply of this.#replies.splice(0)) reply(answer)
  }
}

/**
 * What waits to be sent on one connection. All of a turn leaves as one frame, answers before new calls, more than one only
 * above the size limits. While the pipe has too much in hand everything waits, until it has drained; it is bounded, because
 * a peer that asks without listening must not fill this process.
 */
import { encodeFrames, type Message } from './frame.ts'
import type { Pipe } from './link.ts'
import type { LinkLimits } from './links-limits.ts'
import type { LinksObserver } from './links-observer.ts'

export interface OutboxOptions {
  readonly limits: LinkLimits
  readonly observer: LinksObserver
  readonly defer: (callback: () => void) => void
  /** Calls that may leave now, at most `max`. */
  readonly takeCalls: (max: number) => readonly Message[]
  /** No frame can carry it. */
  readonly unsendable: (message: Message) => void
  /** More waits than the limits allow. */
  readonly overflown: () => void
  /** A turn's messages were handed to the pipe. */
  readonly flushed: () => void
}

export class Outbox {
  readonly #options: OutboxOptions
  #pipe: Pipe | undefined
  #messages: Message[] = []
  #isFlushDue = false
  #isBlocked = false
  #isEnded = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#messages.length
  }

  /** The pipe has too much in hand. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  attach(pipe: Pipe): void {
    this.#pipe = pipe
  }

  push(message: Message): void {
    if (this.#messages.length >= this.#options.limits.outboxMax) {
      this.#options.overflown()
      return
    }
    this.#messages.push(message)
    this.wake()
  }

  /** There is something to send: at the end of this turn. */
  wake(): void {
    if (this.#isFlushDue || this.#isBlocked || this.#isEnded) return
    this.#isFlushDue = true
    this.#options.defer(() => {
      this.#isFlushDue = false
      if (this.#isEnded) return
      this.flush()
      this.#options.flushed()
    })
  }

  drained(): void {
    this.#isBlocked = false
    this.wake()
  }

  /** Sends what waits, as far as the pipe takes it. */
  flush(): void {
    const { limits } = this.#options
    while (this.#pipe !== undefined && !this.#isBlocked) {
      const messages = this.#messages.splice(0, limits.frameMessagesMax)
      messages.push(...this.#options.takeCalls(limits.frameMessagesMax - messages.length))
      if (messages.length === 0) break
      this.#send(messages, this.#pipe)
      this.#isBlocked = this.#pipe.buffered > limits.pipeHighBytes
    }
  }

  /** Sends this as the last, also into a pipe that has too much in hand. */
  sendLast(message: Message): void {
    this.flush()
    if (this.#pipe !== undefined) this.#send([message], this.#pipe)
  }

  end(): void {
    this.#isEnded = true
    this.#messages = []
  }

  #send(messages: readonly Message[], pipe: Pipe): void {
    const { limits, observer, unsendable } = this.#options
    const { frames, refused } = encodeFrames(messages, limits)
    for (const frame of frames) {
      pipe.send(frame.bytes)
      observer.frameSent?.(frame.bytes.length, frame.messages)
    }
    for (const message of refused) {
      observer.dropped?.('unsendable')
      unsendable(message)
    }
  }
}

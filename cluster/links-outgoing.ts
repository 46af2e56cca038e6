/**
 * Calls of this process on one link: they queue, leave as far as the peer's credit goes, and wait for their answers.
 *
 * A call's credit comes back with its answer, also where nobody waits for that any more: the peer answers each call exactly
 * once, so both ends count the same. What ends before its turn was certainly not sent: `link_closed`, `link_overloaded`.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import { type FailureCode, type Message, messageTypes } from './frame.ts'
import { type CallOptions, LinkError, type LinkErrorCode } from './link.ts'

interface OutgoingCall {
  readonly id: number
  readonly method: string
  readonly body: unknown
  readonly bytes: number
  /** On the monotonic clock. */
  readonly deadline: number
  readonly cancelTimer: Cancel
  readonly resolve: (body: unknown) => void
  readonly reject: (error: LinkError) => void
  isSettled: boolean
}

export interface OutgoingOptions {
  readonly clock: Clock
  /** Of this process, so that an id is not used twice, whatever the link. */
  readonly nextId: () => number
  readonly queuedCallsMax: number
  readonly queuedBytesMax: number
  /** Something waits to be sent. */
  readonly wake: () => void
  readonly send: (message: Message) => void
}

/** Counted on top of what a call says it carries. */
const callOverheadBytes = 256

export class OutgoingCalls {
  readonly #options: OutgoingOptions
  readonly #queue = new Map<number, OutgoingCall>()
  #queuedBytes = 0
  /** Sent, and not answered. */
  readonly #sent = new Map<number, OutgoingCall>()
  #sentBytes = 0
  #credit = { calls: 0, bytes: 0 }

  constructor(options: OutgoingOptions) {
    this.#options = options
  }

  grant(calls: number, bytes: number): void {
    this.#credit = { calls, bytes }
  }

  /** Calls whose answer somebody waits for, or whose credit is out. */
  get size(): number {
    return this.#queue.size + this.#sent.size
  }

  get hasQueued(): boolean {
    return this.#queue.size > 0
  }

  call(method: string, body: unknown, options: CallOptions): Promise<unknown> {
    const bytes = (options.bytes ?? 0) + callOverheadBytes
    const { clock, queuedCallsMax, queuedBytesMax } = this.#options
    if (this.#queue.size >= queuedCallsMax || (this.#queue.size > 0 && this.#queuedBytes + bytes > queuedBytesMax)) {
      return Promise.reject(new LinkError('link_overloaded', 'too many calls wait for this link'))
    }
    return new Promise((resolve, reject) => {
      const id = this.#options.nextId()
      const call: OutgoingCall = {
        id,
        method,
        body,
        bytes,
        deadline: clock.monotonic() + options.timeoutMs,
        cancelTimer: clock.schedule(options.timeoutMs, () => this.#timeOut(call)),
        resolve,
        reject,
        isSettled: false,
      }
      this.#queue.set(id, call)
      this.#queuedBytes += bytes
      this.#options.wake()
    })
  }

  /** Takes at most `max` calls out of the queue that the peer has credit for; they count as sent. */
  take(max: number): Message[] {
    const messages: Message[] = []
    if (this.#queue.size === 0) return messages
    const now = this.#options.clock.monotonic()
    for (const call of this.#queue.values()) {
      if (messages.length >= max || !this.#hasCredit(call)) break
      this.#leaveQueue(call)
      this.#sent.set(call.id, call)
      this.#sentBytes += call.bytes
      const remainingMs = Math.max(1, Math.round(call.deadline - now))
      messages.push([messageTypes.call, call.id, call.method, remainingMs, call.bytes, call.body])
    }
    return messages
  }

  /** False where nobody waits for it: it came too late, or its id is of no call that was sent. */
  answer(id: number, body: unknown): boolean {
    const call = this.#endSent(id)
    if (call === undefined) return false
    const isAwaited = this.#settle(call)
    if (isAwaited) call.resolve(body)
    return isAwaited
  }

  fail(id: number, code: FailureCode | 'unsendable'): boolean {
    const call = this.#endSent(id)
    if (call === undefined) return false
    const isAwaited = this.#settle(call)
    if (isAwaited) call.reject(failureOf(code, call.method))
    return isAwaited
  }

  /** The link has ended. */
  end(why: string): void {
    const queued = [...this.#queue.values()]
    const sent = [...this.#sent.values()]
    this.#queue.clear()
    this.#queuedBytes = 0
    this.#sent.clear()
    this.#sentBytes = 0
    for (const call of queued) this.#rejectWith(call, 'link_closed', `the link is closed: ${why}`)
    for (const call of sent) this.#rejectWith(call, 'link_lost', `the link ended before the answer: ${why}`)
  }

  #hasCredit({ bytes }: OutgoingCall): boolean {
    if (this.#sent.size >= this.#credit.calls) return false
    return this.#sent.size === 0 || this.#sentBytes + bytes <= this.#credit.bytes
  }

  #timeOut(call: OutgoingCall): void {
    const wasSent = this.#sent.has(call.id)
    if (wasSent) this.#options.send([messageTypes.cancel, call.id])
    else this.#leaveQueue(call)
    this.#rejectWith(
      call,
      wasSent ? 'call_timeout' : 'link_overloaded',
      wasSent ? `${call.method} was not answered in time` : `${call.method} could not be sent in time`,
    )
  }

  #leaveQueue(call: OutgoingCall): void {
    this.#queue.delete(call.id)
    this.#queuedBytes -= call.bytes
  }

  #endSent(id: number): OutgoingCall | undefined {
    const call = this.#sent.get(id)
    if (call === undefined) return undefined
    this.#sent.delete(id)
    this.#sentBytes -= call.bytes
    if (this.#queue.size > 0) this.#options.wake()
    return call
  }

  #rejectWith(call: OutgoingCall, code: LinkErrorCode, message: string): void {
    if (this.#settle(call)) call.reject(new LinkError(code, message))
  }

  #settle(call: OutgoingCall): boolean {
    if (call.isSettled) return false
    call.isSettled = true
    call.cancelTimer()
    return true
  }
}

function failureOf(code: FailureCode | 'unsendable', method: string): LinkError {
  switch (code) {
    case 'failed':
      return new LinkError('call_failed', `${method} failed at the other end`)
    case 'unknown':
      return new LinkError('call_unknown', `${method} is unknown at the other end`)
    case 'overloaded':
      return new LinkError('link_overloaded', `the other end takes no more calls`)
    case 'unsendable':
      return new LinkError('call_unsendable', `the body of ${method} cannot be carried by a frame`)
  }
}

/**
 * Calls of the peer on one link. Each is answered exactly once: by its handler, by a failure, or, where the handler
 * outlives the caller's deadline by far, by a failure that gives its credit back. A peer that sends more than it was told
 * is refused, call by call.
 */
import type { Clock } from '../runtime/clock.ts'
import { type FailureCode, type Message, messageTypes } from './frame.ts'
import type { CallHandler, IncomingCall, Peer } from './link.ts'

export interface IncomingOptions {
  readonly clock: Clock
  readonly callsMax: number
  readonly callBytesMax: number
  readonly answerGraceMs: number
  readonly handlerOf: (method: string) => CallHandler | undefined
  readonly send: (message: Message) => void
  /** A handler rejected, or never settled (`error` is undefined). */
  readonly failed: (method: string, error: unknown) => void
}

class ServedCall implements IncomingCall {
  readonly method: string
  readonly bytes: number
  /** On the monotonic clock. */
  readonly deadline: number
  #isCancelled = false
  #listener: (() => void) | undefined

  constructor(method: string, bytes: number, deadline: number) {
    this.method = method
    this.bytes = bytes
    this.deadline = deadline
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  onCancel(listener: () => void): void {
    if (this.#isCancelled) listener()
    else this.#listener = listener
  }

  cancel(): void {
    if (this.#isCancelled) return
    this.#isCancelled = true
    this.#listener?.()
  }
}

export class IncomingCalls {
  readonly #options: IncomingOptions
  readonly #calls = new Map<number, ServedCall>()
  #bytes = 0

  constructor(options: IncomingOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#calls.size
  }

  /** False where the peer repeated an id: that is no protocol any more. */
  receive(from: Peer, [, id, method, remainingMs, bytes, body]: Message & readonly [4, ...unknown[]]): boolean {
    if (this.#calls.has(id)) return false
    const { callsMax, callBytesMax } = this.#options
    const isTooMuch = this.#calls.size >= callsMax || (this.#calls.size > 0 && this.#bytes + bytes > callBytesMax)
    const handler = isTooMuch ? undefined : this.#options.handlerOf(method)
    if (handler === undefined) {
      this.#options.send([messageTypes.failure, id, isTooMuch ? 'overloaded' : 'unknown'])
      return true
    }
    const call = new ServedCall(method, bytes, this.#options.clock.monotonic() + remainingMs)
    this.#calls.set(id, call)
    this.#bytes += bytes
    void this.#serve(from, id, call, handler, body, remainingMs)
    return true
  }

  cancel(id: number): void {
    this.#calls.get(id)?.cancel()
  }

  /** Gives back the credit of calls whose handlers never settled. */
  sweep(): void {
    const overdueSince = this.#options.clock.monotonic() - this.#options.answerGraceMs
    for (const [id, call] of this.#calls) {
      if (call.deadline >= overdueSince) continue
      call.cancel()
      this.#options.failed(call.method, undefined)
      this.#end(id, call, [messageTypes.failure, id, 'failed'])
    }
  }

  /** The link has ended: nobody can be answered. */
  end(): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    this.#bytes = 0
    for (const call of calls) call.cancel()
  }

  async #serve(
    from: Peer,
    id: number,
    call: ServedCall,
    handler: CallHandler,
    body: unknown,
    remainingMs: number,
  ): Promise<void> {
    let reply: Message
    try {
      reply = [messageTypes.answer, id, await handler(from, body, remainingMs, call)]
    } catch (error) {
      this.#options.failed(call.method, error)
      reply = [messageTypes.failure, id, 'failed' satisfies FailureCode]
    }
    this.#end(id, call, reply)
  }

  #end(id: number, call: ServedCall, reply: Message): void {
    // ended by the sweep, or with the link
    if (this.#calls.get(id) !== call) return
    this.#calls.delete(id)
    this.#bytes -= call.bytes
    this.#options.send(reply)
  }
}

/** One listener of the feed: what it is told while it keeps up, what it may say, and when it is let go. */
import type { RawData, WebSocket } from 'ws'
import type { Clock } from '../../runtime/clock.ts'
import { feedLimits as limits } from './feed-limits.ts'
import type { FeedError, FeedMessage } from './feed-messages.ts'
import type { Operator } from './tokens.ts'

/** Close codes beside those of the protocol. */
export const sessionEnded = 4401
const policyViolated = 1008

export class FeedClient {
  readonly #socket: WebSocket
  readonly #clock: Clock
  readonly #operator: Operator
  readonly #startedAt: number
  #heardAt: number
  #pingedAt: number
  /** Since when it has unread bytes beyond the limit; what it missed comes as one snapshot. */
  #behindSince: number | undefined
  #needsSnapshot = true
  #strikes = 0
  #second = 0
  #messages = 0

  /** @param ended is called once, whoever ended it. */
  constructor(socket: WebSocket, clock: Clock, operator: Operator, ended: () => void) {
    this.#socket = socket
    this.#clock = clock
    this.#operator = operator
    this.#startedAt = clock.monotonic()
    this.#heardAt = this.#startedAt
    this.#pingedAt = this.#startedAt
    socket.on('message', (data, isBinary) => this.#hear(data, isBinary))
    socket.on('pong', () => (this.#heardAt = clock.monotonic()))
    // a frame that breaks the protocol: ws closes with the right code by itself
    socket.on('error', () => undefined)
    socket.once('close', ended)
  }

  /** @param change what changed in the last second; a snapshot is made only for those that need one. */
  tell(change: string | undefined, snapshot: () => string): void {
    if (this.#isOver()) return
    const now = this.#clock.monotonic()
    const { bufferedAmount } = this.#socket
    if (bufferedAmount > limits.coalesceBytes) {
      this.#behindSince ??= now
      this.#needsSnapshot = true
      const dropped = bufferedAmount > limits.bufferedBytesMax || now - this.#behindSince > limits.behindMs
      // it does not read, so it would not read a farewell
      if (dropped) this.#socket.terminate()
      return
    }
    this.#behindSince = undefined
    if (this.#needsSnapshot || change === undefined) this.#socket.send(snapshot())
    else this.#socket.send(change)
    this.#needsSnapshot = false
    this.#checkLife(now)
  }

  end(code: number): void {
    this.#socket.close(code)
    // a client that does not answer the farewell would keep the server open
    this.#clock.schedule(limits.everyMs, () => this.#socket.terminate())
  }

  #isOver(): boolean {
    const { expiresAt } = this.#operator
    const isExpired = expiresAt !== undefined && this.#clock.now() >= expiresAt
    if (!isExpired && this.#clock.monotonic() - this.#startedAt < limits.sessionMs) return false
    this.end(sessionEnded)
    return true
  }

  #checkLife(now: number): void {
    if (now - this.#heardAt > limits.silentMs) this.#socket.terminate()
    else if (now - this.#pingedAt >= limits.pingEveryMs) {
      this.#pingedAt = now
      this.#socket.ping()
    }
  }

  #hear(data: RawData, isBinary: boolean): void {
    const now = this.#clock.monotonic()
    this.#heardAt = now
    const second = Math.floor(now / 1_000)
    this.#messages = second === this.#second ? this.#messages + 1 : 1
    this.#second = second
    if (this.#messages > limits.messagesPerSecondMax) return this.end(policyViolated)
    const code = isBinary ? 'message_not_text' : errorIn(data)
    if (code === undefined) return this.#say({ type: 'pong' })
    this.#say({ type: 'error', code })
    this.#strikes += 1
    if (this.#strikes >= limits.strikesMax) this.end(policyViolated)
  }

  #say(message: FeedMessage): void {
    if (this.#socket.bufferedAmount <= limits.coalesceBytes) this.#socket.send(JSON.stringify(message))
  }
}

function errorIn(data: RawData): FeedError['code'] | undefined {
  let message: unknown
  try {
    // ws hands a text over as one buffer
    message = JSON.parse((data as Buffer).toString('utf8'))
  } catch {
    return 'message_invalid'
  }
  if (typeof message !== 'object' || message === null || Object.keys(message).length !== 1) return 'message_invalid'
  return (message as { readonly type?: unknown }).type === 'ping' ? undefined : 'message_type_unknown'
}

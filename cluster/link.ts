/**
 * Links as everything above them sees them: one long-lived connection per pair of processes, calls with answers, and
 * messages without. What carries the frames is behind {@link Network}: ws in production, memory in the simulation.
 */
import type { Cancel } from '../runtime/clock.ts'
import type { Incarnation, Role } from './member.ts'

/** Who is at the other end, from its hello and, under TLS, from its certificate. */
export interface Peer extends Incarnation {
  readonly roles: readonly Role[]
  readonly build: string
  readonly protocol: number
}

export interface CallOptions {
  /** Nobody waits for the answer after this; the other end is told. */
  readonly timeoutMs: number
  /** Size of what the call carries, for credits; 0 where unknown. */
  readonly bytes?: number
}

export interface Link {
  readonly peer: Peer
  readonly isOpen: boolean
  /**
   * Beyond the peer's credit it waits in a bounded queue. An answer that the peer sent without a body is undefined.
   * @throws {LinkError} (as a rejection).
   */
  call(method: string, body: unknown, options: CallOptions): Promise<unknown>
  /** Sent if the link is open and there is room, else dropped: for hints and feeds. */
  tell(topic: string, body: unknown): void
}

/**
 * Why a link ended. `reset`: the established connection was reset or closed without a goodbye. `replaced`: another link to
 * the same node is up already and took over; calls that were under way on this one have been waited for.
 */
export type LinkEnd = 'closed' | 'reset' | 'silent' | 'malformed' | 'replaced' | 'refused_peer'

export interface LinkEvents {
  up(link: Link): void
  down(link: Link, end: LinkEnd): void
  /** The link of this living peer was reset before, and now nobody listens at its address: its process is gone. */
  gone(peer: Incarnation): void
  /** A message without an answer. */
  told(from: Peer, topic: string, body: unknown): void
}

/** What a handler can learn of the call it answers. */
export interface IncomingCall {
  /** Nobody waits for the answer any more: the caller's time was up, or the link has ended. */
  readonly isCancelled: boolean
  /** At most one listener; called at once where the call is cancelled already. */
  onCancel(listener: () => void): void
}

/**
 * Answers calls of peers. A rejection reaches the caller as `call_failed`, without its text.
 * @param deadlineMs how long the caller still waits, in milliseconds from now.
 */
export type CallHandler = (from: Peer, body: unknown, deadlineMs: number, call: IncomingCall) => Promise<unknown>

export interface Links {
  /** Keeps a link to each of these, and to nobody else that it dialled; peers that dialled us are kept as they are. */
  connectTo(peers: readonly (Incarnation & { readonly address: string })[]): void
  /** The open link to this incarnation. */
  to(peer: Incarnation): Link | undefined
  readonly all: readonly Link[]
  onCall(method: string, handler: CallHandler): void
  on(events: Partial<LinkEvents>): Cancel
  /** Says goodbye on every link, then ends them. */
  close(): Promise<void>
}

export type LinkErrorCode =
  /** Nothing was sent. */
  | 'link_closed'
  /** It was sent, and the link ended before the answer: nobody knows. */
  | 'link_lost'
  /** Too much is under way on this link, and the call was given to nobody. */
  | 'link_overloaded'
  | 'call_timeout'
  /** The other end could not handle it. */
  | 'call_failed'
  /** The other end knows no such method. */
  | 'call_unknown'
  /** The body is too large, too deep, or of a type that frames do not carry: nothing was sent. */
  | 'call_unsendable'

export class LinkError extends Error {
  override readonly name = 'LinkError'
  readonly code: LinkErrorCode
  readonly canRetry: boolean

  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.canRetry = code !== 'call_unknown' && code !== 'call_unsendable'
  }

  /** Whether the call may have reached the other end. */
  get maybeDelivered(): boolean {
    return this.code !== 'link_closed' && this.code !== 'link_overloaded' && this.code !== 'call_unsendable'
  }
}

// --- what carries frames -------------------------------------------------------------------------------------------------

/** A connected pipe of binary frames. Frames arrive in order, whole, or not at all. */
export interface Pipe {
  send(frame: Uint8Array): void
  /** Bytes handed over and not yet taken by the operating system. */
  readonly buffered: number
  /** Orderly end; frames sent before it are delivered. */
  close(): void
  /** At once. */
  destroy(): void
}

export interface PipeEvents {
  frame(frame: Uint8Array): void
  /** {@link Pipe.buffered} is 0 again after a frame had to wait; not promised after small amounts (64 KiB). */
  drained(): void
  /**
   * `reset`: without a goodbye; `malformed`: the other end broke the carrier's own rules. Called once and last, and not at all
   * after {@link Pipe.destroy}.
   */
  ended(how: 'closed' | 'reset' | 'malformed'): void
}

/** What TLS says of the other end; undefined without TLS. */
export interface PipeIdentity {
  readonly node: string
  readonly roles: readonly Role[]
}

export type Accept = (pipe: Pipe, identity: PipeIdentity | undefined) => PipeEvents

export interface Network {
  /** @returns the address others dial. */
  listen(accept: Accept): Promise<string>
  /** @throws {DialError} */
  dial(
    address: string,
    events: PipeEvents,
  ): Promise<{ readonly pipe: Pipe; readonly identity: PipeIdentity | undefined }>
  close(): Promise<void>
}

export class DialError extends Error {
  override readonly name = 'DialError'
  /** Nobody listens there (ECONNREFUSED), as against not being reached. */
  readonly refused: boolean

  constructor(message: string, refused: boolean, options?: ErrorOptions) {
    super(message, options)
    this.refused = refused
  }
}

/** What one connection asks of the links it belongs to (links.ts), and what both know of how connections end. */
import type { Clock } from '../runtime/clock.ts'
import type { Hello } from './frame-hello.ts'
import type { CallHandler, LinkEnd, Peer } from './link.ts'
import type { Connection } from './links-connection.ts'
import type { LinkLimits } from './links-limits.ts'
import type { LinksObserver, RefusalReason } from './links-observer.ts'

/** What a connection needs of the links it belongs to. */
export interface ConnectionHost {
  readonly self: Peer
  /** Unix ms. */
  readonly startedAt: number
  readonly clock: Clock
  readonly limits: LinkLimits
  readonly observer: LinksObserver
  readonly defer: (callback: () => void) => void
  nextCallId(): number
  handlerOf(method: string): CallHandler | undefined
  /** The peer's hello is right: why it is refused all the same, or undefined. */
  admit(hello: Hello): RefusalReason | undefined
  /** The connection is open; called once, after this end's hello was queued. */
  opened(connection: Connection): void
  ended(connection: Connection, end: LinkEnd, wasOpen: boolean): void
  told(connection: Connection, topic: string, body: unknown): void
  /** The peer asks for a new connection in place of this one. */
  redial(connection: Connection): void
}

/** Reasons in a bye. */
export const byeReasons = {
  /** The process stops: it is not dialled until it starts anew. */
  stopping: 'stopping',
  unwanted: 'unwanted',
  replaced: 'replaced',
  malformed: 'malformed',
} as const

export const endByReason: Readonly<Record<string, LinkEnd>> = {
  [byeReasons.stopping]: 'closed',
  [byeReasons.unwanted]: 'closed',
  [byeReasons.replaced]: 'replaced',
  [byeReasons.malformed]: 'malformed',
}

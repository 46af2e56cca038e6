/** What links tell of themselves, for logs and metrics. Nothing here carries bodies or addresses of callers. */
import type { Incarnation } from './member.ts'

/** Why a peer is not talked to; stable, also on the wire. */
export type RefusalReason =
  | 'protocol_version'
  | 'bad_hello'
  /** It has the name of this node. */
  | 'own_name'
  /** It meant another process than this one. */
  | 'not_me'
  /** Another process answered at the address that was dialled. */
  | 'not_who_was_dialled'
  /** Only nodes are dialled, and it is none. */
  | 'role'
  | 'certificate_node'
  | 'certificate_role'
  /** A later incarnation of this node is known. */
  | 'older_incarnation'
  | 'too_many_peers'
  | 'stopping'

export type Dropped =
  /** For a call that nobody waits for, or that was never made; or ours, when the link had ended. */
  | 'answer'
  /** A hint for which there was no room or no link. */
  | 'tell'
  /** Ignorable, and of a newer build. */
  | 'unknown_message'
  /** Too large, too deep, or of a type that frames do not carry. */
  | 'unsendable'

export interface LinksObserver {
  frameSent?(bytes: number, messages: number): void
  frameReceived?(bytes: number, messages: number): void
  dropped?(what: Dropped): void
  /** This end refused the peer. */
  refused?(reason: RefusalReason, peer: Incarnation | undefined): void
  /** The peer refused this end, or was stopping. */
  refusedBy?(reason: string, peer: Incarnation | undefined): void
  /** A frame broke the rules; its link has ended. */
  malformed?(problem: string, peer: Incarnation | undefined): void
  /** A handler rejected; `error` is undefined where it never settled. */
  handlerFailed?(method: string, error: unknown): void
  dialFailed?(peer: Incarnation, error: unknown): void
}

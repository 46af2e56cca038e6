/**
 * What the host must know of a kind of actor. The host is the same for payments, merchants and whatever comes: a kind
 * brings its pure decider and says how its answers, effects and timers look.
 */
import type { Decision, RequestRecord, RowMeta } from '../domain/decision.ts'
import type { Transfer } from '../domain/ledger/transfer.ts'
import type { Address } from '../domain/ids.ts'
import type { ReadRows } from './read-rows.ts'

export interface DecideContext {
  readonly address: Address
  /** Unix milliseconds, never before the entity's last decision. */
  readonly now: number
  readonly epoch: number
}

export interface EntityTimer {
  readonly kind: string
  /** Operation id, or empty. */
  readonly operationId: string
  /** Unix milliseconds. */
  readonly due: number
}

/** A decision as the host journals it. */
export interface Accepted<State, Event, Effect> {
  readonly state: State
  readonly events: readonly Event[]
  readonly transfers: readonly Transfer[]
  readonly effects: readonly Effect[]
}

/** State split for a snapshot: what may be stored in the clear, and personal data, which may not. */
export interface SnapshotParts {
  readonly state: object
  readonly private: object | undefined
}

const snakeNames = new Map<string, string>()

/** `CreatePayment` as the journal writes it: `create_payment`. */
export function snakeCase(name: string): string {
  let snake = snakeNames.get(name)
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`)
    snakeNames.set(name, snake)
  }
  return snake
}

export interface DirectoryEntry {
  readonly merchant: string
  readonly version: number
  readonly configuration: object
}

/** What a PSP knows something of the entity by. */
export interface PspReference {
  readonly connection: string
  readonly reference: string
}

/** What a PSP pushed, as operators list it. */
export interface NoticeEntry {
  readonly connection: string
  /** The PSP's identity of it. */
  readonly id: string
  readonly type: string
  /** Our operation that it names, where it does. */
  readonly operationId?: string
  /** Unix milliseconds. */
  readonly receivedAt: number
  readonly standing:
    | { readonly status: 'received' }
    | { readonly status: 'delivered'; readonly payment: string }
    | { readonly status: 'orphaned'; readonly reason: string }
    | { readonly status: 'kept' }
}

/** What is kept of a state beside its timers, where it can be found without knowing the entity. */
export interface Projection {
  /** What the directory of merchants shows of it, where it is one. */
  readonly merchant?: DirectoryEntry
  /** Once kept, they stay: a state that no longer has one is still found by it. */
  readonly pspReferences?: readonly PspReference[]
  readonly notice?: NoticeEntry
}

export const emptyProjection: Projection = {}

/** A row of the journal, decoded, with the states around it. */
export interface PastDecision<State, Event> {
  readonly seq: number
  /** Unix milliseconds. */
  readonly at: number
  readonly epoch: number
  readonly events: readonly Event[]
  readonly before: State | undefined
  readonly after: State
}

export interface EntityKind<State, Command, Event extends object, Rejection, Effect, Answer> {
  /** Prefix of the journal's `type` column. */
  readonly name: string
  /** The command's name in the journal's `type` column, behind the kind's: lower case, digits and `_`. */
  commandType(command: Command): string
  /**
   * What must be known before the command is decided, where it is not known yet: the command waits for it, once. Settles in
   * bounded time and never rejects.
   */
  prepare?(command: Command): Promise<void> | undefined
  decide(state: State | undefined, command: Command, context: DecideContext): Decision<Event, Rejection>
  /**
   * Told of each decision that goes to the journal, at once, so that what is limited over entities is counted before the next one
   * decides. What it answers is called where the decision turns out not to be stored, or nobody here will know.
   */
  journaling?(after: State, events: readonly Event[]): (() => void) | undefined
  /** Folds one decision. Total: what is journaled is never refused. */
  apply(state: State | undefined, events: readonly Event[], meta: RowMeta): State
  transfers(before: State | undefined, events: readonly Event[], after: State): readonly Transfer[]
  effects(state: State, events: readonly Event[]): readonly Effect[]
  timers(state: State): readonly EntityTimer[]
  /** The command that tells the entity of a timer that fell due. */
  timerCommand(timer: { readonly kind: string; readonly operationId: string }): Command
  /** Kinds of timers whose presence means that an operation is open: such entities are loaded when their shard opens. */
  readonly openTimerKinds: readonly string[]
  projection(state: State): Projection
  /** What the read side shows of it; absent where it shows nothing of this kind. */
  readRows?(address: Address, state: State): ReadRows
  /**
   * Sent before anything else to an entity that was read from the journal, where operations may have lost their outcome.
   * @param newOwner its last decision was made under another epoch.
   */
  recovery(state: State, newOwner: boolean): Command | undefined
  sequence(state: State): number
  updatedAt(state: State): number
  /** Nothing more is expected to happen: passivated first. */
  isClosed(state: State): boolean
  /** A query: answered from the state, appends nothing. Undefined where the command is no query. */
  read(state: State | undefined, command: Command): Answer | undefined
  /** A query about the entity's past, not refused by {@link read}: answered from its rows, appends nothing. */
  wantsHistory?(command: Command): boolean
  /** @param decisions all of them, oldest first, as far as they were durable when the query's turn came. */
  answerHistory?(decisions: readonly PastDecision<State, Event>[], command: Command): Answer
  /**
   * The key under which the command's outcome is awaited: a merchant's idempotency key, or one of the kind's own; undefined
   * for facts, timers and whatever is answered as soon as it is durable.
   */
  requestKey(command: Command): string | undefined
  request(state: State, key: string): RequestRecord | undefined
  /** @param request absent where the command was no merchant's request. */
  answer(state: State | undefined, request: RequestRecord | undefined, replayed: boolean): Answer
  reject(rejection: Rejection, state: State | undefined): Answer
  inUse(): Answer
  snapshot(state: State): SnapshotParts
  restore(parts: SnapshotParts): State
  /** Absent where entities of this kind keep their rows for ever. */
  readonly archiving?: Archiving<State, Answer>
}

/** What must be known of a kind whose closed entities' rows may leave the database (archived.ts). */
export interface Archiving<State, Answer> {
  /** Nothing of it is open, and nobody waits for anything. */
  isArchivable(state: State): boolean
  /** Sequences, but for the last, whose states answer requests that may still be repeated at `now` (unix ms). */
  answeredSequences(state: State, now: number): readonly number[]
  /** To a query for history whose rows were archived. */
  historyArchived(): Answer
}

/**
 * A kind whose types only the kind itself knows: the host carries states and commands, it never looks into them, and hands a
 * kind only what came from the same kind. Every kind is one, because methods are compared both ways.
 */
export type AnyKind = EntityKind<unknown, unknown, object, unknown, unknown, unknown>

/** Of a kind what folds its decisions: all that whoever reads its journal needs. */
export type StatesOf = Pick<AnyKind, 'apply' | 'sequence' | 'snapshot' | 'restore' | 'archiving'>

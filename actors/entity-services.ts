/** What an entity gets from its host. */
import type { Transfer } from '../domain/ledger/transfer.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Ask } from './ask.ts'
import type { Deadlines } from './deadlines.ts'
import type { Entity } from './entity.ts'
import type { Journal } from './journal.ts'
import type { Scheduler } from './scheduler.ts'

export interface CommittedDecision {
  readonly position: number
  /** Unix milliseconds. */
  readonly at: number
  readonly transfers: readonly Transfer[]
  readonly effects: readonly unknown[]
}

export interface EntityServices {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly deadlines: Deadlines
  readonly journal: Journal
  readonly limits: {
    /** Commands that may wait in one entity's inbox. */
    readonly inboxMax: number
    /** Decisions of one entity that may be on their way to the journal. */
    readonly pipelineMax: number
    readonly loadRetryMs: number
  }
  /** The recovery of this activation: where the shard moves on, its next owner makes its own. */
  recoveryAsk(entity: Entity, command: unknown): Ask
  /** A decision became durable: effects may leave, timers, cursors and the read side must follow. */
  committed(entity: Entity, decision: CommittedDecision): void
  /** Something that should not happen did; goes to the log and the metrics. */
  trouble(
    entity: Entity,
    what: 'entity_quarantined' | 'entity_crashed' | 'load_failed' | 'append_refused',
    error: unknown,
  ): void
  /** The entity is idle now, or has been used. */
  touched(entity: Entity): void
  /** Its rows were read: it decides now, or it is quarantined. */
  loaded(entity: Entity): void
  removed(entity: Entity): void
}

/**
 * Answers that are made from an entity's rows instead of its state: what it was at an earlier decision, or all that became
 * of it. Rows are durable, so nothing here waits for the journal; what cannot be read, or was archived, is said, never guessed.
 */
import type { RequestRecord } from '../domain/decision.ts'
import type { Ask } from './ask.ts'
import type { Entity } from './entity.ts'
import type { EntityServices } from './entity-services.ts'
import { fold, foldHistory } from './fold.ts'
import type { StoredEntity } from './journal.ts'

/** Answers with the state as it was at `seq`, which every replay of that request shows. */
export function answerAt(
  entity: Entity,
  services: EntityServices,
  ask: Ask,
  seq: number,
  request: RequestRecord,
): void {
  const { kind } = entity
  fromRows(entity, services, ask, seq, (stored) => kind.answer(fold(kind, stored, seq), request, true))
}

/** Answers from the rows of every decision that is durable by now. */
export function answerHistory(entity: Entity, services: EntityServices, ask: Ask): void {
  const { kind, state } = entity
  const last = state === undefined ? 0 : kind.sequence(state)
  // Up to 0: no snapshot stands in for rows.
  fromRows(entity, services, ask, 0, (stored) =>
    stored.archived === undefined
      ? kind.answerHistory?.(foldHistory(kind, stored, last), ask.command)
      : kind.archiving?.historyArchived(),
  )
}

function fromRows(
  entity: Entity,
  services: EntityServices,
  ask: Ask,
  upTo: number,
  answer: (stored: StoredEntity) => unknown,
): void {
  services.journal.load(entity.address, upTo).then(
    (stored) => {
      try {
        ask.answer(answer(stored))
      } catch (error) {
        services.trouble(entity, 'load_failed', error)
        ask.unavailable('not_accepted', 'entity_unreadable')
      }
    },
    () => ask.unavailable('not_accepted', 'journal_unavailable'),
  )
}

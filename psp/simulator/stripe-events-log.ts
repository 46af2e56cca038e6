/**
 * Stripe's events, oldest first, for 30 days. Filled from the book alone, at start and while running alike: a line has the
 * ids and types of its events, what they show are the records before and after it.
 */
import type { BookLine, LineEvent } from './book.ts'
import type { IdSource } from './ids.ts'
import type { StripeRecord } from './records.ts'
import { eventOfReportRun, eventsOf, evolvedScene, intentOf, sceneOf } from './stripe-events.ts'
import type { StripeEvent } from './stripe-events-render.ts'
import type { World } from './world.ts'

const keptMs = 30 * 24 * 3600 * 1000

/** The events of new versions of records, for the line that will hold both. */
export function newEvents(world: World, ids: IdSource, records: readonly StripeRecord[]): readonly LineEvent[] {
  const before = sceneOf(world, intentOf(records) ?? '')
  const after = evolvedScene(before, records)
  const ofPayment = after === undefined ? [] : eventsOf(before, after)
  const ofRuns = records.flatMap((record) => (record.kind === 'report_run' ? eventOfReportRun(record) : []))
  return [...ofPayment, ...ofRuns].map((fact) => ({ id: ids.next('evt'), ...fact }))
}

export class StripeEventLog {
  readonly #events = new Map<string, StripeEvent>()
  readonly #onEvent: (event: StripeEvent) => void

  /** @param onEvent told of every event in the book, old ones too. */
  constructor(onEvent: (event: StripeEvent) => void) {
    this.#onEvent = onEvent
  }

  /** Takes a line before the world has taken it. */
  apply(line: BookLine, world: World): void {
    if (line.events === undefined) return
    const before = sceneOf(world, intentOf(line.records) ?? '')
    const after = evolvedScene(before, line.records)
    const { request_id: id, events, records } = line
    const request = id === null ? null : { id, idempotency_key: events.idempotency_key }
    const run = records.find((record) => record.kind === 'report_run')
    for (const fact of events.list) {
      if (run !== undefined) this.#take({ ...fact, at: line.at, request, run })
      else if (after !== undefined) this.#take({ ...fact, at: line.at, request, before, after })
    }
    this.#forget(line.at - keptMs)
  }

  get(id: string): StripeEvent | undefined {
    return this.#events.get(id)
  }

  /** Oldest first. */
  all(): IterableIterator<StripeEvent> {
    return this.#events.values()
  }

  #take(event: StripeEvent): void {
    this.#events.set(event.id, event)
    this.#onEvent(event)
  }

  #forget(until: number): void {
    for (const event of this.#events.values()) {
      if (event.at > until) return
      this.#events.delete(event.id)
    }
  }
}

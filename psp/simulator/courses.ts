/**
 * What time does by itself: refunds that end in another status, holds that run out, balance transactions that are told
 * late, report runs that succeed. Each becomes new versions of records once it falls due, also after a restart, so that events tell of it.
 */
import type { Cancel, Clock } from '../../runtime/clock.ts'
import type { IdSource } from './ids.ts'
import { balanceDelaySeconds, intentAt, refundCourseSeconds, reportRunSeconds, type StripeRecord } from './records.ts'
import type { World } from './world.ts'

/** Unix seconds at which time changes this record, as things are. */
export function dueAt(record: StripeRecord, world: World): number | undefined {
  switch (record.kind) {
    case 'refund': {
      const ended = record.course === 'succeeds' || record.course === 'failed'
      return ended ? undefined : record.created + refundCourseSeconds
    }
    case 'charge':
      if (record.captured && record.balanceTransaction === null) return record.created + balanceDelaySeconds
      if (record.captureBefore === null || record.released) return undefined
      return world.intent(record.intent)?.status === 'requires_capture' ? record.captureBefore : undefined
    case 'report_run':
      return record.succeededAt === null ? record.created + reportRunSeconds : undefined
    case 'intent':
    case 'dispute':
    case 'closed_day':
      return undefined
  }
}

/** The versions of records that time makes of one that fell due. */
export function afterDue(record: StripeRecord, world: World, ids: IdSource): readonly StripeRecord[] {
  const at = dueAt(record, world)
  if (at === undefined) return []
  if (record.kind === 'refund') {
    return [{ ...record, course: record.course === 'succeeds_then_fails' ? 'failed' : 'succeeds' }]
  }
  if (record.kind === 'report_run') return [{ ...record, succeededAt: at }]
  if (record.kind !== 'charge') return []
  if (record.captured && record.balanceTransaction === null) {
    return [{ ...record, balanceTransaction: ids.next('txn') }]
  }
  const intent = world.intent(record.intent)
  return intent === undefined ? [] : [intentAt(intent, at), { ...record, released: true }]
}

export interface CoursesOptions {
  readonly world: World
  readonly clock: Clock
  /** Writes the new versions of a record that fell due. */
  readonly conclude: (id: string) => void
}

/** The timers of all records that time will change; a new version of a record replaces its timer. */
export class Courses {
  readonly #options: CoursesOptions
  readonly #timers = new Map<string, Cancel>()

  constructor(options: CoursesOptions) {
    this.#options = options
  }

  follow(records: Iterable<StripeRecord>): void {
    const { world, clock, conclude } = this.#options
    for (const record of records) {
      this.#timers.get(record.id)?.()
      this.#timers.delete(record.id)
      const due = dueAt(record, world)
      if (due === undefined) continue
      const cancel = clock.schedule(Math.max(0, due * 1000 - clock.now()), () => {
        this.#timers.delete(record.id)
        conclude(record.id)
      })
      this.#timers.set(record.id, cancel)
    }
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }
}

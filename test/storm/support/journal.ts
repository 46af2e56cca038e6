/**
 * What the journal says in the end, by the auditor's decoder and fold, which share no code with what they judge: payments as
 * they became, how often an outcome was in doubt and why, and where each notice of a PSP ended up.
 */
import { decodeDecision, type DecodedEvent, textOf } from '../../../loadtest/auditor/decode.ts'
import { idOfEntity, shards } from '../../../loadtest/auditor/ids.ts'
import type { JournalRow } from '../../../loadtest/auditor/journal-source.ts'
import type { Operation } from '../../../loadtest/auditor/operations.ts'
import { PaymentLife } from '../../../loadtest/auditor/payment-life.ts'
import { isOpen } from '../../../loadtest/auditor/payment-machine.ts'
import { PostgresJournal } from '../../../loadtest/auditor/postgres-journal.ts'

/** What is open waits for a person; a shopper whose abort does so is not awaited any more. */
export function isWithPerson({ operations }: PaymentLife): boolean {
  const open = operations.all.filter(({ state }) => isOpen(state))
  return open.length > 0 && open.every((each) => each.state === 'manual' || isAbortWithPerson(each, open))
}

export function isAbortWithPerson({ id, state }: Operation, open: readonly Operation[]): boolean {
  return (
    state === 'requires_action' &&
    open.some((each) => each.kind === 'void' && each.attemptId === id && each.state === 'manual')
  )
}

export class JournalView {
  /** By payment id. What the fold reports is the auditor's to tell. */
  readonly lives = new Map<string, PaymentLife>()
  /** What happened to each, for a failing test. */
  readonly trails = new Map<string, string[]>()
  /** Operations that came into doubt, by the first reason. */
  readonly doubts = new Map<string, string>()
  /** How often something happened that makes a storm one, by event. */
  readonly events = new Map<string, number>()
  /** Standing of each notice, by the entity of its inbox. */
  readonly notices = new Map<string, string>()

  static async read(databaseUrl: string): Promise<JournalView> {
    const view = new JournalView()
    const journal = await PostgresJournal.open(databaseUrl)
    try {
      for await (const rows of journal.rows(0, shards - 1)) for (const row of rows) view.#take(row)
    } finally {
      await journal.close()
    }
    return view
  }

  /** What goes on by itself: payments with something open that no person was asked about, notices that found no place yet. */
  get restless(): readonly string[] {
    const payments = [...this.lives].filter(([, life]) => life.isOpen && !isWithPerson(life))
    const notices = [...this.notices].filter(([, standing]) => standing === 'received')
    return [
      ...payments.map(([id]) => [id, ...(this.trails.get(id) ?? [])].join('\n  ')),
      ...notices.map(([entity]) => `notice ${entity}`),
    ]
  }

  #take({ entity, type, seq, at, data }: JournalRow): void {
    if (type.startsWith('psp_notice.')) {
      for (const event of decodeDecision(data).events) this.#notice(entity, event)
    }
    if (!type.startsWith('payment.')) return
    const id = idOfEntity(entity)
    const life = this.lives.get(id) ?? new PaymentLife(() => undefined)
    this.lives.set(id, life)
    const decided = decodeDecision(data)
    life.decide(seq, at, decided)
    const trail = this.trails.get(id) ?? []
    this.trails.set(id, trail)
    for (const event of decided.events) {
      trail.push(
        `${new Date(at).toISOString()} ${event.type} ${textOf(event, 'operationId')} ${textOf(event, 'reason')}`,
      )
      if (noteworthy.has(event.type)) this.events.set(event.type, (this.events.get(event.type) ?? 0) + 1)
      const operation = textOf(event, 'operationId')
      if (event.type === 'OutcomeUnknown' && !this.doubts.has(operation)) {
        this.doubts.set(operation, textOf(event, 'reason'))
      }
    }
  }

  #notice(entity: string, event: DecodedEvent): void {
    const standing = standings[event.type]
    if (standing !== undefined) {
      this.notices.set(entity, event.type === 'NoticeOrphaned' ? `orphaned, ${textOf(event, 'reason')}` : standing)
    }
  }
}

const noteworthy: ReadonlySet<string> = new Set([
  'ActionRequired',
  'CancelRequested',
  'InquiryPlanned',
  'LateSuccess',
  'FactConflict',
])

const standings: Readonly<Record<string, string>> = {
  NoticeReceived: 'received',
  NoticeDelivered: 'delivered',
  NoticeKept: 'kept',
  NoticeOrphaned: 'orphaned',
}

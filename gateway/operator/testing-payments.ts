/** For tests of the operators' edge: payments that the real machine decides, and what is looked for over all of them. */
import { addressOfPayment } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { PaymentCommand, TimerKind } from '../../domain/payment/commands.ts'
import { payment, rejection, type Scenario, timers, when } from '../../domain/payment/testing/scenario.ts'
import type { EntityKey, JournalEntry, NoticeEntry, OperationKey, OperatorReader } from './deps.ts'
import type { JournalInMemory } from './testing.ts'

export class PaymentsInMemory implements OperatorReader {
  /** The oldest first. */
  noticeEntries: readonly NoticeEntry[] = []
  /** Operations that had been in doubt when the list was last brought up to date. */
  doubted: readonly OperationKey[] = []
  /** Captures that had waited for people then. */
  unwanted: readonly OperationKey[] = []
  readonly #journal: JournalInMemory
  readonly #scenarios = new Map<string, Scenario>()

  constructor(journal: JournalInMemory) {
    this.#journal = journal
  }

  /** The payment as it is from here on. */
  give(scenario: Scenario): void {
    const address = addressOfPayment(payment(scenario).id)
    if (address === undefined) throw new Error('a scenario is about a payment')
    this.#scenarios.set(address.entity, scenario)
    const rows = scenario.rows.map(({ events, meta }, index): JournalEntry => {
      const { seq, epoch, at } = meta
      const command = seq.toString(16).padStart(32, '0')
      return { ...address, seq, epoch, at, command, events, position: index + 1, type: 'payment.test' }
    })
    this.#journal.rows = [...this.#journal.rows.filter(({ entity }) => entity !== address.entity), ...rows]
    const withTimers = (keys: readonly OperationKey[], kinds: readonly TimerKind[]): readonly OperationKey[] => {
      const its = timers(scenario).filter(({ kind }) => kinds.includes(kind))
      const others = keys.filter(({ entity }) => entity !== address.entity)
      return [...others, ...its.map(({ operationId }) => ({ ...address, operation: operationId }))].sort(byPlace)
    }
    this.doubted = withTimers(this.doubted, ['inquiry', 'manual'])
    this.unwanted = withTimers(this.unwanted, ['compensation'])
  }

  tell(entity: string, command: PaymentCommand): PaymentAnswer {
    const before = this.#scenarios.get(entity)
    if (before === undefined) return { kind: 'rejected', rejection: { code: 'payment_not_found' } }
    const after = when(before, command)
    const refused = rejection(after)
    if (refused !== undefined) return { kind: 'rejected', rejection: refused }
    this.give(after)
    return { kind: 'payment', state: payment(after), replayed: false }
  }

  inDoubt(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]> {
    return this.#page(this.doubted, after, limit)
  }

  compensable(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]> {
    return this.#page(this.unwanted, after, limit)
  }

  decisions(keys: readonly EntityKey[], limit: number): Promise<readonly JournalEntry[]> {
    const rows = keys.flatMap((key) => this.#journal.rows.filter(({ entity }) => entity === key.entity).slice(0, limit))
    return this.#read(rows)
  }

  notices(...[filter, after, limit]: Parameters<OperatorReader['notices']>): Promise<readonly NoticeEntry[]> {
    const position = this.noticeEntries.findIndex(({ entity }) => entity === after?.entity)
    const found = this.noticeEntries
      .slice(position + 1)
      .filter(({ status }) => filter.statuses.includes(status))
      .filter((entry) => filter.payment === undefined || entry.payment === filter.payment)
    return this.#read(found.slice(0, limit))
  }

  #page(
    keys: readonly OperationKey[],
    after: OperationKey | undefined,
    limit: number,
  ): Promise<readonly OperationKey[]> {
    return this.#read(keys.filter((key) => after === undefined || byPlace(after, key) < 0).slice(0, limit))
  }

  #read<Rows>(rows: Rows): Promise<Rows> {
    return this.#journal.broken ? Promise.reject(new Error('connect ECONNREFUSED')) : Promise.resolve(rows)
  }
}

function byPlace(a: OperationKey, b: OperationKey): number {
  const [left, right] = [a, b].map(({ entity, operation }) => `${entity} ${operation}`)
  return (left ?? '') < (right ?? '') ? -1 : 1
}

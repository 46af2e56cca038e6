/**
 * All records as they are now, with the indexes that lists and searches need. Filled from the book alone: a record gets
 * in here by {@link World.apply}, at start and while running alike.
 */
import type {
  ChargeRecord,
  DisputeRecord,
  IntentRecord,
  RefundRecord,
  ReportRunRecord,
  StripeRecord,
} from './records.ts'

export class World {
  readonly #intents = new Map<string, IntentRecord>()
  readonly #charges = new Map<string, ChargeRecord>()
  readonly #refunds = new Map<string, RefundRecord>()
  readonly #disputes = new Map<string, DisputeRecord>()
  readonly #reportRuns = new Map<string, ReportRunRecord>()
  readonly #reportRunOfFile = new Map<string, string>()
  readonly #chargesOfIntent = new Map<string, string[]>()
  readonly #refundsOfCharge = new Map<string, string[]>()
  /** Intents by `operation_id` and `payment_id` of their metadata, as they were made. */
  readonly #intentsByMetadata = new Map<string, string[]>()

  apply(records: readonly StripeRecord[]): void {
    for (const record of records) {
      switch (record.kind) {
        case 'intent':
          if (!this.#intents.has(record.id)) this.#index(record)
          this.#intents.set(record.id, record)
          break
        case 'charge':
          if (!this.#charges.has(record.id)) append(this.#chargesOfIntent, record.intent, record.id)
          this.#charges.set(record.id, record)
          break
        case 'refund':
          if (!this.#refunds.has(record.id)) append(this.#refundsOfCharge, record.charge, record.id)
          this.#refunds.set(record.id, record)
          break
        case 'dispute':
          this.#disputes.set(record.id, record)
          break
        case 'report_run':
          this.#reportRuns.set(record.id, record)
          this.#reportRunOfFile.set(record.file.id, record.id)
          break
        case 'closed_day':
          // the ledger's
          break
      }
    }
  }

  intent(id: string): IntentRecord | undefined {
    return this.#intents.get(id)
  }

  charge(id: string): ChargeRecord | undefined {
    return this.#charges.get(id)
  }

  dispute(id: string): DisputeRecord | undefined {
    return this.#disputes.get(id)
  }

  refund(id: string): RefundRecord | undefined {
    return this.#refunds.get(id)
  }

  reportRun(id: string): ReportRunRecord | undefined {
    return this.#reportRuns.get(id)
  }

  reportRunOfFile(file: string): ReportRunRecord | undefined {
    return this.#reportRuns.get(this.#reportRunOfFile.get(file) ?? '')
  }

  chargesOf(intent: string): readonly ChargeRecord[] {
    return resolve(this.#chargesOfIntent.get(intent), this.#charges)
  }

  refundsOf(charge: string): readonly RefundRecord[] {
    return resolve(this.#refundsOfCharge.get(charge), this.#refunds)
  }

  /** Oldest first. */
  intents(): IterableIterator<IntentRecord> {
    return this.#intents.values()
  }

  charges(): IterableIterator<ChargeRecord> {
    return this.#charges.values()
  }

  refunds(): IterableIterator<RefundRecord> {
    return this.#refunds.values()
  }

  disputes(): IterableIterator<DisputeRecord> {
    return this.#disputes.values()
  }

  reportRuns(): IterableIterator<ReportRunRecord> {
    return this.#reportRuns.values()
  }

  intentsWithMetadata(name: string, value: string): readonly IntentRecord[] {
    if (indexedNames.includes(name)) return resolve(this.#intentsByMetadata.get(`${name}=${value}`), this.#intents)
    return [...this.#intents.values()].filter((intent) => intent.metadata[name] === value)
  }

  #index(intent: IntentRecord): void {
    for (const name of indexedNames) {
      const value = intent.metadata[name]
      if (value !== undefined) append(this.#intentsByMetadata, `${name}=${value}`, intent.id)
    }
  }
}

const indexedNames: readonly string[] = ['operation_id', 'payment_id']

function append(index: Map<string, string[]>, key: string, id: string): void {
  const ids = index.get(key)
  if (ids === undefined) index.set(key, [id])
  else ids.push(id)
}

function resolve<Value>(ids: readonly string[] | undefined, records: ReadonlyMap<string, Value>): Value[] {
  return (ids ?? []).map((id) => records.get(id)).filter((record) => record !== undefined)
}

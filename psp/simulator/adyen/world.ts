/**
 * The simulated Adyen's records as they are now, with the indexes that requests need. Filled from the book alone: a record
 * gets in here by {@link AdyenWorld.apply}, at start and while running alike.
 */
import type { AdyenDispute, AdyenModification, AdyenPayment, AdyenRecord } from './records.ts'

export class AdyenWorld {
  readonly #payments = new Map<string, AdyenPayment>()
  readonly #modifications = new Map<string, AdyenModification>()
  readonly #disputes = new Map<string, AdyenDispute>()
  /** The newest payment of an account and reference. */
  readonly #paymentOfReference = new Map<string, string>()
  readonly #paymentOfRedirect = new Map<string, string>()
  readonly #modificationsOfPayment = new Map<string, Set<string>>()
  readonly #disputesOfPayment = new Map<string, Set<string>>()

  apply(records: readonly AdyenRecord[]): void {
    for (const record of records) {
      switch (record.kind) {
        case 'payment':
          this.#payments.set(record.id, record)
          this.#paymentOfReference.set(named(record.merchantAccount, record.reference), record.id)
          if (record.authentication?.redirectResult)
            this.#paymentOfRedirect.set(record.authentication.redirectResult, record.id)
          break
        case 'modification':
          this.#modifications.set(record.id, record)
          if (record.payment !== null) add(this.#modificationsOfPayment, record.payment, record.id)
          break
        case 'dispute':
          this.#disputes.set(record.id, record)
          add(this.#disputesOfPayment, record.payment, record.id)
          break
        case 'batch':
          // the ledger's
          break
      }
    }
  }

  payment(id: string): AdyenPayment | undefined {
    return this.#payments.get(id)
  }

  /** The newest that was made with the merchant's reference. */
  paymentByReference(merchantAccount: string, reference: string): AdyenPayment | undefined {
    return this.#payments.get(this.#paymentOfReference.get(named(merchantAccount, reference)) ?? '')
  }

  paymentByRedirectResult(redirectResult: string): AdyenPayment | undefined {
    return this.#payments.get(this.#paymentOfRedirect.get(redirectResult) ?? '')
  }

  modification(id: string): AdyenModification | undefined {
    return this.#modifications.get(id)
  }

  /** Oldest first. */
  modificationsOf(payment: string): readonly AdyenModification[] {
    return resolve(this.#modificationsOfPayment.get(payment), this.#modifications)
  }

  dispute(id: string): AdyenDispute | undefined {
    return this.#disputes.get(id)
  }

  disputesOf(payment: string): readonly AdyenDispute[] {
    return resolve(this.#disputesOfPayment.get(payment), this.#disputes)
  }

  /** Oldest first within each kind. */
  *records(): Generator<AdyenRecord> {
    yield* this.#payments.values()
    yield* this.#modifications.values()
    yield* this.#disputes.values()
  }
}

function named(merchantAccount: string, reference: string): string {
  return JSON.stringify([merchantAccount, reference])
}

function add(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key)
  if (ids === undefined) index.set(key, new Set([id]))
  else ids.add(id)
}

function resolve<Value>(ids: ReadonlySet<string> | undefined, records: ReadonlyMap<string, Value>): Value[] {
  return [...(ids ?? [])].map((id) => records.get(id)).filter((record) => record !== undefined)
}

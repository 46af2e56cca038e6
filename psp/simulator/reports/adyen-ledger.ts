/**
 * The simulated Adyen's merchant accounts: what moved since the last batch, and the batches. Filled from the book alone, at
 * start and while running alike.
 *
 * Guarantees: batches of an account are numbered 1, 2, 3, … without a gap; each movement is in one batch; what a batch pays
 * out and what it takes over from the one before is in the book, per currency. A balance below zero is taken over by the
 * next batch, a balance above zero is paid out whole.
 */
import { assert } from '../../../runtime/assert.ts'
import type { AdyenBatch, AdyenRecord, BatchBalance } from '../adyen/records.ts'
import type { AdyenWorld } from '../adyen/world.ts'
import { adyenMovementsOf, type AdyenMovement } from './adyen-movements.ts'
import { type AdyenFees, type AdyenPricing, adyenCaptureFees, adyenChargebackFees, noAdyenFees } from './fees.ts'

export interface ClosedBatch {
  readonly record: AdyenBatch
  readonly movements: readonly AdyenMovement[]
}

interface Account {
  open: AdyenMovement[]
  /** Unix milliseconds of the first of those. */
  openSince: number
  readonly batches: ClosedBatch[]
}

export class AdyenLedger {
  readonly #accounts = new Map<string, Account>()

  /** Takes records before the world has taken them. @param at unix milliseconds */
  apply(records: readonly AdyenRecord[], at: number, world: AdyenWorld): void {
    for (const movement of adyenMovementsOf(records, world)) {
      const account = this.#account(movement.payment.merchantAccount)
      if (account.open.length === 0) account.openSince = at
      account.open.push(movement)
    }
    for (const record of records) if (record.kind === 'batch') this.#close(record)
  }

  /** Unix milliseconds of the oldest movement that is in no batch. */
  get openSince(): number | undefined {
    const since = [...this.#accounts.values()].filter(({ open }) => open.length > 0).map(({ openSince }) => openSince)
    return since.length === 0 ? undefined : Math.min(...since)
  }

  /** Of the accounts where something moved: the next batch's number and balances. */
  due(pricing: AdyenPricing): readonly Pick<AdyenBatch, 'merchantAccount' | 'number' | 'balances'>[] {
    return [...this.#accounts]
      .filter(([, { open }]) => open.length > 0)
      .map(([merchantAccount, { open, batches }]) => {
        const before = batches.at(-1)?.record.balances ?? []
        return { merchantAccount, number: batches.length + 1, balances: balancesOf(open, before, pricing) }
      })
  }

  batch(merchantAccount: string, number: number): ClosedBatch | undefined {
    return this.#accounts.get(merchantAccount)?.batches[number - 1]
  }

  /** Account by account, oldest first. */
  *batches(): Generator<ClosedBatch, void, undefined> {
    for (const { batches } of this.#accounts.values()) yield* batches
  }

  #close(record: AdyenBatch): void {
    const account = this.#account(record.merchantAccount)
    assert(record.number === account.batches.length + 1, 'batches have no gap', { number: record.number })
    account.batches.push({ record, movements: account.open })
    account.open = []
  }

  #account(name: string): Account {
    const account = this.#accounts.get(name) ?? { open: [], openSince: 0, batches: [] }
    this.#accounts.set(name, account)
    return account
  }
}

export function feesOf({ type, gross }: AdyenMovement, pricing: AdyenPricing): AdyenFees {
  switch (type) {
    case 'Settled':
      return adyenCaptureFees(gross, pricing)
    case 'Chargeback':
      return adyenChargebackFees(pricing)
    case 'SettledReversed':
    case 'Refunded':
    case 'RefundedReversed':
    case 'ChargebackReversed':
    case 'SecondChargeback':
      return noAdyenFees
  }
}

export function totalOf({ commission, markup, schemeFees, interchange }: AdyenFees): number {
  return commission + markup + schemeFees + interchange
}

function balancesOf(
  movements: readonly AdyenMovement[],
  before: readonly BatchBalance[],
  pricing: AdyenPricing,
): readonly BatchBalance[] {
  const owed = new Map(before.map(({ currency, owedAfter }) => [currency, owedAfter]))
  const sums = new Map<string, bigint>()
  for (const [currency, amount] of owed) if (amount > 0) sums.set(currency, -BigInt(amount))
  for (const movement of movements) {
    const { currency } = movement.payment
    const net = movement.gross - totalOf(feesOf(movement, pricing))
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(net))
  }
  return [...sums].map(([currency, sum]) => {
    const balance = Number(sum)
    assert(Number.isSafeInteger(balance), "a batch's balance is a safe integer", { currency })
    return {
      currency,
      owedBefore: owed.get(currency) ?? 0,
      paidOut: Math.max(balance, 0),
      owedAfter: Math.max(-balance, 0),
    }
  })
}

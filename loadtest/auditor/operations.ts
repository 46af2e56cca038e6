/**
 * A payment's operations as the journal has them so far, and their money: what an authorization holds, what each is worth
 * in the books, and what its transfers have added up to.
 */
import type { DecodedTransfer } from './decode.ts'
import type { CheckCode } from './findings.ts'
import { isOpen, type Kind, type OperationState } from './payment-machine.ts'

export type Report = (code: CheckCode, detail: string) => void

export interface Operation {
  readonly id: string
  readonly kind: Kind
  readonly attemptId: string
  readonly cause: string
  readonly final: boolean
  readonly plannedAt: number
  amountMinor: number
  state: OperationState
  /** It was a success at some version, whatever became of it. */
  succeeded: boolean
  authorizedMinor: number
  releasedMinor: number
  reversedMinor: number
  reversed: boolean
  unwanted: boolean
  /** Sums of its transfers, first account of its kind. */
  postedMinor: number
  pendingMinor: number
}

/** The account whose balance tells what an operation is worth, by kind. */
const accountOf: Readonly<Record<Exclude<Kind, 'void'>, string>> = {
  authorize: 'auth_hold',
  capture: 'psp_receivable',
  refund: 'psp_receivable',
}

export class Operations {
  readonly #byId = new Map<string, Operation>()

  get(id: string): Operation | undefined {
    return this.#byId.get(id)
  }

  add(operation: Operation): void {
    this.#byId.set(operation.id, operation)
  }

  get all(): Operation[] {
    return [...this.#byId.values()]
  }

  /** The authorization that carries the payment: the last that succeeded and was wanted. */
  get carrying(): Operation | undefined {
    return this.all.findLast(({ kind, state, unwanted }) => kind === 'authorize' && state === 'succeeded' && !unwanted)
  }

  of(kind: Kind, attempt: Operation | undefined): Operation[] {
    return this.all.filter((each) => each.kind === kind && each.attemptId === attempt?.id)
  }

  /** What is neither captured nor given back, minor units. */
  held(attempt: Operation): number {
    const taken = sum(this.of('capture', attempt), (each) => (each.state === 'succeeded' ? each.amountMinor : 0))
    return Math.max(0, attempt.authorizedMinor - taken - attempt.releasedMinor)
  }

  /** Of these operations on the attempt that are still open. */
  reserved(kind: Kind, attempt: Operation | undefined): number {
    return sum(this.of(kind, attempt), (each) => (isOpen(each.state) ? each.amountMinor : 0))
  }

  transfer({ debit, credit, amountMinor, phase, operationId }: DecodedTransfer, report: Report): void {
    const isSound =
      typeof debit === 'string' &&
      typeof credit === 'string' &&
      debit !== credit &&
      Number.isSafeInteger(amountMinor) &&
      amountMinor > 0 &&
      ['posted', 'pending', 'released'].includes(phase)
    if (!isSound) {
      const what = JSON.stringify({ amountMinor, phase, credit, debit })
      return report('invalid_transfer', `${what} for ${operationId}`)
    }
    const each = this.#byId.get(operationId)
    if (each === undefined || each.kind === 'void') return
    const account = accountOf[each.kind]
    const sign = debit === account ? 1 : credit === account ? -1 : 0
    if (phase === 'posted') each.postedMinor += sign * amountMinor
    else each.pendingMinor += (phase === 'pending' ? sign : -sign) * amountMinor
  }

  checkBooks(report: Report): void {
    for (const each of this.all) {
      if (each.kind === 'void') continue
      const { posted, pending } = this.#worth(each)
      if (each.postedMinor === posted && each.pendingMinor === pending) continue
      const told = `${each.postedMinor} posted and ${each.pendingMinor} pending`
      report('books_differ', `${each.id}: transfers say ${told}, it is worth ${posted} and ${pending}`)
    }
  }

  #worth(each: Operation): { readonly posted: number; readonly pending: number } {
    if (each.kind === 'authorize') return { posted: this.held(each), pending: 0 }
    const sign = each.kind === 'capture' ? 1 : -1
    return { posted: sign * worthOf(each), pending: isOpen(each.state) ? sign * each.amountMinor : 0 }
  }
}

/** What a capture took or a refund gave back and that still stands, minor units. */
export function worthOf(each: Operation): number {
  if (each.state !== 'succeeded' || each.reversed) return 0
  return each.amountMinor - each.reversedMinor
}

export function sum<T>(of: readonly T[], worth: (each: T) => number): number {
  return of.reduce((total, each) => total + worth(each), 0)
}

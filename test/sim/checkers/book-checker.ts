/**
 * The judge of money: looks into the PSP's book at every effect, and compares it with the journal at the end. It knows the
 * book and what the journal's rows say; nothing of who called.
 *
 * - Nothing happens at the PSP whose intent is not stored by then.
 * - No customer is charged twice: of a payment's authorizations one at most holds or has taken money.
 * - No payment takes more than was asked.
 */
import { addressOfPayment } from '../../../domain/ids.ts'
import type { PspCall } from '../../../domain/payment/operations.ts'
import {
  type Authorization,
  givenBackMinor,
  heldMinor,
  type ModelPsp,
  takenMinor,
} from '../../../domain/payment/testing/model-psp.ts'
import type { Payment } from '../../../domain/payment/state.ts'
import type { PaymentHistories } from './payment-histories.ts'
import { claim } from './violation.ts'

const ended = ['succeeded', 'declined', 'not_sent', 'absent']

export class BookChecker {
  readonly #histories: PaymentHistories
  readonly #byPayment = new Map<string, Authorization[]>()
  effects = 0

  constructor(histories: PaymentHistories) {
    this.#histories = histories
  }

  /**
   * A request took effect for the first time.
   * @param lossDeclared stored intents may be gone: then nothing is claimed.
   */
  effect(call: PspCall, psp: ModelPsp, lossDeclared: boolean): void {
    this.effects += 1
    if (lossDeclared) return
    const state = this.#stateOf(call.paymentId)
    const planned = state === undefined ? undefined : operationsOf(state).find(({ id }) => id === call.operationId)
    claim(planned !== undefined, 'effect_without_intent', 'an intent is stored before its effect', () => ({
      operation: call.operationId,
      kind: call.kind,
    }))
    if (call.kind === 'authorize') {
      const authorization = psp.authorizations.get(call.operationId)
      const known = this.#byPayment.get(call.paymentId) ?? []
      if (authorization !== undefined) this.#byPayment.set(call.paymentId, [...known, authorization])
    }
    const authorizations = this.#byPayment.get(call.paymentId) ?? []
    const standing = authorizations.filter((each) => heldMinor(each) + takenMinor(each) - givenBackMinor(each) > 0)
    claim(standing.length <= 1, 'charged_twice', 'a customer is charged once', () => ({
      payment: call.paymentId,
      authorizations: standing.map(({ operationId, status }) => ({ operationId, status })),
    }))
    for (const authorization of authorizations) {
      claim(takenMinor(authorization) <= authorization.askedMinor, 'taken_more_than_asked', 'no more is taken', () => ({
        operation: authorization.operationId,
        taken: takenMinor(authorization),
        asked: authorization.askedMinor,
      }))
    }
  }

  /** At the end: payments none of whose operations is open say what the book says. Answers how many were compared. */
  compare(): number {
    let compared = 0
    for (const [paymentId, authorizations] of this.#byPayment) {
      const state = this.#stateOf(paymentId)
      if (state === undefined || state.review || operationsOf(state).some(({ status }) => !ended.includes(status)))
        continue
      compared += 1
      for (const authorization of authorizations) {
        const id = authorization.operationId
        const captures = state.captures.filter((each) => each.attemptId === id && each.status === 'succeeded')
        const refunds = state.refunds.filter((each) => each.attemptId === id && each.status === 'succeeded')
        const captured = captures.reduce((sum, { amountMinor, reversedMinor }) => sum + amountMinor - reversedMinor, 0)
        const refunded = refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0)
        claim(
          captured === takenMinor(authorization) && refunded === givenBackMinor(authorization),
          'books_differ',
          'a payment at rest agrees with the PSP’s book',
          () => ({
            id,
            captured,
            taken: takenMinor(authorization),
            refunded,
            givenBack: givenBackMinor(authorization),
          }),
        )
      }
    }
    return compared
  }

  #stateOf(paymentId: string): Payment | undefined {
    const address = addressOfPayment(paymentId)
    return address === undefined ? undefined : this.#histories.stateOf(address.entity)
  }
}

function operationsOf(state: Payment): readonly { readonly id: string; readonly status: string }[] {
  return [...state.attempts, ...state.captures, ...state.voids, ...state.refunds]
}

/** A PSP cannot be asked for what an operation wants. */
import type { OperationOutcome } from '../domain/payment/operations.ts'
import { unreachable } from '../runtime/assert.ts'

/**
 * `amount`: it has no such currency, or no such amount of it. `payment_method`: it cannot read what a wallet gave. `customer`: a
 * stored payment method is found by its shopper alone, and none was named. `request_version`: an older build planned it.
 */
export interface Unrepresentable {
  readonly unrepresentable: 'amount' | 'payment_method' | 'customer' | 'request_version'
}

/** Nothing was sent, and nothing ever can be. */
export function outcomeOfUnrepresentable({ unrepresentable }: Unrepresentable): OperationOutcome {
  switch (unrepresentable) {
    case 'amount':
      return { kind: 'declined', decline: { class: 'configuration', code: 'amount_not_supported' } }
    case 'customer':
      return { kind: 'declined', decline: { class: 'configuration', code: 'customer_required' } }
    case 'payment_method':
      return { kind: 'declined', decline: { class: 'retry_elsewhere', code: 'payment_method_not_supported' } }
    case 'request_version':
      return { kind: 'not_sent', reason: 'request_version' }
    default:
      return unreachable(unrepresentable)
  }
}

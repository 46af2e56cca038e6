/**
 * The payment's decider: command in, events or refusal out. Pure and synchronous; everything it knows of the world stands in
 * its arguments. PAYMENTS 1.1 is its table, and the row numbers in the comments of its parts are that table's.
 */
import { unreachable } from '../../runtime/assert.ts'
import { ignored, type PaymentDecision, rejected } from './answering.ts'
import type { PaymentCommand } from './commands.ts'
import type { PaymentContext } from './context.ts'
import { carryingAttempt, findOperation } from './derive.ts'
import { dispute } from './disputes.ts'
import { externalOperation } from './external.ts'
import { reversal, settlementLine } from './facts.ts'
import { recordNotice } from './notices.ts'
import { outcome } from './outcome.ts'
import { cancel, capture, completeAction, confirm, create, refund } from './requests.ts'
import { decideCompensation, decideResolution, propose, proposeCompensation } from './resolution.ts'
import type { Payment } from './state.ts'
import { fireTimer, recover } from './time.ts'

export function decide(state: Payment | undefined, command: PaymentCommand, context: PaymentContext): PaymentDecision {
  switch (command.type) {
    case 'CreatePayment':
      return create(state, command, context)
    case 'ConfirmPayment':
      return confirm(state, command, context)
    case 'CapturePayment':
      return capture(state, command, context)
    case 'CancelPayment':
      return cancel(state, command, context)
    case 'RefundPayment':
      return refund(state, command, context)
    case 'CompleteAction':
      return completeAction(state, command)
    default:
  }
  if (state === undefined) {
    return isAnswered(command)
      ? rejected({ code: 'payment_not_found' })
      : ignored('a fact of a payment that is not there')
  }
  switch (command.type) {
    case 'RecordOutcome': {
      const operation = findOperation(state, command.operationId)
      return operation === undefined ? ignored('no such operation') : outcome(state, operation, command, context)
    }
    case 'RecordReversal':
      return reversal(state, command, context)
    case 'RecordExternalOperation':
      return externalOperation(state, command, carryingAttempt(state), context)
    case 'RecordDispute':
      return dispute(state, command)
    case 'RecordSettlementLine':
      return settlementLine(state, command)
    case 'RecordNotice':
      return recordNotice(state, command, context)
    case 'ProposeResolution':
      return propose(state, command, context)
    case 'DecideResolution':
      return decideResolution(state, command, context)
    case 'ProposeCompensation':
      return proposeCompensation(state, command)
    case 'DecideCompensation':
      return decideCompensation(state, command, context)
    case 'FireTimer':
      return fireTimer(state, command, context)
    case 'RecoverOperations':
      return recover(state)
    default:
      return unreachable(command)
  }
}

/** Somebody waits to hear whether there is such a payment: people, and the inbox that hands a notice over. */
function isAnswered({ type }: PaymentCommand): boolean {
  return (
    type === 'RecordNotice' ||
    type === 'ProposeResolution' ||
    type === 'DecideResolution' ||
    type === 'ProposeCompensation' ||
    type === 'DecideCompensation'
  )
}

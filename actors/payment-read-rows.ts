/**
 * A payment's state as rows of the read side, and its transfers. Nothing that a merchant or a PSP wrote may keep the cursor
 * from moving, so their texts are made such that every database takes them.
 */
import { type Address, parseOperationId } from '../domain/ids.ts'
import type { Transfer } from '../domain/ledger/transfer.ts'
import { amounts, disputedAt, latestAttempt, statusOf } from '../domain/payment/derive.ts'
import type { Payment } from '../domain/payment/state.ts'
import { assert } from '../runtime/assert.ts'
import { encodeState } from './codec.ts'
import type { SnapshotParts } from './entity-kind.ts'
import type { DisputeRow, PaymentRow, ReadRows, RefundRow, TransferRow } from './read-rows.ts'

/** @param snapshot splits a state. */
export function paymentReadRows(
  { shard, entity }: Address,
  state: Payment,
  snapshot: (state: Payment) => SnapshotParts,
): ReadRows {
  const parts = snapshot(shownState(state))
  const { authorized, captured, refunded, disputed } = amounts(state)
  const attempt = latestAttempt(state)
  const [first] = state.attempts
  const { merchant, currency } = state
  const owned = { shard, merchant, live: state.mode === 'live', currency }
  const payment: PaymentRow = {
    ...owned,
    ...{ entity, seq: state.seq, createdAt: state.createdAt, updatedAt: state.updatedAt },
    ...{ status: statusOf(state), amount: state.amountMinor, authorized, captured, refunded, disputed },
    attemptedAt: first?.beganAt ?? first?.plannedAt ?? null,
    review: state.review,
    connection: attempt?.connection ?? null,
    psp: attempt?.psp ?? null,
    merchantReference: state.merchantReference === undefined ? null : storable(state.merchantReference),
    data: encodeState(parts.state),
    private: parts.private === undefined ? null : encodeState(parts.private),
  }
  const part = { ...owned, payment: entity, paymentCreatedAt: state.createdAt }
  const refunds = state.refunds.map(
    ({ id, plannedAt, amountMinor, status, reversed, connection }): RefundRow => ({
      ...part,
      ...{ ordinal: ordinalOf(id), createdAt: plannedAt, amount: amountMinor, status, reversed, connection },
    }),
  )
  const disputes = state.disputes.map(
    ({ id, amountMinor, feeMinor, status, evidenceBy = null }, index): DisputeRow => ({
      ...part,
      ...{ ordinal: ordinalOf(id), createdAt: disputedAt(state, index), amount: amountMinor, fee: feeMinor },
      ...{ status, evidenceBy },
    }),
  )
  return { payment, refunds, disputes }
}

/** Without what only the payment itself asks itself: who repeats a request, a fact or a shopper's return. A third of the bytes. */
function shownState(state: Payment): Payment {
  const attempts = state.attempts.map((attempt) => ({ ...attempt, nonce: '', returnUrl: '' }))
  return { ...state, attempts, requests: [], seenFacts: [] }
}

/** @param owner a row of the payment that the decision is about. */
export function transferRows(
  { shard, entity, merchant, live, currency }: PaymentRow,
  { position, at }: { readonly position: number; readonly at: number },
  transfers: readonly Transfer[],
): TransferRow[] {
  return transfers.map(({ debit, credit, amountMinor, phase, connection, operationId }, n) => ({
    ...{ shard, position, n, entity, merchant, live, currency, postedAt: at, amount: amountMinor },
    ...{ debit, credit, phase, connection, operation: storable(operationId) },
  }))
}

function ordinalOf(id: string): number {
  const ordinal = parseOperationId(id)?.ordinal
  assert(ordinal !== undefined, 'an operation’s id ends in its ordinal', { id })
  return ordinal
}

function storable(text: string): string {
  return text.replaceAll('\0', '')
}

/**
 * A payment at rest against the PSP's book, which it never saw as a whole. What the payment cannot know or must not act on
 * by itself is excused only where it asks a person to look (`review`).
 */
import { assert } from '../../../runtime/assert.ts'
import type { Payment } from '../state.ts'
import { allOperations, isOpen } from './invariants.ts'
import { givenBackMinor, heldMinor, type ModelPsp, takenMinor } from './model-psp.ts'

export function compareWithBook(state: Payment, psp: ModelPsp): void {
  const open = allOperations(state).filter(isOpen)
  assert(open.length === 0 || state.review, 'at rest no operation is open', { open: open.map(({ id }) => id) })
  const authorizations = [...psp.authorizations.values()]
  for (const authorization of authorizations) {
    const attempt = state.attempts.find(({ id }) => id === authorization.operationId)
    assert(attempt !== undefined, 'the PSP has authorized only what was planned', { id: authorization.operationId })
    assert(heldMinor(authorization) === 0 || state.review, 'at rest the PSP holds nothing any more', {
      id: attempt.id,
      held: heldMinor(authorization),
    })
    const captured = state.captures
      .filter(({ attemptId, status }) => attemptId === attempt.id && status === 'succeeded')
      .reduce((total, { amountMinor, reversedMinor }) => total + amountMinor - reversedMinor, 0)
    assert(captured === takenMinor(authorization) || state.review, 'what was captured is what the PSP took', {
      id: attempt.id,
      captured,
      taken: takenMinor(authorization),
    })
    const refunded = state.refunds
      .filter(({ attemptId, status, reversed }) => attemptId === attempt.id && status === 'succeeded' && !reversed)
      .reduce((total, { amountMinor }) => total + amountMinor, 0)
    assert(refunded === givenBackMinor(authorization) || state.review, 'what was refunded is what the PSP gave back', {
      id: attempt.id,
      refunded,
      givenBack: givenBackMinor(authorization),
    })
  }
  const charged = authorizations.filter((each) => takenMinor(each) - givenBackMinor(each) + heldMinor(each) > 0)
  assert(charged.length <= 1 || state.review, 'a customer is charged once', { charged: charged.length })
}

/**
 * What holds for every payment after every decision, whatever happened. Written against state, events and transfers alone:
 * it shares no formula with the machine that it judges beyond their shapes.
 */
import { assert } from '../../../runtime/assert.ts'
import type { Transfer } from '../../ledger/transfer.ts'
import { amounts } from '../derive.ts'
import type { PaymentEvent } from '../events.ts'
import type { PspCall } from '../operations.ts'
import { callOf } from '../plan.ts'
import type { Attempt, Operation, Payment } from '../state.ts'
import { timersOf } from '../timers.ts'

const closedStatuses = ['canceled', 'expired', 'failed']
const endedStatuses = ['succeeded', 'declined', 'not_sent', 'absent']

export function isOpen(operation: Operation): boolean {
  return !endedStatuses.includes(operation.status)
}

export function allOperations(state: Payment): Operation[] {
  return [...state.attempts, ...state.captures, ...state.voids, ...state.refunds]
}

/** One decision and what it made of the payment. */
export function checkDecision(before: Payment | undefined, events: readonly PaymentEvent[], after: Payment): void {
  if (before !== undefined && closedStatuses.includes(before.lifecycle.status)) {
    assert(after.lifecycle.status === before.lifecycle.status, 'a closed status is never left', {
      before: before.lifecycle.status,
      after: after.lifecycle.status,
    })
  }
  const { authorized, captured, capturing, refunded, refunding, disputed } = amounts(after)
  assert(captured <= authorized, 'captured is at most authorized', { captured, authorized })
  const plansRefund = events.some((event) => event.type === 'RefundPlanned' && event.cause !== 'external')
  if (plansRefund) {
    assert(refunded + refunding + disputed <= captured, 'no refund that we plan gives back more than was captured', {
      captured,
      refunded,
      refunding,
      disputed,
    })
  }
  if (events.some((event) => event.type === 'CapturePlanned' && event.cause !== 'external')) {
    assert(captured + capturing <= authorized, 'no capture that we plan takes more than was authorized', {
      captured,
      capturing,
      authorized,
    })
  }
  if (before?.cancelRequestedAt !== undefined) {
    assert(!events.some(({ type }) => type === 'AttemptPlanned'), 'after a cancel no other attempt is made')
  }
  for (const operation of allOperations(after)) {
    assert(Number.isSafeInteger(operation.amountMinor) && operation.amountMinor > 0, 'an operation moves something', {
      id: operation.id,
      amountMinor: operation.amountMinor,
    })
  }
  checkAuthorizations(after)
  checkTimers(after)
}

function checkAuthorizations(state: Payment): void {
  const carrying = state.attempts.filter(({ status, unwanted }) => status === 'succeeded' && !unwanted)
  assert(carrying.length <= 1, 'one authorization carries a payment', { carrying: carrying.length })
  for (const attempt of state.attempts) {
    if (attempt.status !== 'succeeded' || !attempt.unwanted || heldOf(state, attempt) === 0) continue
    const voids = state.voids.filter(({ attemptId }) => attemptId === attempt.id)
    const isRetried = timersOf(state).some(({ kind }) => kind === 'void_retry')
    assert(
      voids.some(isOpen) || isRetried || state.review,
      'an authorization nobody wants is being voided, or a person looks',
      {
        id: attempt.id,
      },
    )
  }
}

export function heldOf(state: Payment, attempt: Attempt): number {
  let heldMinor = attempt.authorizedMinor - attempt.releasedMinor
  for (const { attemptId, status, amountMinor } of state.captures) {
    if (attemptId === attempt.id && status === 'succeeded') heldMinor -= amountMinor
  }
  return heldMinor
}

function checkTimers(state: Payment): void {
  const timers = timersOf(state)
  for (const operation of allOperations(state).filter(isOpen)) {
    // For a shopper's action it is the payment's own timer, or the abort on its way.
    const awaited =
      operation.status === 'requires_action'
        ? timers.some(({ kind }) => kind === 'action_deadline') ||
          state.voids.some((each) => each.attemptId === operation.id && isOpen(each))
        : timers.some(({ operationId }) => operationId === operation.id)
    assert(awaited, 'every open operation has a timer', { id: operation.id, status: operation.status })
  }
  const isDone = closedStatuses.includes(state.lifecycle.status) && !allOperations(state).some(isOpen)
  const others = timers.filter(
    ({ kind }) => kind !== 'evidence_deadline' && kind !== 'void_retry' && kind !== 'compensation',
  )
  assert(
    !isDone || others.length === 0,
    'a closed payment whose operations have ended wants no timer but for a void that was not done, and money nobody wanted',
    { others },
  )
}

/** The request of every open operation is the one that was first sent under its key. */
export function checkCalls(state: Payment, sent: ReadonlyMap<string, PspCall>): void {
  for (const operation of allOperations(state).filter(isOpen)) {
    const call = callOf(state, operation)
    const before = sent.get(call.idempotencyKey)
    assert(
      before === undefined || JSON.stringify(before) === JSON.stringify(call),
      'a call is rebuilt as it was sent',
      {
        key: call.idempotencyKey,
      },
    )
  }
}

/** Accepted requests and planned operations over a whole history: none twice. */
export function checkPlannedOnce(history: readonly (readonly PaymentEvent[])[]): void {
  const seen = new Set<string>()
  const once = (what: string, id: string): void => {
    assert(!seen.has(`${what} ${id}`), `${what} happens once`, { id })
    seen.add(`${what} ${id}`)
  }
  for (const event of history.flat()) {
    if (event.type === 'PaymentCreated' || event.type === 'RequestAccepted') once('a request', event.request.key)
    if (event.type.endsWith('Planned') && event.type !== 'InquiryPlanned' && 'operationId' in event) {
      once('planning', event.operationId ?? '')
    }
  }
}

/** Balances of accounts (debit minus credit) of what is posted, and what is still reserved, in minor units. */
export interface Balances {
  readonly posted: Readonly<Record<string, number>>
  readonly reserved: number
}

export function balancesOf(transfers: readonly Transfer[]): Balances {
  const posted: Record<string, number> = {}
  let reserved = 0
  for (const { debit, credit, amountMinor, phase } of transfers) {
    assert(Number.isSafeInteger(amountMinor) && amountMinor > 0, 'a transfer moves a positive amount', { amountMinor })
    if (phase === 'pending') reserved += amountMinor
    if (phase === 'released') reserved -= amountMinor
    if (phase !== 'posted') continue
    posted[debit] = (posted[debit] ?? 0) + amountMinor
    posted[credit] = (posted[credit] ?? 0) - amountMinor
  }
  return { posted, reserved }
}

/** The books of a payment's whole history against its state. */
export function checkBooks(state: Payment, transfers: readonly Transfer[]): void {
  const { posted, reserved } = balancesOf(transfers)
  const balance = (account: string): number => posted[account] ?? 0
  const reserving = [...state.captures, ...state.refunds].filter(isOpen)
  const expectedReserve = reserving.reduce((total, { amountMinor }) => total + amountMinor, 0)
  assert(reserved === expectedReserve, 'what is reserved belongs to open operations', { reserved, expectedReserve })
  const held = state.attempts.reduce((total, attempt) => total + Math.max(0, heldOf(state, attempt)), 0)
  assert(balance('auth_hold') === held, 'a hold stands until captured or given back', { held, ...posted })
  assert(balance('auth_hold') === -balance('auth_hold_contra'), 'the memo accounts mirror each other', { ...posted })
  const captured = state.captures
    .filter(({ status }) => status === 'succeeded')
    .reduce((total, { amountMinor, reversedMinor }) => total + amountMinor - reversedMinor, 0)
  const refunded = state.refunds
    .filter(({ status, reversed }) => status === 'succeeded' && !reversed)
    .reduce((total, { amountMinor }) => total + amountMinor, 0)
  const withdrawn = state.disputes.filter(({ fundsWithdrawn, status }) => fundsWithdrawn && status !== 'won')
  const disputedOpen = sum(withdrawn.filter(({ status }) => status !== 'lost').map(({ amountMinor }) => amountMinor))
  const disputedLost = sum(withdrawn.filter(({ status }) => status === 'lost').map(({ amountMinor }) => amountMinor))
  assert(balance('dispute_receivable') === disputedOpen, 'withdrawn funds of open disputes are receivable', {
    ...posted,
  })
  assert(balance('merchant_payable') === -(captured - refunded - disputedLost), 'the merchant is owed what is left', {
    captured,
    refunded,
    disputedLost,
    ...posted,
  })
  assert(
    balance('psp_receivable') ===
      captured -
        refunded -
        disputedOpen -
        disputedLost -
        balance('dispute_fees') -
        state.settlement.feeMinor -
        state.settlement.netMinor,
    'the PSP owes what was captured and neither given back nor settled',
    { captured, refunded, disputedOpen, disputedLost, ...posted },
  )
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

/** Throws where a value holds anything that storing it would lose: undefined members, class instances, unsafe numbers. */
export function checkPlain(value: unknown, name = ''): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      assert(Number.isSafeInteger(value), 'a number is a safe integer', { name })
      return
    case 'object':
      break
    default:
      assert(false, 'a value is plain', { name, type: typeof value })
  }
  if (value === null) return
  if (Array.isArray(value)) {
    for (const each of value) checkPlain(each, name)
    return
  }
  assert(Object.getPrototypeOf(value) === Object.prototype, 'an object is plain', { name })
  for (const key of Object.keys(value)) checkPlain((value as Record<string, unknown>)[key], key)
}

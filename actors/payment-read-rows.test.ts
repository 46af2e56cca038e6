import { describe, expect, test } from 'vitest'
import {
  actionRequired,
  capture,
  create,
  dispute,
  minute,
  refund,
  says,
  settlementLine,
  startedAt,
  succeeded,
} from '../domain/payment/testing/fixtures.ts'
import { given, idOf, later, nothing, payment, type Scenario, transfers } from '../domain/payment/testing/scenario.ts'
import { decodeState } from './codec.ts'
import { kindOf } from './read-side-testing.ts'
import { transferRows } from './payment-read-rows.ts'
import { restorePayment } from './payment-snapshot.ts'
import type { ReadRows } from './read-rows.ts'

const address = { shard: 7, entity: '07'.repeat(16) }

function rowsOf(scenario: Scenario): ReadRows {
  const rows = kindOf('payment.test')?.readRows?.(address, payment(scenario))
  if (rows === undefined) throw new Error('payments are shown')
  return rows
}

const pending = given(nothing(), create({ merchantReference: 'order\0 7', description: 'a gift for Jane' }))
const authorized = given(pending, says(idOf(pending, 'att'), succeeded()))
const capturing = given(authorized, capture())
const captured = given(capturing, says(idOf(capturing, 'cap'), succeeded()))
const refunding = given(later(captured, minute), refund(60))
const refunded = given(refunding, says(idOf(refunding, 're'), succeeded(60)))

describe('a payment’s row', () => {
  test('says whose it is, what became of its money, and where', () => {
    const { payment: row } = rowsOf(refunded)
    expect(row).toMatchObject({
      ...{ ...address, merchant: 'mer_1', live: false, currency: 'EUR', seq: 6 },
      ...{ createdAt: startedAt, updatedAt: startedAt + minute, status: 'captured', review: false },
      ...{ amount: 100, authorized: 100, captured: 100, refunded: 60, disputed: 0 },
      ...{ connection: 'first', psp: 'stripe' },
    })
  })

  test('has the state without what is personal, which is beside it', () => {
    const { payment: row } = rowsOf(captured)
    expect(decodeState(row.data)).toMatchObject({ amountMinor: 100, lifecycle: { status: 'captured' } })
    expect(row.data.includes('Jane')).toBe(false)
    expect(row.private === null ? undefined : decodeState(row.private)).toMatchObject({
      description: 'a gift for Jane',
    })
  })

  test('has nothing of what tells repeated requests, facts and returns', () => {
    const { payment: row } = rowsOf(refunded)
    const state = payment(refunded)
    expect(Object.keys(state.requests)).not.toEqual([])
    expect(state.attempts[0]?.nonce).not.toBe('')
    const shown = restorePayment({ state: decodeState<object>(row.data), private: undefined })
    expect(shown).toMatchObject({ requests: [], seenFacts: [], attempts: [{ nonce: '' }] })
    expect(row.data.includes(state.attempts[0]?.nonce ?? '')).toBe(false)
    expect(row.data.includes(Buffer.from(state.attempts[0]?.nonce ?? '', 'hex'))).toBe(false)
  })

  test('says when its first attempt was planned, which a shopper’s return does not change', () => {
    const attempt = idOf(pending, 'att')
    const acting = given(pending, says(attempt, actionRequired))
    const nonce = payment(acting).attempts[0]?.nonce ?? ''
    const returned = given(later(acting, minute), { type: 'CompleteAction', attemptId: attempt, nonce })
    const shown = [pending, acting, returned, given(returned, says(attempt, succeeded()))]
    expect(shown.map((scenario) => rowsOf(scenario).payment.attemptedAt)).toEqual(shown.map(() => startedAt))
  })

  test('holds only texts that a database takes', () => {
    expect(rowsOf(captured).payment.merchantReference).toBe('order 7')
  })

  test('before any attempt has no connection', () => {
    const waiting = given(nothing(), create({ confirm: false }))
    expect(rowsOf(waiting).payment).toMatchObject({ connection: null, psp: null, status: 'created', authorized: 0 })
  })
})

describe('parts of a payment', () => {
  test('each refund has a row, from when it was planned', () => {
    expect(rowsOf(refunded).refunds).toEqual([
      {
        ...{ shard: 7, merchant: 'mer_1', live: false, currency: 'EUR', payment: address.entity, ordinal: 1 },
        ...{ createdAt: startedAt + minute, paymentCreatedAt: startedAt, amount: 60, status: 'succeeded' },
        ...{ reversed: false, connection: 'first' },
      },
    ])
  })

  test('each dispute has a row, whose time is that of the first word of it', () => {
    const opened = given(later(captured, minute), dispute('open'))
    const lost = given(later(opened, minute), dispute('lost'))
    for (const [scenario, status] of [
      [opened, 'open'],
      [lost, 'lost'],
    ] as const) {
      expect(rowsOf(scenario).disputes).toMatchObject([
        { ordinal: 1, createdAt: startedAt + minute, amount: 40, fee: 15, status, evidenceBy: null },
      ])
    }
  })

  test('each transfer of a decision has a row at its position', () => {
    const rows = transferRows(rowsOf(captured).payment, { position: 9, at: 5 }, transfers(captured))
    expect(
      rows.map(({ position, n, postedAt, debit, credit, amount, phase }) => {
        return [position, n, postedAt, `${debit} → ${credit} ${amount} ${phase}`]
      }),
    ).toEqual([
      [9, 0, 5, 'auth_hold_contra → auth_hold 100 posted'],
      [9, 1, 5, 'psp_receivable → merchant_payable 100 released'],
      [9, 2, 5, 'psp_receivable → merchant_payable 100 posted'],
    ])
    const settled = given(captured, settlementLine({ lineKey: 'line\0 1' }))
    const lines = transferRows(rowsOf(settled).payment, { position: 9, at: 5 }, transfers(settled))
    expect(lines.map(({ operation }) => operation)).toEqual(['line 1', 'line 1'])
  })
})

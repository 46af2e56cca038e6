import { expect, test } from 'vitest'
import { addressOfName, operationIdOf, paymentIdOfEntity } from '../domain/ids.ts'
import type { NoticeEntry } from './entity-kind.ts'
import { noticeRow, pspReferenceLengthMax, pspReferenceRow } from './kept-rows.ts'

const address = addressOfName('notice/stripe-test/evt_1')
const notice: NoticeEntry = {
  ...{ connection: 'stripe-test', id: 'evt_1', type: 'charge.refunded', receivedAt: 1_767_225_600_000 },
  standing: { status: 'received' },
}

test.each([
  ['pi_1', true],
  ['', false],
  ['x'.repeat(pspReferenceLengthMax), true],
  ['x'.repeat(pspReferenceLengthMax + 1), false],
  ['pi\0_1', false],
])('of PSP references those are kept that every database can index: %j', (reference, isKept) => {
  const row = pspReferenceRow(address, { connection: 'stripe-test', reference })
  expect(row).toEqual(isKept ? { ...address, connection: 'stripe-test', reference } : undefined)
})

test('a notice’s row says which payment took it or is meant, and why none took it', () => {
  const row = {
    ...{ ...address, connection: 'stripe-test', notice: 'evt_1', type: 'charge.refunded' },
    ...{ reason: null, payment: null, receivedAt: notice.receivedAt },
  }
  const payment = addressOfName('some payment').entity
  expect(noticeRow(address, notice)).toEqual({ ...row, status: 'received' })
  expect(noticeRow(address, { ...notice, standing: { status: 'kept' } })).toEqual({ ...row, status: 'kept' })
  const delivered = { status: 'delivered', payment: paymentIdOfEntity(payment) } as const
  expect(noticeRow(address, { ...notice, standing: delivered })).toEqual({ ...row, status: 'delivered', payment })
  const operationId = operationIdOf('cap', paymentIdOfEntity(payment), 1)
  expect(noticeRow(address, { ...notice, operationId })).toEqual({ ...row, status: 'received', payment })
  expect(noticeRow(address, { ...notice, operationId: 'order-12' })).toEqual({ ...row, status: 'received' })
  const orphaned = { status: 'orphaned', reason: 'refused' } as const
  expect(noticeRow(address, { ...notice, standing: orphaned })).toEqual({ ...row, ...orphaned })
})

test('no text of a PSP keeps a notice’s row from being stored', () => {
  const { notice: id, type } = noticeRow(address, { ...notice, id: 'evt\0_1', type: 'x'.repeat(100_000) })
  expect([id, type.length]).toEqual(['evt_1', 255])
})

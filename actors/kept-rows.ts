/**
 * What is kept of an entity under its shard's cursor, as rows: its timers, and what its kind's projection says. Nothing that
 * a PSP wrote may keep a cursor from moving, so its texts are made such that every database takes them.
 */
import { pack } from 'msgpackr'
import { addressOfPayment, parseOperationId } from '../domain/ids.ts'
import { assert } from '../runtime/assert.ts'
import type { EntityTimer, NoticeEntry, Projection, PspReference } from './entity-kind.ts'
import type { EntityKey, MerchantRow, NoticeRow, PspReferenceRow, TimerRow } from './journal.ts'

/** A longer reference is not kept: an index holds no texts of any length, and no PSP has such a one. */
export const pspReferenceLengthMax = 255
const noticeTextLengthMax = 255

export function timerRow({ shard, entity }: EntityKey, kind: string, timer: EntityTimer): TimerRow {
  return { shard, entity, operation: timer.operationId, kind: `${kind}.${timer.kind}`, due: timer.due }
}

export function merchantRow(
  { shard, entity }: EntityKey,
  { merchant, version, configuration }: NonNullable<Projection['merchant']>,
): MerchantRow {
  return { shard, entity, merchant, version, data: pack(configuration) }
}

/** Undefined where nobody could be asked for it. */
export function pspReferenceRow(
  { shard, entity }: EntityKey,
  { connection, reference }: PspReference,
): PspReferenceRow | undefined {
  const isKeepable = reference !== '' && reference.length <= pspReferenceLengthMax && !reference.includes('\0')
  return isKeepable ? { shard, entity, connection, reference } : undefined
}

export function noticeRow({ shard, entity }: EntityKey, notice: NoticeEntry): NoticeRow {
  const { connection, id, type, receivedAt, operationId = '', standing } = notice
  const payment = standing.status === 'delivered' ? standing.payment : parseOperationId(operationId)?.paymentId
  return {
    ...{ shard, entity, connection, receivedAt, status: standing.status },
    ...{ notice: storable(id), type: storable(type) },
    reason: standing.status === 'orphaned' ? standing.reason : null,
    payment: payment === undefined ? null : paymentEntity(payment),
  }
}

function paymentEntity(payment: string): string {
  const address = addressOfPayment(payment)
  assert(address !== undefined, 'a notice is about a payment', { payment })
  return address.entity
}

function storable(text: string): string {
  return text.replaceAll('\0', '').slice(0, noticeTextLengthMax)
}

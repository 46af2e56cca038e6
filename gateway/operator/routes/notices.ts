/** What PSPs pushed: what no payment has taken (yet), and all that is about one payment. Looking at it is recorded. */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { addressOfPayment, paymentIdOfEntity, shardOfEntity } from '../../../domain/ids.ts'
import { RefusalError } from '../../problem.ts'
import { recordReading } from '../actions.ts'
import { readable } from '../committed.ts'
import type { NoticeEntry, NoticeStatus, OperatorEdge } from '../deps.ts'
import { lookupDefault, NoticesQuery } from '../schemas.ts'
import { iso } from '../views.ts'

export interface NoticeView {
  /** Under which the journal has all of it. */
  readonly entity: string
  readonly shard: number
  readonly connection: string
  readonly id: string
  readonly type: string
  readonly status: NoticeStatus
  readonly reason: string | null
  readonly payment: string | null
  readonly received_at: string
}

/** What waits, or was given up on. */
const undelivered: readonly NoticeStatus[] = ['received', 'orphaned']
const everyStatus: readonly NoticeStatus[] = [...undelivered, 'delivered', 'kept']

export function noticeRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get<{ Querystring: Static<typeof NoticesQuery> }>(
    '/ops/v1/notices',
    { config: { access: 'read' }, schema: { querystring: NoticesQuery } },
    async (request) => {
      const { status, payment, limit = lookupDefault, after } = request.query
      const filter = { statuses: statusesOf(status, payment), ...(payment !== undefined && entityOf(payment)) }
      await recordReading(edge, request, payment ?? 'notices')
      const found = await readable(edge, edge.reader.notices(filter, placeOf(after), limit + 1))
      const notices = found.slice(0, limit)
      const last = notices.at(-1)
      return {
        notices: notices.map(noticeView),
        next_after: found.length > limit && last !== undefined ? `${last.receivedAt}-${last.entity}` : null,
      }
    },
  )
}

function statusesOf(status: NoticeStatus | undefined, payment: string | undefined): readonly NoticeStatus[] {
  const findable = payment === undefined ? undelivered : everyStatus
  if (status === undefined) return findable
  if (findable.includes(status)) return [status]
  const message = 'Without a payment, status must be received or orphaned.'
  throw new RefusalError({ code: 'parameter_invalid', param: 'status', message })
}

function entityOf(payment: string): { readonly payment: string } {
  const address = addressOfPayment(payment)
  if (address === undefined) throw new RefusalError({ code: 'id_format', param: 'payment' })
  return { payment: address.entity }
}

function placeOf(after: string | undefined): Parameters<OperatorEdge['reader']['notices']>[1] {
  if (after === undefined) return undefined
  const [receivedAt = '', entity = ''] = after.split('-')
  return { receivedAt: Number(receivedAt), shard: shardOfEntity(entity), entity }
}

function noticeView(entry: NoticeEntry): NoticeView {
  const { entity, shard, connection, notice, type, status, reason, payment, receivedAt } = entry
  return {
    ...{ entity, shard, connection, id: notice, type, status, reason },
    payment: payment === null ? null : paymentIdOfEntity(payment),
    received_at: iso(receivedAt),
  }
}

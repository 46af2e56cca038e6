/** `GET /v1/refunds`: a merchant's refunds over all payments, newest first, as of a moment ago. */
import type { FastifyInstance } from 'fastify'
import { addressOfPayment } from '../../domain/ids.ts'
import { assert } from '../../runtime/assert.ts'
import { checkOwner } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { expansionOf, noExpansion, refundListTree } from '../expand.ts'
import { answerList } from '../list-page.ts'
import { partFilterOf, RefundsQuery } from '../list-query.ts'
import { errorsOf, operation } from '../operation.ts'
import { RefundSchema } from '../payment-schema.ts'
import { expandParameter } from '../query.ts'
import { readListOf } from '../read-schema.ts'
import { refuse } from '../respond.ts'
import { callerOf } from '../submit.ts'
import { viewsOf } from '../views.ts'

export function refundsListRoute(app: FastifyInstance, edge: Edge): void {
  const { reads } = edge
  app.get<{ Querystring: RefundsQuery }>(
    '/v1/refunds',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.listParts },
      schema: {
        ...operation(
          'listRefunds',
          'Refunds',
          'List refunds',
          'Newest first, of one payment where `payment` is given. Each is shown as a read of it shows it; what is expanded ' +
            'is named from the list on: `expand[]=data.payment`.',
        ),
        querystring: RefundsQuery,
        response: { 200: readListOf(RefundSchema, 'A page of refunds.') },
      },
    },
    (request, reply) => {
      const { query } = request
      if (query.payment !== undefined && addressOfPayment(query.payment) === undefined) {
        return refuse(edge, request, reply, { code: 'id_format', param: 'payment' })
      }
      const expand = expansionOf(query[expandParameter], refundListTree)
      if (!expand.ok) return refuse(edge, request, reply, expand.refusal)
      const caller = callerOf(request)
      const views = viewsOf(caller.apiVersion)
      const filter = partFilterOf(query)
      return answerList(edge, request, reply, query, {
        name: 'refunds',
        url: '/v1/refunds',
        filter,
        read: (owner, page) => reads.refunds(owner, filter, page),
        placeOf: (owner, id) => reads.placeOf(owner, 'refunds', id),
        view({ id, payment }) {
          checkOwner({ caller, paymentId: payment.id }, payment)
          const refund = payment.refunds.find((each) => each.id === id)
          assert(refund !== undefined, 'a refund is part of its payment', { refund: id })
          return views.refund(payment, refund, expand.expansion['data'] ?? noExpansion)
        },
      })
    },
  )
}

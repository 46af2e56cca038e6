/** Disputes: one as it is now, by its payment; a merchant's over all payments, newest first, as of a moment ago. */
import type { FastifyInstance } from 'fastify'
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import { assert } from '../../runtime/assert.ts'
import { checkOwner, sendTagged } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { answerList } from '../list-page.ts'
import { DisputesQuery, partFilterOf } from '../list-query.ts'
import { DisputeParams, errorsOf, operation } from '../operation.ts'
import { DisputeSchema } from '../payment-schema.ts'
import { readListOf } from '../read-schema.ts'
import { NoQuery } from '../request-schema.ts'
import { refuse } from '../respond.ts'
import { callerOf, read } from '../submit.ts'
import { viewsOf } from '../views.ts'

export function disputeRoutes(app: FastifyInstance, edge: Edge): void {
  const { reads } = edge
  app.get<{ Querystring: DisputesQuery }>(
    '/v1/disputes',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.listParts },
      schema: {
        ...operation(
          'listDisputes',
          'Disputes',
          'List disputes',
          'Newest first, by when they were first heard of; of one payment where `payment` is given.',
        ),
        querystring: DisputesQuery,
        response: { 200: readListOf(DisputeSchema, 'A page of disputes.') },
      },
    },
    (request, reply) => {
      const { query } = request
      if (query.payment !== undefined && addressOfPayment(query.payment) === undefined) {
        return refuse(edge, request, reply, { code: 'id_format', param: 'payment' })
      }
      const caller = callerOf(request)
      const views = viewsOf(caller.apiVersion)
      const filter = partFilterOf(query)
      return answerList(edge, request, reply, query, {
        name: 'disputes',
        url: '/v1/disputes',
        filter,
        read: (owner, page) => reads.disputes(owner, filter, page),
        placeOf: (owner, id) => reads.placeOf(owner, 'disputes', id),
        view({ id, payment }) {
          checkOwner({ caller, paymentId: payment.id }, payment)
          const dispute = payment.disputes.find((each) => each.id === id)
          assert(dispute !== undefined, 'a dispute is part of its payment', { dispute: id })
          return views.dispute(payment, dispute)
        },
      })
    },
  )

  app.get<{ Params: { id: string } }>(
    '/v1/disputes/:id',
    {
      config: { scope: 'payments:read', errors: errorsOf.readDispute },
      schema: {
        ...operation(
          'getDispute',
          'Disputes',
          'Read a dispute',
          'The dispute as it is. `ETag` names its payment’s version; with `If-None-Match` the answer is 304 until that changes.',
        ),
        params: DisputeParams,
        querystring: NoQuery,
        response: { 200: DisputeSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const parsed = parseOperationId(id)
      if (parsed?.prefix !== 'dp') return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const state = await read(edge, request, reply, parsed.paymentId)
      if (state === undefined) return reply
      const dispute = state.disputes.find((each) => each.id === id)
      if (dispute === undefined) return refuse(edge, request, reply, { code: 'dispute_not_found' }, state.id)
      return sendTagged(request, reply, state, () => viewsOf(callerOf(request).apiVersion).dispute(state, dispute))
    },
  )
}

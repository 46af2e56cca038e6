/** What became of a payment: its attempts, and its events as the journal has them. Lists, newest first. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressOfPayment } from '../../domain/ids.ts'
import { type Page, type PageRequest, pageOf } from '../../domain/payment/history.ts'
import { httpLimits } from '../../runtime/limits.ts'
import { sendTagged } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { EventSchema, type ListView, listOf } from '../event-schema.ts'
import { errorsOf, operation, PaymentParams } from '../operation.ts'
import { AttemptSchema } from '../payment-schema.ts'
import { ListQuery } from '../request-schema.ts'
import { paymentPath, refuse } from '../respond.ts'
import { callerOf, read, readHistory } from '../submit.ts'
import { viewsOf } from '../views.ts'

interface OfPayment {
  Params: { id: string }
  Querystring: ListQuery
}

export function paymentHistoryRoutes(app: FastifyInstance, edge: Edge): void {
  const config = { scope: 'payments:read', errors: errorsOf.read } as const

  app.get<OfPayment>(
    '/v1/payments/:id/attempts',
    {
      config,
      schema: {
        ...operation(
          'listAttempts',
          'Payments',
          'List the attempts of a payment',
          'Every try to authorize it, at one PSP or another, newest first.',
        ),
        params: PaymentParams,
        querystring: ListQuery,
        response: { 200: listOf(AttemptSchema, 'A page of attempts.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const state = await read(edge, request, reply, id)
      if (state === undefined) return reply
      const page = pageOf(state.attempts.toReversed(), pageRequestOf(request.query))
      if (page === undefined) return refuseCursor(edge, request, reply)
      const views = viewsOf(callerOf(request).apiVersion)
      return sendTagged(request, reply, state, () =>
        listView(`${paymentPath(id)}/attempts`, page, (attempt) => views.attempt(state, attempt)),
      )
    },
  )

  app.get<OfPayment>(
    '/v1/payments/:id/events',
    {
      config: { ...config, errors: errorsOf.readEvents },
      schema: {
        ...operation(
          'listEvents',
          'Payments',
          'List the events of a payment',
          'What happened to the payment, its refunds and disputes, as the journal has it, newest first. Each event shows ' +
            'what it is about as it was right then.',
        ),
        params: PaymentParams,
        querystring: ListQuery,
        response: { 200: listOf(EventSchema, 'A page of events.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const history = await readHistory(edge, request, reply, id, pageRequestOf(request.query))
      if (history === undefined) return reply
      const { page } = history
      if (page === undefined) return refuseCursor(edge, request, reply)
      const views = viewsOf(callerOf(request).apiVersion)
      return sendTagged(request, reply, history, () =>
        listView(`${paymentPath(id)}/events`, page, (event) => views.event(event)),
      )
    },
  )
}

function pageRequestOf({ limit, starting_after, ending_before }: ListQuery): PageRequest {
  return {
    limit: limit ?? httpLimits.listLimit.default,
    ...(starting_after === undefined ? {} : { startingAfter: starting_after }),
    ...(ending_before === undefined ? {} : { endingBefore: ending_before }),
  }
}

function listView<Item, View>(url: string, page: Page<Item>, view: (item: Item) => View): ListView<View> {
  return { object: 'list', url, has_more: page.hasMore, data: page.items.map(view) }
}

function refuseCursor(edge: Edge, request: FastifyRequest<OfPayment>, reply: FastifyReply): FastifyReply {
  const param = request.query.starting_after === undefined ? 'ending_before' : 'starting_after'
  return refuse(edge, request, reply, {
    code: 'parameter_invalid',
    param,
    message: `${param} names nothing of this list.`,
  })
}

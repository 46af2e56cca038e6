/** `GET /v1/payments` and `GET /v1/payments/search`: a merchant's payments, newest first, as of a moment ago. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkOwner } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { expansionOf, noExpansion, paymentListTree } from '../expand.ts'
import { answerList, type PageQuery } from '../list-page.ts'
import { paymentFilterOf, PaymentsQuery, SearchQuery } from '../list-query.ts'
import { parseSearch } from '../list-search.ts'
import { errorsOf, operation } from '../operation.ts'
import { PaymentSchema } from '../payment-schema.ts'
import { expandParameter } from '../query.ts'
import type { PaymentFilter } from '../read-port.ts'
import { readListOf } from '../read-schema.ts'
import { refuse } from '../respond.ts'
import { callerOf } from '../submit.ts'
import { viewsOf } from '../views.ts'

const response = { 200: readListOf(PaymentSchema, 'A page of payments.') }

export function paymentsListRoutes(app: FastifyInstance, edge: Edge): void {
  app.get<{ Querystring: PaymentsQuery }>(
    '/v1/payments',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.list },
      schema: {
        ...operation(
          'listPayments',
          'Payments',
          'List payments',
          'Newest first; all filters that are given must hold. Each is shown as a read of it shows it. What is expanded is ' +
            'named from the list on: `expand[]=data.refunds`.',
        ),
        querystring: PaymentsQuery,
        response,
      },
    },
    (request, reply) => {
      const { query } = request
      const list = { name: 'payments', url: '/v1/payments', filter: paymentFilterOf(query), idsAreCursors: true }
      return answerPayments(edge, request, reply, query, list)
    },
  )

  app.get<{ Querystring: SearchQuery }>(
    '/v1/payments/search',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.search },
      schema: {
        ...operation(
          'searchPayments',
          'Payments',
          'Search payments',
          'Terms of a field, an operator and a value that must all hold: `status:captured amount>=1000`. Fields are `status`, ' +
            '`currency`, `psp`, `review`, `merchant_reference` (`:` is equal, `~` begins with), `amount` and `created` (`>`, ' +
            '`>=`, `<`, `<=`; Unix seconds). Values with blanks stand in quotation marks. Newest first.',
        ),
        querystring: SearchQuery,
        response,
      },
    },
    (request, reply) => {
      const { query } = request
      const search = parseSearch(query.query)
      if (!search.ok) {
        return refuse(edge, request, reply, { code: 'parameter_invalid', param: 'query', message: search.message })
      }
      const list = { name: 'search', url: '/v1/payments/search', filter: search.filter, idsAreCursors: false }
      return answerPayments(edge, request, reply, query, list)
    },
  )
}

function answerPayments(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  query: PageQuery & { readonly [expandParameter]?: readonly string[] },
  list: {
    readonly name: string
    readonly url: string
    readonly filter: PaymentFilter
    readonly idsAreCursors: boolean
  },
): FastifyReply | Promise<FastifyReply> {
  const expand = expansionOf(query[expandParameter], paymentListTree)
  if (!expand.ok) return refuse(edge, request, reply, expand.refusal)
  const caller = callerOf(request)
  const views = viewsOf(caller.apiVersion)
  const { reads } = edge
  return answerList(edge, request, reply, query, {
    ...list,
    read: (owner, page) => reads.payments(owner, list.filter, page),
    ...(list.idsAreCursors && { placeOf: (owner, id) => reads.placeOf(owner, 'payments', id) }),
    view(payment) {
      checkOwner({ caller, paymentId: payment.id }, payment)
      return views.payment(payment, expand.expansion['data'] ?? noExpansion)
    },
  })
}

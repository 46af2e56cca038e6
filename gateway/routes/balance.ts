/** `GET /v1/balance`: what the merchant's accounts say, by currency, as of a moment ago. */
import type { FastifyInstance } from 'fastify'
import type { Edge } from '../deps.ts'
import { answerRead, ownerOf } from '../list-page.ts'
import { errorsOf, operation } from '../operation.ts'
import { BalanceSchema, type BalanceView } from '../read-schema.ts'
import { renderCurrencies } from '../read-view.ts'
import { isLive } from '../render.ts'
import { NoQuery } from '../request-schema.ts'

export function balanceRoute(app: FastifyInstance, edge: Edge): void {
  app.get(
    '/v1/balance',
    {
      config: { scope: 'payments:read', projected: true, errors: errorsOf.list },
      schema: {
        ...operation(
          'getBalance',
          'Ledger',
          'Read the balance',
          'Of each currency what is settled, what PSPs still owe, and what became of the rest, over all PSP connections.',
        ),
        querystring: NoQuery,
        response: { 200: BalanceSchema },
      },
    },
    (request, reply) =>
      answerRead(edge, request, reply, async () => {
        const owner = ownerOf(request)
        const { accounts, asOf } = await edge.reads.balances(owner)
        const view: BalanceView = {
          object: 'balance',
          currencies: [...renderCurrencies(accounts)],
          livemode: isLive(owner.mode),
          as_of: asOf,
        }
        return reply.send(view)
      }),
  )
}

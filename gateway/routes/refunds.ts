/** Refunds, under their payment and by themselves: two spellings of one operation. */
import type { FastifyInstance } from 'fastify'
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import type { MerchantCommand, MerchantRequest } from '../../domain/payment/commands.ts'
import type { Edge } from '../deps.ts'
import { PendingRefundSchema, RefundSchema } from '../payment-schema.ts'
import { ProblemSchema } from '../problem-schema.ts'
import { renderRefund } from '../render.ts'
import { CreateRefundBody, NoQuery, RefundPaymentBody } from '../request-schema.ts'
import { refuse } from '../respond.ts'
import { read, submit } from '../submit.ts'
import { submitTo, withoutKey } from './payments.ts'

const errors = { '4xx': ProblemSchema, '5xx': ProblemSchema }
const changed = { 201: RefundSchema, 202: PendingRefundSchema, ...errors }

export function refundRoutes(app: FastifyInstance, edge: Edge): void {
  app.post<{ Params: { id: string }; Body: RefundPaymentBody }>(
    '/v1/payments/:id/refunds',
    {
      config: { scope: 'refunds:write', bodyOptional: true },
      schema: { body: RefundPaymentBody, querystring: NoQuery, response: changed },
    },
    (request, reply) =>
      submitTo(edge, request, reply, {
        operation: 'refund',
        class: 'settle',
        body: request.body,
        command: (merchantRequest) => refundCommand(merchantRequest, request.body),
      }),
  )

  app.post<{ Body: CreateRefundBody }>(
    '/v1/refunds',
    { config: { scope: 'refunds:write' }, schema: { body: CreateRefundBody, querystring: NoQuery, response: changed } },
    (request, reply) => {
      const { payment, ...body } = request.body
      if (addressOfPayment(payment) === undefined) {
        return refuse(edge, request, reply, { code: 'id_format', param: 'payment' })
      }
      return submit(edge, request, reply, {
        operation: 'refund',
        class: 'settle',
        body,
        fingerprinted: withoutKey(body),
        paymentId: () => payment,
        command: (merchantRequest) => refundCommand(merchantRequest, body),
      })
    },
  )

  app.get<{ Params: { id: string } }>(
    '/v1/refunds/:id',
    {
      config: { scope: 'payments:read' },
      schema: { querystring: NoQuery, response: { 200: RefundSchema, ...errors } },
    },
    async (request, reply) => {
      const { id } = request.params
      const parsed = parseOperationId(id)
      if (parsed?.prefix !== 're') return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const state = await read(edge, request, reply, parsed.paymentId)
      if (state === undefined) return reply
      const refund = state.refunds.find((other) => other.id === id)
      if (refund === undefined) return refuse(edge, request, reply, { code: 'refund_not_found' }, state.id)
      return reply.header('etag', `"${state.seq}"`).send(renderRefund(state, refund))
    },
  )
}

function refundCommand(request: MerchantRequest, body: RefundPaymentBody): MerchantCommand {
  return {
    type: 'RefundPayment',
    request,
    ...(body.amount === undefined ? {} : { amountMinor: body.amount }),
    ...(body.reason === undefined ? {} : { reason: body.reason }),
  }
}

/** Refunds, under their payment and by themselves: two spellings of one operation. */
import type { FastifyInstance } from 'fastify'
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import type { MerchantCommand, MerchantRequest } from '../../domain/payment/commands.ts'
import { sendTagged } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { expansionOf, refundTree } from '../expand.ts'
import { errorsOf, operation, PaymentParams, RefundParams } from '../operation.ts'
import { PendingRefundSchema, RefundSchema } from '../payment-schema.ts'
import { expandParameter } from '../query.ts'
import { CreateRefundBody, ExpandQuery, NoQuery, RefundPaymentBody } from '../request-schema.ts'
import { refuse } from '../respond.ts'
import { callerOf, read, submit } from '../submit.ts'
import { viewsOf } from '../views.ts'
import { submitTo, withoutKey } from './payments.ts'

const changed = { 201: RefundSchema, 202: PendingRefundSchema }
const what =
  'Gives captured money back, all that is left unless `amount` says less. 201 says that the PSP did it, 202 that its ' +
  'answer is open. `POST /v1/refunds` and `POST /v1/payments/{id}/refunds` are one operation: a repeat may use either.'

export function refundRoutes(app: FastifyInstance, edge: Edge): void {
  app.post<{ Params: { id: string }; Body: RefundPaymentBody }>(
    '/v1/payments/:id/refunds',
    {
      config: { scope: 'refunds:write', bodyOptional: true, errors: errorsOf.refund },
      schema: {
        ...operation('refundPayment', 'Refunds', 'Refund a payment', what),
        params: PaymentParams,
        body: RefundPaymentBody,
        querystring: NoQuery,
        response: changed,
      },
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
    {
      config: { scope: 'refunds:write', errors: errorsOf.refund },
      schema: {
        ...operation('createRefund', 'Refunds', 'Create a refund', what),
        body: CreateRefundBody,
        querystring: NoQuery,
        response: changed,
      },
    },
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

  app.get<{ Params: { id: string }; Querystring: ExpandQuery }>(
    '/v1/refunds/:id',
    {
      config: { scope: 'payments:read', errors: errorsOf.readRefund },
      schema: {
        ...operation(
          'getRefund',
          'Refunds',
          'Read a refund',
          'The refund as it is. `ETag` names its payment’s version; with `If-None-Match` the answer is 304 until that changes.',
        ),
        params: RefundParams,
        querystring: ExpandQuery,
        response: { 200: RefundSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const parsed = parseOperationId(id)
      if (parsed?.prefix !== 're') return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const expand = expansionOf(request.query[expandParameter], refundTree)
      if (!expand.ok) return refuse(edge, request, reply, expand.refusal)
      const state = await read(edge, request, reply, parsed.paymentId)
      if (state === undefined) return reply
      const refund = state.refunds.find((other) => other.id === id)
      if (refund === undefined) return refuse(edge, request, reply, { code: 'refund_not_found' }, state.id)
      const views = viewsOf(callerOf(request).apiVersion)
      return sendTagged(request, reply, state, () => views.refund(state, refund, expand.expansion))
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

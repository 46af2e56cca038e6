/** `/v1/payments`: create, read, confirm, capture, cancel. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressOfPayment, type Mode, paymentIdOf } from '../../domain/ids.ts'
import { amountMinorMax, isKnownCurrency } from '../../domain/money/currency.ts'
import type { CreatePayment, MerchantRequest } from '../../domain/payment/commands.ts'
import type { Edge } from '../deps.ts'
import { PaymentSchema, PendingPaymentSchema } from '../payment-schema.ts'
import type { Refusal } from '../problem.ts'
import { ProblemSchema } from '../problem-schema.ts'
import { renderPayment } from '../render.ts'
import {
  CancelPaymentBody,
  CapturePaymentBody,
  ConfirmPaymentBody,
  CreatePaymentBody,
  NoQuery,
} from '../request-schema.ts'
import { refuse } from '../respond.ts'
import { isReturnUrl } from '../return-url.ts'
import { callerOf, read, type Submission, submit } from '../submit.ts'

const errors = { '4xx': ProblemSchema, '5xx': ProblemSchema }
const changed = { 201: PaymentSchema, 202: PendingPaymentSchema, ...errors }

interface OfPayment {
  Params: { id: string }
}

export function paymentRoutes(app: FastifyInstance, edge: Edge): void {
  app.post<{ Body: CreatePaymentBody }>(
    '/v1/payments',
    {
      config: { scope: 'payments:write' },
      schema: { body: CreatePaymentBody, querystring: NoQuery, response: changed },
    },
    (request, reply) => create(edge, request, reply, request.body),
  )

  app.get<OfPayment>(
    '/v1/payments/:id',
    {
      config: { scope: 'payments:read' },
      schema: { querystring: NoQuery, response: { 200: PaymentSchema, ...errors } },
    },
    async (request, reply) => {
      const { id } = request.params
      if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const state = await read(edge, request, reply, id)
      if (state === undefined) return reply
      return reply.header('etag', `"${state.seq}"`).send(renderPayment(state))
    },
  )

  const writes = { scope: 'payments:write', bodyOptional: true } as const

  for (const alias of ['confirm', 'authorize']) {
    app.post<OfPayment & { Body: ConfirmPaymentBody }>(
      `/v1/payments/:id/${alias}`,
      { config: writes, schema: { body: ConfirmPaymentBody, querystring: NoQuery, response: changed } },
      (request, reply) => {
        const { payment_method, return_url } = request.body
        const refusal = refusalOfReturnUrl(return_url, callerOf(request).mode)
        if (refusal !== undefined) return refuse(edge, request, reply, refusal)
        return submitTo(edge, request, reply, {
          operation: 'confirm',
          class: 'begin',
          body: request.body,
          command: (merchantRequest) => ({
            type: 'ConfirmPayment',
            request: merchantRequest,
            ...(payment_method === undefined ? {} : { paymentMethod: { type: 'card', token: payment_method } }),
            ...(return_url === undefined ? {} : { returnUrl: return_url }),
          }),
        })
      },
    )
  }

  app.post<OfPayment & { Body: CapturePaymentBody }>(
    '/v1/payments/:id/capture',
    { config: writes, schema: { body: CapturePaymentBody, querystring: NoQuery, response: changed } },
    (request, reply) => {
      const { amount, final } = request.body
      return submitTo(edge, request, reply, {
        operation: 'capture',
        class: 'settle',
        body: request.body,
        command: (merchantRequest) => ({
          type: 'CapturePayment',
          request: merchantRequest,
          ...(amount === undefined ? {} : { amountMinor: amount }),
          final: final ?? true,
        }),
      })
    },
  )

  app.post<OfPayment & { Body: CancelPaymentBody }>(
    '/v1/payments/:id/cancel',
    { config: writes, schema: { body: CancelPaymentBody, querystring: NoQuery, response: changed } },
    (request, reply) => {
      const { reason } = request.body
      return submitTo(edge, request, reply, {
        operation: 'cancel',
        class: 'settle',
        body: request.body,
        command: (merchantRequest) => ({
          type: 'CancelPayment',
          request: merchantRequest,
          ...(reason === undefined ? {} : { reason }),
        }),
      })
    },
  )
}

function create(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  body: CreatePaymentBody,
): FastifyReply | Promise<FastifyReply> {
  const currency = body.currency.toUpperCase()
  const refusal = refusalOfAmount(body.amount, currency) ?? refusalOfReturnUrl(body.return_url, callerOf(request).mode)
  if (refusal !== undefined) return refuse(edge, request, reply, refusal)
  return submit(edge, request, reply, {
    operation: 'create',
    class: 'begin',
    body,
    fingerprinted: withoutKey(body),
    paymentId: (caller, key) => paymentIdOf(edge.idKey, caller.merchant.id, caller.mode, key),
    command: (merchantRequest) => createCommand(merchantRequest, body, currency),
  })
}

function createCommand(request: MerchantRequest, body: CreatePaymentBody, currency: string): CreatePayment {
  return {
    type: 'CreatePayment',
    request,
    amountMinor: body.amount,
    currency,
    captureMethod: body.capture_method ?? 'automatic',
    confirm: body.confirm ?? true,
    ...(body.payment_method === undefined ? {} : { paymentMethod: { type: 'card', token: body.payment_method } }),
    ...(body.merchant_reference === undefined ? {} : { merchantReference: body.merchant_reference }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.statement_descriptor === undefined ? {} : { statementDescriptor: body.statement_descriptor }),
    ...(body.customer === undefined ? {} : { customer: body.customer }),
    ...(body.return_url === undefined ? {} : { returnUrl: body.return_url }),
    metadata: body.metadata ?? {},
  }
}

/** A request about the payment in the path. */
export function submitTo(
  edge: Edge,
  request: FastifyRequest<OfPayment>,
  reply: FastifyReply,
  submission: Omit<Submission, 'paymentId' | 'fingerprinted'>,
): FastifyReply | Promise<FastifyReply> {
  const { id } = request.params
  if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
  return submit(edge, request, reply, {
    ...submission,
    fingerprinted: withoutKey(submission.body),
    paymentId: () => id,
  })
}

export function withoutKey(body: { readonly idempotency_key?: string }): object {
  const { idempotency_key: _key, ...rest } = body
  return rest
}

function refusalOfAmount(amount: number, currency: string): Refusal | undefined {
  if (!isKnownCurrency(currency)) return { code: 'currency_unsupported', param: 'currency' }
  const max = amountMinorMax(currency)
  if (amount <= max) return undefined
  return { code: 'amount_range', param: 'amount', message: `amount must be at most ${max} for this currency.` }
}

function refusalOfReturnUrl(returnUrl: string | undefined, mode: Mode): Refusal | undefined {
  if (returnUrl === undefined || isReturnUrl(returnUrl, mode)) return undefined
  const message = 'return_url must be an absolute https address (http too in test mode) without user information.'
  return { code: 'parameter_invalid', param: 'return_url', message }
}

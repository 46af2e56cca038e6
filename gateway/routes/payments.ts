/** `/v1/payments`: create, read, confirm, capture, cancel. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addressOfPayment, type Mode, paymentIdOf } from '../../domain/ids.ts'
import { amountMinorMax, isKnownCurrency } from '../../domain/money/currency.ts'
import type { CreatePayment, MerchantRequest } from '../../domain/payment/commands.ts'
import type { PaymentMethod } from '../../domain/payment/operations.ts'
import { sendTagged } from '../answer.ts'
import type { Edge } from '../deps.ts'
import { expansionOf, paymentTree } from '../expand.ts'
import { errorsOf, operation, PaymentParams } from '../operation.ts'
import { paymentMethodOf } from '../payment-method.ts'
import { PaymentSchema, PendingPaymentSchema } from '../payment-schema.ts'
import type { Refusal } from '../problem.ts'
import { expandParameter } from '../query.ts'
import {
  CancelPaymentBody,
  CapturePaymentBody,
  ConfirmPaymentBody,
  CreatePaymentBody,
  ExpandQuery,
  NoQuery,
  type PaymentMethodBody,
} from '../request-schema.ts'
import { refuse } from '../respond.ts'
import { isReturnUrl } from '../return-url.ts'
import { callerOf, read, type Submission, submit } from '../submit.ts'
import { viewsOf } from '../views.ts'

const changed = { 201: PaymentSchema, 202: PendingPaymentSchema }

interface OfPayment {
  Params: { id: string }
}

export function paymentRoutes(app: FastifyInstance, edge: Edge): void {
  app.post<{ Body: CreatePaymentBody }>(
    '/v1/payments',
    {
      config: { scope: 'payments:write', errors: errorsOf.create },
      schema: {
        ...operation(
          'createPayment',
          'Payments',
          'Create a payment',
          'Creates a payment and, unless `confirm` is false, authorizes it; with `capture_method: automatic` it is ' +
            'captured too. 201 says what became of it, 202 that the outcome is open, 402 that it failed.',
        ),
        body: CreatePaymentBody,
        querystring: NoQuery,
        response: changed,
      },
    },
    (request, reply) => create(edge, request, reply, request.body),
  )

  app.get<OfPayment & { Querystring: ExpandQuery }>(
    '/v1/payments/:id',
    {
      config: { scope: 'payments:read', errors: errorsOf.read },
      schema: {
        ...operation(
          'getPayment',
          'Payments',
          'Read a payment',
          'The payment as it is. `ETag` names its version; with `If-None-Match` the answer is 304 until it changes.',
        ),
        params: PaymentParams,
        querystring: ExpandQuery,
        response: { 200: PaymentSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (addressOfPayment(id) === undefined) return refuse(edge, request, reply, { code: 'id_format', param: 'id' })
      const expand = expansionOf(request.query[expandParameter], paymentTree)
      if (!expand.ok) return refuse(edge, request, reply, expand.refusal)
      const state = await read(edge, request, reply, id)
      if (state === undefined) return reply
      const views = viewsOf(callerOf(request).apiVersion)
      return sendTagged(request, reply, state, () => views.payment(state, expand.expansion))
    },
  )

  const writes = { scope: 'payments:write', bodyOptional: true } as const

  for (const alias of ['confirm', 'authorize'] as const) {
    app.post<OfPayment & { Body: ConfirmPaymentBody }>(
      `/v1/payments/:id/${alias}`,
      {
        config: { ...writes, errors: errorsOf.confirm },
        schema: {
          ...operation(
            `${alias}Payment`,
            'Payments',
            alias === 'confirm' ? 'Confirm a payment' : 'Confirm a payment, by its other name',
            'Authorizes a payment that was created with `confirm: false`, or tries again after a decline. ' +
              '`/confirm` and `/authorize` are one operation: a repeat may use either.',
          ),
          params: PaymentParams,
          body: ConfirmPaymentBody,
          querystring: NoQuery,
          response: changed,
        },
      },
      (request, reply) => confirm(edge, request, reply),
    )
  }

  app.post<OfPayment & { Body: CapturePaymentBody }>(
    '/v1/payments/:id/capture',
    {
      config: { ...writes, errors: errorsOf.capture },
      schema: {
        ...operation(
          'capturePayment',
          'Payments',
          'Capture a payment',
          'Takes money that is authorized, all that is left unless `amount` says less. A final capture releases the rest.',
        ),
        params: PaymentParams,
        body: CapturePaymentBody,
        querystring: NoQuery,
        response: changed,
      },
    },
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
    {
      config: { ...writes, errors: errorsOf.cancel },
      schema: {
        ...operation(
          'cancelPayment',
          'Payments',
          'Cancel a payment',
          'Ends a payment that is not captured: gives back what is authorized. While the outcome of the authorization ' +
            'is open the answer is 202, and whatever comes is given back.',
        ),
        params: PaymentParams,
        body: CancelPaymentBody,
        querystring: NoQuery,
        response: changed,
      },
    },
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
  const method = readPaymentMethod(body.payment_method)
  if (!method.ok) return refuse(edge, request, reply, method.refusal)
  return submit(edge, request, reply, {
    operation: 'create',
    class: 'begin',
    body,
    fingerprinted: withoutKey(body),
    paymentId: (caller, key) => paymentIdOf(edge.idKey, caller.merchant.id, caller.mode, key),
    command: (merchantRequest) => createCommand(merchantRequest, body, currency, method.paymentMethod),
  })
}

function createCommand(
  request: MerchantRequest,
  body: CreatePaymentBody,
  currency: string,
  paymentMethod: PaymentMethod | undefined,
): CreatePayment {
  return {
    type: 'CreatePayment',
    request,
    amountMinor: body.amount,
    currency,
    captureMethod: body.capture_method ?? 'automatic',
    confirm: body.confirm ?? true,
    ...(paymentMethod === undefined ? {} : { paymentMethod }),
    ...(body.merchant_reference === undefined ? {} : { merchantReference: body.merchant_reference }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.statement_descriptor === undefined ? {} : { statementDescriptor: body.statement_descriptor }),
    ...(body.customer === undefined ? {} : { customer: body.customer }),
    ...(body.return_url === undefined ? {} : { returnUrl: body.return_url }),
    ...(body.routing?.connection === undefined ? {} : { routing: { connection: body.routing.connection } }),
    metadata: body.metadata ?? {},
  }
}

function confirm(
  edge: Edge,
  request: FastifyRequest<OfPayment & { Body: ConfirmPaymentBody }>,
  reply: FastifyReply,
): FastifyReply | Promise<FastifyReply> {
  const { body } = request
  const refusal = refusalOfReturnUrl(body.return_url, callerOf(request).mode)
  if (refusal !== undefined) return refuse(edge, request, reply, refusal)
  const method = readPaymentMethod(body.payment_method)
  if (!method.ok) return refuse(edge, request, reply, method.refusal)
  const { paymentMethod } = method
  return submitTo(edge, request, reply, {
    operation: 'confirm',
    class: 'begin',
    body,
    command: (merchantRequest) => ({
      type: 'ConfirmPayment',
      request: merchantRequest,
      ...(paymentMethod === undefined ? {} : { paymentMethod }),
      ...(body.return_url === undefined ? {} : { returnUrl: body.return_url }),
    }),
  })
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

function readPaymentMethod(
  body: string | PaymentMethodBody | undefined,
):
  | { readonly ok: true; readonly paymentMethod: PaymentMethod | undefined }
  | { readonly ok: false; readonly refusal: Refusal } {
  return body === undefined ? { ok: true, paymentMethod: undefined } : paymentMethodOf(body)
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

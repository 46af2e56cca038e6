/**
 * What a payment actor answered, as HTTP. The status follows from the request's operation and what became of it:
 * 201 once that is known and good, 202 while it is open, 402 or 424 once it is known and bad, 200 for reads.
 *
 * A final answer is a function of the state at the concluding decision and of the request's record, so that its replay
 * is byte-identical. Pure but for the reply it writes.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RouteAnswer } from '../cluster/router.ts'
import type { RequestRecord } from '../domain/decision.ts'
import type { PaymentAnswer } from '../domain/payment/answers.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import type { Operation, Payment } from '../domain/payment/state.ts'
import { assert, unreachable } from '../runtime/assert.ts'
import { httpLimits } from '../runtime/limits.ts'
import { declineMessage } from './decline-message.ts'
import type { Caller, Edge } from './deps.ts'
import { errorTable } from './errors.ts'
import { etagOf, isUnchanged } from './etag.ts'
import type { Expansion } from './expand.ts'
import type { PaymentView } from './payment-schema.ts'
import type { Refusal } from './problem.ts'
import { codeOfDecline, operationStatusView } from './render.ts'
import { paymentPath, refuse } from './respond.ts'
import { isOfLimit, limitRefusalOf } from './limit-refusal.ts'
import { viewsOf } from './views.ts'

export interface Answering {
  readonly edge: Edge
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly caller: Caller
  readonly paymentId: string
  /** What the request expands. */
  readonly expansion: Expansion
}

/** Answers a merchant's request that may have changed something. */
export function answerCommand(to: Answering, routed: RouteAnswer<PaymentAnswer>): FastifyReply {
  if (routed.kind === 'unavailable') {
    return refuse(
      to.edge,
      to.request,
      to.reply,
      {
        code: routed.certainty,
        retryAfterSeconds: Math.ceil(routed.retryAfterMs / 1_000),
        payment: { id: to.paymentId },
      },
      to.paymentId,
    )
  }
  const { answer } = routed
  switch (answer.kind) {
    case 'in_use':
      return refuse(to.edge, to.request, to.reply, { code: 'idempotency_key_in_use' }, to.paymentId)
    case 'rejected':
      return answerRejection(to, answer.rejection, answer.state)
    case 'payment': {
      checkOwner(to, answer.state)
      assert(answer.request !== undefined, 'an answered request has its record', { payment: to.paymentId })
      return answerRequest(to, answer.state, answer.request, answer.replayed)
    }
    default:
      return unreachable(answer)
  }
}

function answerRejection(to: Answering, rejection: PaymentRejection, state: Payment | undefined): FastifyReply {
  if (state !== undefined && rejection.code !== 'payment_not_found') checkOwner(to, state)
  if (isOfLimit(rejection)) {
    to.edge.metrics.limitRefused(rejection.limit)
    return refuse(to.edge, to.request, to.reply, limitRefusalOf(rejection, to.edge.clock.now()), to.paymentId)
  }
  const shown =
    state !== undefined && errorTable[rejection.code].status === 409
      ? { payment: paymentView(to, state, to.caller.apiVersion) }
      : {}
  return refuse(to.edge, to.request, to.reply, { ...refusalOf(rejection), ...shown }, to.paymentId)
}

type Rejected = Extract<PaymentAnswer, { kind: 'rejected' }>

/** What a query was answered with, or undefined where the refusal was sent already. */
export function answerQuery<Answer extends { readonly kind: string }>(
  to: Omit<Answering, 'expansion'>,
  routed: RouteAnswer<Answer | Rejected>,
): Answer | undefined {
  const { edge, request, reply, paymentId } = to
  if (routed.kind === 'unavailable') {
    const retryAfterSeconds = Math.ceil(routed.retryAfterMs / 1_000)
    refuse(edge, request, reply, { code: 'service_unavailable', retryAfterSeconds }, paymentId)
    return undefined
  }
  const { answer } = routed
  if (isRejected(answer)) {
    refuse(edge, request, reply, refusalOf(answer.rejection), paymentId)
    return undefined
  }
  return answer
}

function isRejected(answer: { readonly kind: string }): answer is Rejected {
  return answer.kind === 'rejected'
}

/** Answers a read: 304 where the client has this version already, else what `view` renders. */
export function sendTagged(
  request: FastifyRequest,
  reply: FastifyReply,
  version: Pick<Payment, 'seq'>,
  view: () => object,
): FastifyReply {
  const etag = etagOf(version)
  reply.header('etag', etag)
  return isUnchanged(request.headers['if-none-match'], etag) ? reply.code(304).send() : reply.send(view())
}

/** An answer that went astray must not reach another merchant, whatever went wrong on its way. */
export function checkOwner({ paymentId, caller }: Pick<Answering, 'paymentId' | 'caller'>, state: Payment): void {
  assert(state.id === paymentId, 'the answer is about the payment that was asked for', { payment: paymentId })
  assert(
    state.merchant === caller.merchant.id && state.mode === caller.mode,
    'the answer belongs to the merchant that asked',
    { payment: paymentId },
  )
}

function answerRequest(to: Answering, state: Payment, record: RequestRecord, replayed: boolean): FastifyReply {
  const { reply } = to
  if (replayed) reply.header('idempotent-replayed', 'true')
  // The version of the request that was accepted, which is another than this one's where this is a repeat.
  reply.header('api-version', record.apiVersion).header('etag', etagOf(state))

  if (record.concludedSeq === undefined) {
    const poll = { next_poll_after: httpLimits.pollAfterSeconds }
    reply
      .code(202)
      .header('retry-after', String(httpLimits.pollAfterSeconds))
      .header('location', locationOf(state, record))
    return reply.send({ ...viewOf(to, state, record), ...poll })
  }
  const failure = failureOf(state, record)
  if (failure !== undefined) {
    const refusal = { ...failure, payment: paymentView(to, state, record.apiVersion), requestId: record.requestId }
    return refuse(to.edge, to.request, reply, refusal, state.id)
  }
  return reply
    .code(201)
    .header('location', locationOf(state, record))
    .send(viewOf(to, state, record))
}

/** The payment of an answer, or inside one: expanded as the request says, also where it expands a refund's payment. */
function paymentView({ expansion }: Answering, state: Payment, apiVersion: string): PaymentView {
  return viewsOf(apiVersion).payment(state, expansion['payment'] ?? expansion)
}

/** Refunds answer with the refund, all else with the payment. */
function viewOf(to: Answering, state: Payment, record: RequestRecord): object {
  if (record.operation !== 'refund') return paymentView(to, state, record.apiVersion)
  const refund = state.refunds.find(({ id }) => id === record.operationId)
  assert(refund !== undefined, 'an accepted refund is part of its payment', { payment: state.id })
  return viewsOf(record.apiVersion).refund(state, refund, to.expansion)
}

function locationOf(state: Payment, record: RequestRecord): string {
  return record.operation === 'refund' && record.operationId !== undefined
    ? `/v1/refunds/${record.operationId}`
    : paymentPath(state.id)
}

/** Why a concluded request came to nothing; undefined where it did what it should. */
function failureOf(state: Payment, record: RequestRecord): Refusal | undefined {
  switch (record.operation) {
    case 'create':
    case 'confirm': {
      if (state.lifecycle.status !== 'failed') return undefined
      const { code, decline } = state.lifecycle.failure
      return decline === undefined ? { code } : declined(code, decline.code)
    }
    case 'capture':
      return failureOfOperation(state.captures, record, 'capture_declined')
    case 'cancel':
      // A void that is declined because it happened already did what was asked.
      if (state.lifecycle.status === 'canceled') return undefined
      return failureOfOperation(state.voids, record, 'cancel_declined')
    case 'refund':
      return failureOfOperation(state.refunds, record, 'refund_declined')
    default:
      return unreachable(record.operation)
  }
}

function failureOfOperation(
  operations: readonly Operation[],
  record: RequestRecord,
  code: 'capture_declined' | 'cancel_declined' | 'refund_declined',
): Refusal | undefined {
  const operation = operations.find(({ id }) => id === record.operationId)
  if (operation === undefined) return undefined
  switch (operationStatusView(operation.status)) {
    case 'declined':
      return declined(codeOfDecline(operation.decline, code), operation.decline?.code)
    case 'failed':
      return { code: 'psp_unavailable' }
    default:
      return undefined
  }
}

/** Also of a set-up that was refused: some of it is the merchant's to mend, such as a `customer` that was left out. */
function declined(code: Refusal['code'], declineCode: string | undefined): Refusal {
  // `psp_configuration` for `psp_configuration` says nothing more.
  if (declineCode === undefined || declineCode === code) return { code }
  return { code, declineCode, message: declineMessage(declineCode, errorTable[code].message) }
}

/** A refusal of the payment machine. */
export function refusalOf(rejection: PaymentRejection): Refusal {
  const { code } = rejection
  switch (code) {
    case 'payment_unexpected_state':
      return { code, currentStatus: rejection.current, allowedStatuses: rejection.allowed }
    case 'operation_in_progress':
      return { code, operation: rejection.operationId }
    case 'capture_exceeds_authorization':
    case 'refund_exceeds_capture':
      return { code, param: 'amount', amountAvailable: rejection.availableMinor }
    case 'no_route':
      if (rejection.param === undefined) return { code }
      return {
        code,
        param: rejection.param,
        message: 'routing.connection is no connection of this account that takes this payment.',
      }
    case 'refund_limit_reached':
      return { code, limit: rejection.limit }
    default:
      return 'param' in rejection ? { code, param: rejection.param } : { code }
  }
}

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
import type { Refusal } from './problem.ts'
import { codeOfDecline, operationStatusView, renderPayment, renderRefund } from './render.ts'
import { paymentPath, refuse } from './respond.ts'

interface Answering {
  readonly edge: Edge
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly caller: Caller
  readonly paymentId: string
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
      if (answer.state !== undefined && answer.rejection.code !== 'payment_not_found') checkOwner(to, answer.state)
      return refuse(to.edge, to.request, to.reply, refusalOf(answer.rejection, answer.state), to.paymentId)
    case 'payment': {
      checkOwner(to, answer.state)
      assert(answer.request !== undefined, 'an answered request has its record', { payment: to.paymentId })
      return answerRequest(to, answer.state, answer.request, answer.replayed)
    }
    default:
      return unreachable(answer)
  }
}

/** The state that a read was answered with, or undefined where the refusal was sent already. */
export function stateRead(to: Answering, routed: RouteAnswer<PaymentAnswer>): Payment | undefined {
  if (routed.kind === 'unavailable') {
    refuse(
      to.edge,
      to.request,
      to.reply,
      {
        code: 'service_unavailable',
        retryAfterSeconds: Math.ceil(routed.retryAfterMs / 1_000),
      },
      to.paymentId,
    )
    return undefined
  }
  const { answer } = routed
  assert(answer.kind !== 'in_use', 'a read has no key that could be in use', { payment: to.paymentId })
  if (answer.kind === 'rejected') {
    refuse(to.edge, to.request, to.reply, refusalOf(answer.rejection, undefined), to.paymentId)
    return undefined
  }
  checkOwner(to, answer.state)
  return answer.state
}

/** An answer that went astray must not reach another merchant, whatever went wrong on its way. */
function checkOwner({ paymentId, caller }: Answering, state: Payment): void {
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
  reply.header('etag', `"${state.seq}"`)

  if (record.concludedSeq === undefined) {
    const poll = { next_poll_after: httpLimits.pollAfterSeconds }
    reply
      .code(202)
      .header('retry-after', String(httpLimits.pollAfterSeconds))
      .header('location', locationOf(state, record))
    return reply.send({ ...viewOf(state, record), ...poll })
  }
  const failure = failureOf(state, record)
  if (failure !== undefined) {
    const refusal = { ...failure, payment: renderPayment(state), requestId: record.requestId }
    return refuse(to.edge, to.request, reply, refusal, state.id)
  }
  return reply.code(201).header('location', locationOf(state, record)).send(viewOf(state, record))
}

/** Refunds answer with the refund, all else with the payment. */
function viewOf(state: Payment, record: RequestRecord): object {
  if (record.operation !== 'refund') return renderPayment(state)
  const refund = state.refunds.find(({ id }) => id === record.operationId)
  assert(refund !== undefined, 'an accepted refund is part of its payment', { payment: state.id })
  return renderRefund(state, refund)
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

function declined(code: Refusal['code'], declineCode: string | undefined): Refusal {
  if (declineCode === undefined || code === 'psp_configuration') return { code }
  return { code, declineCode, message: declineMessage(declineCode, errorTable[code].message) }
}

/** A refusal of the payment machine. The payment is shown where it explains the refusal: conflicts with its state. */
export function refusalOf(rejection: PaymentRejection, state: Payment | undefined): Refusal {
  const { code } = rejection
  const shown = state !== undefined && errorTable[code].status === 409 ? { payment: renderPayment(state) } : {}
  switch (code) {
    case 'payment_unexpected_state':
      return { code, ...shown, currentStatus: rejection.current, allowedStatuses: rejection.allowed }
    case 'operation_in_progress':
      return { code, ...shown, operation: rejection.operationId }
    case 'capture_exceeds_authorization':
    case 'refund_exceeds_capture':
      return { code, ...shown, param: 'amount', amountAvailable: rejection.availableMinor }
    case 'refund_limit_reached':
      return { code, ...shown, limit: rejection.limit }
    default:
      return 'param' in rejection ? { code, ...shown, param: rejection.param } : { code, ...shown }
  }
}

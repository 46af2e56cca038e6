/**
 * The road of a merchant's request: its key, the payment it means, the command, the envelope, the answer.
 *
 * Guarantees: the payment's id is derived before anything is sent, so every answer from then on can name it; one request
 * makes one command id; nobody waits beyond the deadline. Leaves to the payment's actor: whether the request is a repeat.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Envelope, TrafficClass } from '../cluster/router.ts'
import type { RequestOperation } from '../domain/decision.ts'
import { addressOfPayment, type Mode } from '../domain/ids.ts'
import type { PaymentAnswer, PaymentHistoryAnswer } from '../domain/payment/answers.ts'
import type { MerchantCommand, MerchantRequest, PaymentQuery, ReadPaymentHistory } from '../domain/payment/commands.ts'
import type { PageRequest } from '../domain/payment/history.ts'
import type { Payment } from '../domain/payment/state.ts'
import { assert } from '../runtime/assert.ts'
import { httpLimits } from '../runtime/limits.ts'
import { answerCommand, answerQuery, checkOwner } from './answer.ts'
import type { Caller, Edge } from './deps.ts'
import { expansionOf, paymentTree, refundTree } from './expand.ts'
import { fingerprintOf, idempotencyKeyHeader, idempotencyKeyOf } from './idempotency.ts'
import { refuse } from './respond.ts'

export interface Submission {
  readonly operation: RequestOperation
  /** Begins new work (shed first) or settles what began. */
  readonly class: 'begin' | 'settle'
  readonly body: { readonly idempotency_key?: string; readonly expand?: readonly string[] }
  /** The body as it counts for the fingerprint: without the key, and without what only repeats the path. */
  readonly fingerprinted: object
  /** The payment that the request is about, given the idempotency key. */
  paymentId(caller: Caller, key: string): string
  command(request: MerchantRequest): MerchantCommand
}

export async function submit(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  submission: Submission,
): Promise<FastifyReply> {
  const caller = callerOf(request)
  const key = idempotencyKeyOf({
    idempotencyKey: headerOf(request, 'idempotency-key'),
    xIdempotencyKey: headerOf(request, 'x-idempotency-key'),
    body: submission.body.idempotency_key,
  })
  if (!key.ok) return refuse(edge, request, reply, { code: key.code })
  reply.header('idempotency-key', idempotencyKeyHeader(key.key))
  const expand = expansionOf(submission.body.expand, submission.operation === 'refund' ? refundTree : paymentTree)
  if (!expand.ok) return refuse(edge, request, reply, expand.refusal)

  const paymentId = submission.paymentId(caller, key.key)
  const command = submission.command({
    merchant: caller.merchant.id,
    mode: caller.mode,
    idempotencyKey: key.key,
    fingerprint: fingerprintOf(submission.operation, paymentId, submission.fingerprinted),
    requestId: request.id,
    apiVersion: caller.apiVersion,
  })
  const wait = waitOf(headerOf(request, 'prefer'))
  if (wait !== undefined) reply.header('preference-applied', `wait=${wait / 1_000}`)
  const envelope = envelopeOf(edge, request, paymentId, submission.class, command, wait)
  const routed = await edge.router.route<PaymentAnswer>(envelope)
  return answerCommand({ edge, request, reply, caller, paymentId, expansion: expand.expansion }, routed)
}

/** Asks the payment's actor for its state; undefined where the refusal was sent already. */
export async function read(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  paymentId: string,
): Promise<Payment | undefined> {
  type Answer = Extract<PaymentAnswer, { kind: 'payment' | 'rejected' }>
  const answer = await query<Answer>(edge, request, reply, paymentId, { type: 'ReadPayment', ...ownerOf(request) })
  if (answer?.kind !== 'payment') return undefined
  checkOwner({ caller: callerOf(request), paymentId }, answer.state)
  return answer.state
}

/** Asks for a page of the payment's public events. Undefined where the refusal was sent already. */
export async function readHistory(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  paymentId: string,
  page: PageRequest,
): Promise<Extract<PaymentHistoryAnswer, { kind: 'history' }> | undefined> {
  const command: ReadPaymentHistory = { type: 'ReadPaymentHistory', ...ownerOf(request), page }
  const answer = await query<PaymentHistoryAnswer>(edge, request, reply, paymentId, command)
  if (answer?.kind !== 'history') return undefined
  const caller = callerOf(request)
  for (const { after } of answer.page?.items ?? []) checkOwner({ caller, paymentId }, after)
  return answer
}

async function query<Answer extends { readonly kind: string }>(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  paymentId: string,
  command: PaymentQuery,
): Promise<Answer | undefined> {
  const envelope = envelopeOf(edge, request, paymentId, 'read', command, undefined)
  const routed = await edge.router.route<Answer>(envelope)
  return answerQuery<Answer>({ edge, request, reply, caller: callerOf(request), paymentId }, routed)
}

function ownerOf(request: FastifyRequest): { readonly merchant: string; readonly mode: Mode } {
  const { merchant, mode } = callerOf(request)
  return { merchant: merchant.id, mode }
}

export function callerOf(request: FastifyRequest): Caller {
  assert(request.caller !== null, 'a route with a scope has a caller', { route: request.routeOptions.url })
  return request.caller
}

/** @param wait milliseconds that the client asked to wait; such a request attaches to one that is running. */
export function envelopeOf(
  edge: Edge,
  request: FastifyRequest,
  paymentId: string,
  trafficClass: TrafficClass,
  payload: unknown,
  wait: number | undefined,
): Envelope {
  const address = addressOfPayment(paymentId)
  assert(address !== undefined, 'an envelope goes to a payment', { payment: paymentId })
  const waitUntil = edge.clock.monotonic() + (wait ?? httpLimits.waitDefaultMs)
  const traceparent = headerOf(request, 'traceparent')
  return {
    id: edge.random.hex(16),
    shard: address.shard,
    entity: address.entity,
    kind: 'payment',
    class: trafficClass,
    bytes: request.bodyBytes,
    payload,
    waitUntil,
    deadline: waitUntil + httpLimits.answerGraceMs,
    attach: wait !== undefined,
    ...(traceparent !== undefined && traceparentPattern.test(traceparent) ? { traceparent } : {}),
  }
}

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
const waitPattern = /(?:^|[,;]\s*)wait\s*=\s*"?([0-9]{1,6})"?\s*(?:$|[,;])/i

/** Milliseconds that `Prefer: wait=<seconds>` asks for, within the limits; a preference that cannot be read is none. */
export function waitOf(prefer: string | undefined): number | undefined {
  const seconds = prefer === undefined ? undefined : waitPattern.exec(prefer)?.[1]
  if (seconds === undefined) return undefined
  return Math.min(Math.max(Number(seconds) * 1_000, httpLimits.waitMs.min), httpLimits.waitMs.max)
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

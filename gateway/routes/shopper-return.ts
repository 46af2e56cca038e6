/**
 * `GET /v1/return/<attempt>/<nonce>`: the address a PSP sends the shopper back to. It tells the payment that the shopper
 * acted, and sends the shopper on to the merchant with the status as it is then (`pending` where the PSP has not answered
 * yet), or says in plain words how it went.
 *
 * Nobody is authenticated here: the nonce, 128 random bits known to the PSP and this shopper's browser alone, is the
 * permission, and without it not even the payment's existence is told. What the query says of the outcome is ignored: that
 * comes from the PSP. Of it only Adyen's `redirectResult` is passed on, with which the PSP is asked; nobody here can read it.
 * Coming back twice is harmless.
 */
import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parseOperationId } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import { type CompleteAction, redirectResultLengthMax } from '../../domain/payment/commands.ts'
import type { Payment, PaymentStatus } from '../../domain/payment/state.ts'
import { unreachable } from '../../runtime/assert.ts'
import type { Edge } from '../deps.ts'
import { returnUrlWith } from '../return-url.ts'
import { envelopeOf } from '../submit.ts'

const noncePattern = /^[0-9a-f]{32}$/

interface ShopperReturn {
  Params: { attempt: string; nonce: string }
  Querystring: { redirectResult?: unknown }
}

export function shopperReturnRoute(app: FastifyInstance, edge: Edge): void {
  app.get<ShopperReturn>('/v1/return/:attempt/:nonce', async (request, reply) => {
    const { attempt, nonce } = request.params
    const { redirectResult } = request.query
    const paymentId = paymentIdOfAttempt(attempt)
    if (paymentId === undefined || !noncePattern.test(nonce) || !isRedirectResult(redirectResult)) {
      return page(reply, 404, 'This address is not valid.')
    }
    const state = await complete(edge, request, paymentId, {
      type: 'CompleteAction',
      attemptId: attempt,
      nonce,
      ...(redirectResult !== undefined && { redirectResult }),
    })
    if (state === 'unavailable') {
      reply.header('retry-after', '2')
      return page(reply, 503, 'The payment cannot be looked up right now. Please reload this page in a moment.')
    }
    if (state === 'unknown' || !holdsNonce(state, attempt, nonce)) return page(reply, 404, 'This address is not valid.')
    const { status } = state.lifecycle
    if (state.returnUrl === undefined) return page(reply, 200, sentenceOf(status))
    return reply.redirect(returnUrlWith(state.returnUrl, state.id, status), 303)
  })
}

/** Absent, or one text without blanks and control characters. */
function isRedirectResult(value: unknown): value is string | undefined {
  if (value === undefined) return true
  return typeof value === 'string' && value.length <= redirectResultLengthMax && /^[\x21-\x7e]+$/.test(value)
}

function paymentIdOfAttempt(attempt: string): string | undefined {
  const parsed = parseOperationId(attempt)
  return parsed?.prefix === 'att' ? parsed.paymentId : undefined
}

async function complete(
  edge: Edge,
  request: FastifyRequest,
  paymentId: string,
  command: CompleteAction,
): Promise<Payment | 'unknown' | 'unavailable'> {
  const routed = await edge.router.route<PaymentAnswer>(
    envelopeOf(edge, request, paymentId, 'settle', command, undefined),
  )
  if (routed.kind === 'unavailable') return 'unavailable'
  const { answer } = routed
  switch (answer.kind) {
    case 'payment':
      return answer.state
    case 'rejected':
      // A payment that has gone on since still sends its shopper to the merchant.
      return answer.state ?? 'unknown'
    case 'in_use':
      return 'unavailable'
    default:
      return unreachable(answer)
  }
}

function holdsNonce(state: Payment, attemptId: string, nonce: string): boolean {
  const attempt = state.attempts.find(({ id }) => id === attemptId)
  const expected = Buffer.from(attempt?.nonce ?? '')
  const given = Buffer.from(nonce)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function sentenceOf(status: PaymentStatus): string {
  switch (status) {
    case 'authorized':
    case 'partially_captured':
    case 'captured':
      return 'Thank you. Your payment was successful. You can close this page.'
    case 'failed':
    case 'canceled':
    case 'expired':
      return 'The payment was not completed. You were not charged. You can close this page.'
    case 'created':
    case 'pending':
    case 'requires_action':
      return 'Your payment is being processed. You can close this page.'
    default:
      return unreachable(status)
  }
}

/** A page of fixed text: nothing of the request is in it. */
function page(reply: FastifyReply, status: number, sentence: string): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .send(
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
        `<title>Payment</title><p>${sentence}</p></html>\n`,
    )
}

import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { paymentIdOf } from '../domain/ids.ts'
import type { PaymentRejection } from '../domain/payment/rejections.ts'
import { errorTable, publicErrorCodes } from './errors.ts'
import { problemOf } from './problem.ts'
import { capturedPayment, headersOf, idKey, merchantId, rejected, testEdge } from './testing.ts'

const id = paymentIdOf(idKey, merchantId, 'test', 'k1')

/** Every refusal of the payment machine and the status that merchants see. */
const rejections: [PaymentRejection, number, string, object?][] = [
  [{ code: 'payment_not_found' }, 404, 'payment_not_found'],
  [{ code: 'idempotency_key_reused' }, 422, 'idempotency_key_reused'],
  [{ code: 'idempotency_key_expired' }, 409, 'idempotency_key_expired'],
  [
    { code: 'payment_unexpected_state', current: 'failed', allowed: ['authorized', 'partially_captured'] },
    409,
    'payment_unexpected_state',
    { current_status: 'failed', allowed_statuses: ['authorized', 'partially_captured'] },
  ],
  [
    { code: 'operation_in_progress', operationId: 'cap_1' },
    409,
    'operation_in_progress',
    { operation: 'cap_1', retryable: true },
  ],
  [{ code: 'amount_invalid', param: 'amount' }, 400, 'amount_range', { param: 'amount' }],
  [
    { code: 'amount_too_small_for_currency', param: 'amount' },
    400,
    'amount_too_small_for_currency',
    { param: 'amount' },
  ],
  [{ code: 'currency_unsupported', param: 'currency' }, 400, 'currency_unsupported', { param: 'currency' }],
  [
    { code: 'payment_method_required', param: 'payment_method' },
    400,
    'payment_method_required',
    { param: 'payment_method' },
  ],
  [{ code: 'card_number_not_allowed', param: 'description' }, 400, 'pan_not_allowed', { param: 'description' }],
  [{ code: 'merchant_suspended' }, 403, 'merchant_suspended'],
  [{ code: 'merchant_unknown' }, 503, 'configuration_unavailable', { retryable: true }],
  [{ code: 'no_route' }, 400, 'no_route'],
  [{ code: 'no_route', param: 'routing.connection' }, 400, 'no_route', { param: 'routing.connection' }],
  [{ code: 'attempts_exhausted' }, 409, 'attempts_exhausted'],
  [
    { code: 'capture_exceeds_authorization', availableMinor: 7 },
    409,
    'capture_exceeds_authorization',
    { param: 'amount', amount_available: 7 },
  ],
  [{ code: 'capture_window_passed' }, 409, 'capture_window_passed'],
  [{ code: 'multicapture_unsupported' }, 409, 'multicapture_unsupported'],
  [{ code: 'final_capture_exists' }, 409, 'final_capture_exists'],
  [
    { code: 'refund_exceeds_capture', availableMinor: 0 },
    409,
    'refund_exceeds_capture',
    { param: 'amount', amount_available: 0 },
  ],
  [{ code: 'refund_limit_reached', limit: 100 }, 409, 'refund_limit_reached', { limit: 100 }],
  [{ code: 'action_nonce_mismatch' }, 404, 'route_not_found'],
  [{ code: 'operation_unknown' }, 404, 'operation_unknown'],
  [{ code: 'second_approver_required' }, 403, 'second_approver_required'],
  [{ code: 'evidence_required' }, 400, 'evidence_required'],
  [{ code: 'proposal_exists' }, 409, 'proposal_exists'],
  [{ code: 'no_proposal' }, 409, 'no_proposal'],
  [{ code: 'nothing_to_compensate' }, 409, 'nothing_to_compensate'],
  [{ code: 'resolution_too_early' }, 409, 'resolution_too_early', { retryable: true }],
  [{ code: 'notice_not_ours' }, 404, 'notice_not_ours'],
]

describe('the table of errors', () => {
  it.each(rejections)('a refusal %j answers %d %s', async (rejection, status, code, members = {}) => {
    const { app, router } = testEdge()
    router.script = () => rejected(rejection, capturedPayment('k1'))
    const response = await app.inject({
      method: 'POST',
      url: `/v1/payments/${id}/capture`,
      headers: headersOf('k2'),
      payload: {},
    })
    expect(response.statusCode).toBe(status)
    const { error } = response.json<{ error: Record<string, unknown> }>()
    expect(error).toMatchObject({ code, ...members })
    // The payment is shown where it explains the refusal, and nowhere else.
    expect('payment' in error).toBe(status === 409)
    expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
  })

  it('has a section in docs/errors.md for each public code, and the page has no other', async () => {
    const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
    const [api = ''] = page.split(/^## Start-up errors$/m)
    const sections = [...api.matchAll(/^### (\S+)$/gm)].map((match) => match[1])
    expect(new Set(sections)).toEqual(new Set(publicErrorCodes))
    expect(sections).toHaveLength(publicErrorCodes.length)
  })

  it('states in docs/errors.md the status and type that are answered', async () => {
    const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
    for (const code of publicErrorCodes) {
      const { status, type, retryable } = errorTable[code]
      const line = `\n### ${code}\n\n\`${status}\` · \`${type}\`${retryable ? ' · retryable' : ''}\n`
      expect(page.includes(line), line).toBe(true)
    }
  })

  it('names a public code for every code that is known by another name', () => {
    const renamed = Object.values(errorTable).flatMap(({ as }) => (as === undefined ? [] : [as]))
    expect(renamed.length).toBeGreaterThan(0)
    expect(renamed.filter((code) => errorTable[code].as !== undefined)).toEqual([])
  })

  it('calls retryable what a later repeat can change: never a bad request or a final outcome, always a server’s failure', () => {
    const wrong = Object.entries(errorTable).filter(([, { status, retryable }]) => {
      const mustBe = status >= 500 || status === 429 || status === 408
      const mustNotBe = status === 400 || status === 402 || status === 422
      return (mustBe && !retryable) || (mustNotBe && retryable)
    })
    expect(wrong).toEqual([])
  })

  it('writes problems in the documented form, with the members in order', () => {
    const problem = problemOf(
      { code: 'card_declined', declineCode: 'insufficient_funds', message: 'Insufficient funds.', payment: { id } },
      {
        requestId: 'req_1',
        instance: `/v1/payments/${id}`,
        errorDocsUrl: 'https://errors.example/e',
        keyReusedStatus: 422,
      },
    )
    expect(JSON.stringify(problem)).toBe(
      JSON.stringify({
        type: 'https://errors.example/e#card_declined',
        title: 'Card declined',
        status: 402,
        detail: 'Insufficient funds.',
        instance: `/v1/payments/${id}`,
        error: {
          type: 'card_error',
          code: 'card_declined',
          decline_code: 'insufficient_funds',
          message: 'Insufficient funds.',
          param: null,
          retryable: false,
          request_id: 'req_1',
          doc_url: 'https://errors.example/e#card_declined',
          payment: { id },
        },
      }),
    )
  })

  it('names a parameter only where its name is harmless', () => {
    const context = { requestId: 'r', instance: '/', errorDocsUrl: 'e', keyReusedStatus: 422 } as const
    const shown = (param: string): string | null => problemOf({ code: 'unknown_field', param }, context).error.param
    expect(shown('metadata.color')).toBe('metadata.color')
    expect(shown('4242424242424242')).toBe(null)
    expect(shown('metadata.x4242424242424242')).toBe(null)
    expect(shown('<script>')).toBe(null)
    expect(shown('a'.repeat(101))).toBe(null)
  })
})

import { describe, expect, test } from 'vitest'
import { operationIdOf, paymentIdOf } from '../../domain/ids.ts'
import { messageOf, pushedAmount, pushingPsps, receiverOf } from './psp-messages.ts'

const signedAt = Date.UTC(2026, 10, 21, 18)
const payment = paymentIdOf(Buffer.alloc(32, 1), 'mer_a', 'test', 'k1')
const attempt = operationIdOf('att', payment, 1)

function received(psp: (typeof pushingPsps)[number], subject: { readonly name: string; readonly payment?: string }) {
  const { headers, body, noticeId } = messageOf(psp, subject, signedAt)
  const verdict = receiverOf(psp).receive({ headers, body: Buffer.from(body), receivedAt: signedAt })
  return { noticeId, verdict }
}

describe.each(pushingPsps)('a message of %s', (psp) => {
  test('about a payment is authentic and tells of its first attempt', () => {
    const { noticeId, verdict } = received(psp, { name: 'a1', payment })
    expect(verdict).toMatchObject({
      kind: 'authentic',
      notices: [
        {
          id: noticeId,
          mode: 'test',
          subject: { operationId: attempt },
          fact: {
            kind: 'outcome',
            operation: 'authorize',
            outcome: { kind: 'succeeded', pspReference: `pi_${attempt}`, ...pushedAmount },
          },
        },
      ],
    })
  })

  test('about nothing of a payment is authentic and informative', () => {
    const { noticeId, verdict } = received(psp, { name: 'a2' })
    expect(verdict).toMatchObject({
      kind: 'authentic',
      notices: [{ id: noticeId, fact: { kind: 'none', reason: 'informative' } }],
    })
  })
})

/** Connector, simulated Adyen and receiver together: what is asked, what becomes of it, and who tells. */
import { describe, expect, it } from 'vitest'
import type { Notice } from '../../domain/inbox/notice.ts'
import type { AuthorizeCall, OperationOutcome } from '../../domain/payment/operations.ts'
import { systemClock } from '../../runtime/clock.ts'
import { merchantAccount, type TestAdyen, testAdyen } from '../../test/support/adyen-simulator.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../../test/support/psp-calls.ts'
import { cleanUp } from '../../test/support/simulator.ts'
import type { Connector } from '../connector.ts'
import { createAdyenConnector } from './connector.ts'
import { noticeOf } from './notice.ts'
import { readNotification } from './notification.ts'

async function setUp(deadlineMs = 2_000): Promise<{ adyen: TestAdyen; connector: Connector }> {
  const adyen = await testAdyen({ adyen: { modificationMs: 0 } })
  const connector = createAdyenConnector({
    connection: 'adyen-test',
    mode: 'test',
    apiKey: 'test_key',
    merchantAccount,
    baseUrl: adyen.url,
    clock: systemClock,
    limits: { deadlineMs },
  })
  cleanUp(() => connector.close())
  return { adyen, connector }
}

const inTime = (): { notAfter: number } => ({ notAfter: Date.now() + 60_000 })

function authorize(token = 'tok_visa', returnUrl?: string): AuthorizeCall {
  const paymentMethod = { type: 'card', token } as const
  return authorizeCall({ paymentMethod, customer: 'cus_1', ...(returnUrl === undefined ? {} : { returnUrl }) })
}

function referenceOf(outcome: OperationOutcome): string {
  if (!('pspReference' in outcome) || outcome.pspReference === undefined)
    throw new Error(`a reference, not ${outcome.kind}`)
  return outcome.pspReference
}

/** What the receiver makes of everything that was told, once there is so much of it. */
async function notices(adyen: TestAdyen, count: number): Promise<Notice[]> {
  await expect.poll(async () => (await adyen.told()).length).toBe(count)
  return (await adyen.told()).map((NotificationRequestItem) => {
    const message = { live: 'false', notificationItems: [{ NotificationRequestItem }] }
    const item = readNotification(Buffer.from(JSON.stringify(message)))?.items[0]
    if (item === undefined) throw new Error('a notification of the simulator is readable')
    return noticeOf(item, { merchantAccount, mode: 'test', digest: '', receivedAt: 0 })
  })
}

async function effects(adyen: TestAdyen): Promise<string[]> {
  return (await adyen.book()).filter(({ effect }) => effect).map(({ operation }) => operation)
}

describe('a payment at the simulated Adyen', () => {
  it('is authorised, captured and refunded, each once, and each told about under our own id', async () => {
    const { adyen, connector } = await setUp()
    const payment = referenceOf(await connector.send(authorize(), inTime()))
    const capture = captureCall(payment)
    const captured = referenceOf(await connector.send(capture, inTime()))
    await notices(adyen, 2)
    const refund = refundCall(payment, { amountMinor: 400 })
    const refunded = referenceOf(await connector.send(refund, inTime()))
    expect(await notices(adyen, 3)).toMatchObject([
      {
        subject: { operationId: authorize().operationId, references: [payment] },
        fact: { operation: 'authorize', outcome: { kind: 'succeeded', amountMinor: 1234, captured: false } },
      },
      {
        subject: { operationId: capture.operationId, references: [captured, payment] },
        fact: { operation: 'capture', outcome: { kind: 'succeeded', amountMinor: 1234, pspReference: captured } },
      },
      {
        subject: { operationId: refund.operationId, references: [refunded, payment] },
        fact: { operation: 'refund', outcome: { kind: 'succeeded', amountMinor: 400, pspReference: refunded } },
      },
    ])
    expect(await effects(adyen)).toEqual(['authorize', 'capture', 'refund'])
  })

  it('is voided by its reference, and by ours where its own was never learned', async () => {
    for (const learned of [true, false]) {
      const { adyen, connector } = await setUp()
      const payment = referenceOf(await connector.send(authorize(), inTime()))
      const outcome = await connector.send(voidCall(learned ? payment : undefined), inTime())
      expect(outcome).toMatchObject({ kind: 'accepted' })
      const [, notice] = await notices(adyen, 2)
      expect(notice).toMatchObject({
        type: learned ? 'CANCELLATION' : 'TECHNICAL_CANCEL',
        subject: { references: [referenceOf(outcome), payment] },
        fact: { operation: 'void', outcome: { kind: 'succeeded', pspReference: referenceOf(outcome) } },
      })
      expect(await effects(adyen)).toEqual(['authorize', 'void'])
    }
  })

  it('goes through authentication with what the shopper brings back', async () => {
    const { adyen, connector } = await setUp()
    const waiting = await connector.send(authorize('tok_3ds', 'https://shop.example/return'), inTime())
    expect(waiting).toMatchObject({ kind: 'requires_action', action: { type: 'redirect' } })
    const { json } = await adyen.control(`/3ds/${referenceOf(waiting)}`, { outcome: 'complete' })
    const redirectResult = String(json['redirect_result'])
    const call = { ...completeCall(referenceOf(waiting)), redirectResult }
    expect(await connector.send(call, inTime())).toMatchObject({ kind: 'succeeded', amountMinor: 1234 })
    expect(await connector.inquire(call, { repeatAllowed: true })).toMatchObject({ kind: 'succeeded' })
    expect(await effects(adyen)).toEqual(['authorize'])
  })

  it('is declined where nobody can be sent away to authenticate', async () => {
    const { connector } = await setUp()
    expect(await connector.send(authorize('tok_3ds'), inTime())).toMatchObject({
      kind: 'declined',
      decline: { class: 'shopper', code: 'authentication_required' },
    })
  })
})

describe('an outcome that nobody told', () => {
  it.each(['timeout_after', 'reset_after', 'cut_answer', 'html_after'] as const)(
    'because of %s is found by a repeat, and nothing is done twice',
    async (action) => {
      const { adyen, connector } = await setUp(300)
      await adyen.behave([{ action, times: 1 }])
      expect(await connector.send(authorize(), inTime())).toMatchObject({ kind: 'unknown' })
      expect(await connector.inquire(authorize(), { repeatAllowed: true })).toMatchObject({
        kind: 'succeeded',
        amountMinor: 1234,
      })
      expect(await effects(adyen)).toEqual(['authorize'])
    },
  )

  it('because of a stored error stays unknown, whatever is repeated, until the notification tells', async () => {
    const { adyen, connector } = await setUp()
    await adyen.behave([{ action: 'error_500_after', times: 1 }])
    const sent = await connector.send(authorize(), inTime())
    expect(sent).toMatchObject({ kind: 'unknown', reason: 'psp_error', repeatIsUseless: true })
    expect(await connector.inquire(authorize(), { repeatAllowed: true })).toMatchObject({ kind: 'unknown' })
    expect(await notices(adyen, 1)).toMatchObject([
      { subject: { operationId: authorize().operationId }, fact: { outcome: { kind: 'succeeded' } } },
    ])
  })

  it('because of an error at the acquirer is unknown as well: the issuer may have said yes', async () => {
    const { adyen, connector } = await setUp()
    expect(await connector.send(authorize('tok_error_approved'), inTime())).toMatchObject({
      kind: 'unknown',
      reason: 'psp_error',
      repeatIsUseless: true,
    })
    expect(await notices(adyen, 1)).toMatchObject([
      { fact: { operation: 'authorize', outcome: { kind: 'succeeded' } } },
    ])
  })
})

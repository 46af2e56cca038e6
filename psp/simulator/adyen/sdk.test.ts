/** The official library as an independent client: what it understands of the simulator is what merchants' tools would. */
import { CheckoutAPI, Client, EnvironmentEnum, HttpClientException, Types } from '@adyen/api-library'
import { describe, expect, it } from 'vitest'
import { attemptId, merchantAccount, type TestAdyen, testAdyen } from '../../../test/support/adyen-simulator.ts'

async function setUp(): Promise<{ adyen: TestAdyen; checkout: CheckoutAPI }> {
  const adyen = await testAdyen({ adyen: { modificationMs: 0 } })
  const client = new Client({ apiKey: 'test_key', environment: EnvironmentEnum.TEST })
  client.httpClient = {
    async request(endpoint, json, config, _isApiKeyRequired, options) {
      const response = await fetch(endpoint.replace('https://checkout-test.adyen.com', `${adyen.url}/adyen`), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-api-key': config.apiKey ?? '',
          ...(options?.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
        },
        body: String(json),
      })
      const text = await response.text()
      if (response.ok) return text
      const { errorCode = '' } = JSON.parse(text) as { errorCode?: string }
      throw new HttpClientException({ message: text, statusCode: response.status, errorCode, responseBody: text })
    },
  }
  return { adyen, checkout: new CheckoutAPI(client) }
}

const eur = (value: number): Types.checkout.Amount => ({ currency: 'EUR', value })

function request(storedPaymentMethodId: string, reference = attemptId): Types.checkout.PaymentRequest {
  return {
    amount: eur(1_000),
    merchantAccount,
    reference,
    returnUrl: 'https://shop.example/return',
    paymentMethod: { type: Types.checkout.CardDetails.TypeEnum.Scheme, storedPaymentMethodId },
    shopperReference: 'customer_1',
    additionalData: { manualCapture: 'true' },
  }
}

describe('the official library', () => {
  it('pays, adjusts, captures and refunds', async () => {
    const { adyen, checkout } = await setUp()
    const paid = await checkout.PaymentsApi.payments(request('tok_visa'), { idempotencyKey: attemptId })
    expect(paid).toMatchObject({ resultCode: 'Authorised', merchantReference: attemptId })
    const psp = paid.pspReference ?? ''
    const api = checkout.ModificationsApi
    const told = (count: number) => expect.poll(async () => (await adyen.told()).length).toBe(count)
    const adjusted = await api.updateAuthorisedAmount(psp, { merchantAccount, amount: eur(1_500), reference: 'more' })
    expect(adjusted).toMatchObject({ status: 'received', paymentPspReference: psp })
    await told(2)
    const captured = await api.captureAuthorisedPayment(psp, { merchantAccount, amount: eur(1_200), reference: 'cap' })
    expect(captured).toMatchObject({ status: 'received', reference: 'cap', amount: eur(1_200) })
    await told(3)
    const refunded = await api.refundCapturedPayment(
      psp,
      { merchantAccount, amount: eur(200), reference: 're', capturePspReference: captured.pspReference },
      { idempotencyKey: 're' },
    )
    expect(refunded).toMatchObject({ status: 'received', capturePspReference: captured.pspReference })
    await told(4)
    expect((await adyen.told()).map(({ eventCode, success }) => `${eventCode} ${success}`)).toEqual([
      'AUTHORISATION true',
      'AUTHORISATION_ADJUSTMENT true',
      'CAPTURE true',
      'REFUND true',
    ])
  })

  it('cancels by reference and by pspReference, and reverses', async () => {
    const { adyen, checkout } = await setUp()
    const references = ['a', 'b', 'c']
    const [a = '', b = ''] = await Promise.all(
      references.map(async (each) => (await checkout.PaymentsApi.payments(request('tok_visa', each))).pspReference),
    )
    const api = checkout.ModificationsApi
    const canceled = await api.cancelAuthorisedPaymentByPspReference(a, { merchantAccount, reference: 'void_a' })
    expect(canceled).toMatchObject({ status: 'received', paymentPspReference: a })
    expect(await api.refundOrCancelPayment(b, { merchantAccount })).toMatchObject({ status: 'received' })
    expect(await api.cancelAuthorisedPayment({ merchantAccount, paymentReference: 'c' })).toMatchObject({
      status: 'received',
      paymentReference: 'c',
    })
    await expect.poll(async () => (await adyen.told()).length).toBe(6)
    const voids = (await adyen.book()).filter(({ effect, operation }) => effect && operation === 'void')
    expect(voids).toHaveLength(3)
  })

  it('follows a redirect to its end', async () => {
    const { adyen, checkout } = await setUp()
    const { action, pspReference = '' } = await checkout.PaymentsApi.payments(request('tok_3ds'))
    expect(action).toMatchObject({ type: 'redirect', method: 'GET' })
    const shopper = await adyen.control(`/3ds/${pspReference}`, { outcome: 'complete' })
    const details = { redirectResult: String(shopper.json['redirect_result']) }
    expect(await checkout.PaymentsApi.paymentsDetails({ details })).toMatchObject({ resultCode: 'Authorised' })
  })

  it('reads refusals and errors as such', async () => {
    const { checkout } = await setUp()
    expect(await checkout.PaymentsApi.payments(request('tok_visa_NOT_ENOUGH_BALANCE'))).toMatchObject({
      resultCode: Types.checkout.PaymentResponse.ResultCodeEnum.Refused,
      refusalReason: 'Not enough balance',
      refusalReasonCode: '12',
    })
    await expect(checkout.PaymentsApi.payments(request('tok_nobody'))).rejects.toMatchObject({
      statusCode: 422,
      errorCode: '800',
    })
  })

  it('pays with an encrypted card whose holder says how it ends', async () => {
    const { checkout } = await setUp()
    const pay = (holderName: string): Promise<Types.checkout.PaymentResponse> =>
      checkout.PaymentsApi.payments({
        amount: eur(1_000),
        merchantAccount,
        reference: attemptId,
        returnUrl: 'https://shop.example/return',
        paymentMethod: {
          type: Types.checkout.CardDetails.TypeEnum.Scheme,
          encryptedCardNumber: 'test_4111111111111111',
          encryptedExpiryMonth: 'test_03',
          encryptedExpiryYear: 'test_2030',
          encryptedSecurityCode: 'test_737',
          holderName,
        },
      })
    expect((await pay('Jane Doe')).resultCode).toBe('Authorised')
    expect(await pay('CARD_EXPIRED')).toMatchObject({ resultCode: 'Refused', refusalReasonCode: '6' })
  })
})

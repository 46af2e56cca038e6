import { CheckoutAPI, Client, EnvironmentEnum } from '@adyen/api-library'
import { expect, test } from 'vitest'
import { buildRequest as buildAdyenRequest } from '../../psp/adyen/wire.ts'
import { buildRequest as buildStripeRequest } from '../../psp/stripe/wire.ts'
import { capturedFromSdk } from '../../test/support/stripe-sdk-capture.ts'
import { adyenParameters, authorization, stripeParameters } from './psp-calling.ts'
import { merchantAccount } from './psp-messages.ts'

/** Parameters of a form, in no order; the two encode lists differently. */
function parametersOf(form: string | undefined): string[] {
  return [...new URLSearchParams(form)].map(([name, value]) => `${name.replace(/\[\d+\]$/, '[]')}=${value}`).sort()
}

test('the connector to Stripe and Stripe’s library are given the same payment', async () => {
  const call = authorization('stripe', 'k1')
  const ours = buildStripeRequest(call)
  const theirs = await capturedFromSdk((stripe) => stripe.paymentIntents.create(stripeParameters(call)))
  expect(parametersOf(theirs.body)).toEqual(parametersOf('body' in ours ? ours.body : ''))
})

test('the connector to Adyen and Adyen’s library are given the same payment', async () => {
  const call = authorization('adyen', 'k1')
  const ours = buildAdyenRequest(call, merchantAccount)
  const client = new Client({ apiKey: 'bench', environment: EnvironmentEnum.TEST })
  let sent: unknown
  client.httpClient = {
    request: (_endpoint, json) => {
      sent = JSON.parse(String(json))
      return Promise.resolve('{}')
    },
  }
  await new CheckoutAPI(client).PaymentsApi.payments(adyenParameters(call))
  expect(sent).toEqual(JSON.parse('body' in ours ? ours.body : '{}'))
})

/**
 * A payment, a decline, a capture later and a refund. Beside `npm start`, from the project's root:
 *
 *     node_modules/.bin/node clients/typescript/examples/pay.ts
 *
 * SHARDPAY_URL and SHARDPAY_KEY name another API and key.
 */
import { readFileSync } from 'node:fs'
import { createClient, ShardpayError } from '../index.ts'

const { url, key } = where()
const shardpay = createClient({ baseUrl: url, apiKey: key })

// One idempotency key per intention; left out, the client makes one per call. Repeats after lost replies use it again.
const order = `order-${Date.now()}`
let payment = await shardpay.payments.create(
  { amount: 1999, currency: 'eur', payment_method: 'pm_card_visa', merchant_reference: order },
  { idempotencyKey: order },
)
// `pending` is no error: the outcome is open, and is waited for.
if (payment.status === 'pending') payment = await shardpay.payments.wait(payment.id)
console.log(`${payment.id} is ${payment.status}: ${payment.amount_captured} ${payment.currency}`)

try {
  await shardpay.payments.create({ amount: 1999, currency: 'eur', payment_method: 'pm_card_chargeDeclined' })
} catch (error) {
  if (!(error instanceof ShardpayError)) throw error
  console.log(`${error.payment?.id} is ${error.payment?.status}: ${error.code}, ${error.declineCode}`)
}

const held = await shardpay.payments.create({
  amount: 5000,
  currency: 'eur',
  payment_method: 'pm_card_visa',
  capture_method: 'manual',
})
const shipped = await shardpay.payments.capture(held.id, { amount: 3000 })
const refund = await shardpay.payments.refund(held.id, { amount: 1000, reason: 'requested_by_customer' })
console.log(
  `${shipped.id} is ${shipped.status}: ${shipped.amount_captured} of ${shipped.amount}, ${refund.amount} refunded`,
)

const events = await shardpay.payments.events(held.id)
console.log(
  `its past: ${events.data
    .map(({ type }) => type)
    .toReversed()
    .join(', ')}`,
)

function where(): { readonly url: string; readonly key: string } {
  const { SHARDPAY_URL: url, SHARDPAY_KEY: key } = process.env
  if (url !== undefined && key !== undefined) return { url, key }
  const started = JSON.parse(readFileSync('.shardpay/dev.json', 'utf8')) as {
    readonly urls: { readonly merchant: string }
    readonly api_keys: readonly { readonly key: string }[]
  }
  return { url: started.urls.merchant, key: started.api_keys[0]?.key ?? '' }
}

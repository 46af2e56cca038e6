/**
 * What becomes of one payment in the hands of its merchant: captured at once or later, whole or in parts, canceled,
 * declined, refunded, read in between. Chosen by the seed; the requests of a journey come one after the other, as a
 * merchant's program sends them.
 */
import type { Random } from '../runtime/random.ts'
import type { Call, Merchant, MerchantClient, Outcome } from './merchant-client.ts'

/** Shares of journeys, 0 to 1. */
export interface Mix {
  /** Authorized first, captured or canceled by a request of its own. */
  readonly manual: number
  readonly declined: number
  /** Of the manual ones. */
  readonly canceled: number
  /** Of the manual ones: half now. */
  readonly partial: number
  /** Of those with money captured. */
  readonly refunded: number
  /** After any step: read the payment. */
  readonly read: number
}

export const defaultMix: Mix = { manual: 0.4, declined: 0.1, canceled: 0.2, partial: 0.3, refunded: 0.4, read: 0.2 }

export const createOnly: Mix = { manual: 0, declined: 0, canceled: 0, partial: 0, refunded: 0, read: 0 }

export interface JourneyOptions {
  readonly client: MerchantClient
  readonly merchant: Merchant
  readonly random: Random
  readonly mix: Mix
  /** Keys and the client's name begin with it; no other journey has it. */
  readonly name: string
  readonly gateway: number
  /** Every request once it has an outcome. */
  readonly done: (call: Call, outcome: Outcome) => void
}

export async function journey({ client, merchant, random, mix, name, gateway, done }: JourneyOptions): Promise<void> {
  const chance = (share: number): boolean => random.float() < share
  let sends = 0
  let proc = name
  const ask = async (call: Call): Promise<Outcome> => {
    sends += 1
    const outcome = await client.insist(merchant, call, proc, gateway + sends)
    proc = outcome.proc
    done(call, outcome)
    return outcome
  }
  const amount = 100 + Math.floor(random.float() * 9_900)
  const created = await ask({
    f: 'create',
    path: '/v1/payments',
    key: `${name}-create`,
    body: {
      amount,
      currency: 'eur',
      payment_method: chance(mix.declined) ? 'pm_card_visa_chargeDeclined' : 'pm_card_visa',
      capture_method: chance(mix.manual) ? 'manual' : 'automatic',
      merchant_reference: name,
    },
  })
  const payment = created.understood?.type === 'ok' ? created.understood : undefined
  const paymentId = payment?.paymentId
  if (paymentId === undefined) return
  const path = `/v1/payments/${paymentId}`
  const read = async (): Promise<void> => {
    if (chance(mix.read)) await ask({ f: 'read', path, paymentId })
  }
  await read()
  let captured = statusOf(payment) === 'captured' ? amount : 0
  if (statusOf(payment) === 'authorized') {
    const choice = random.float()
    if (choice < mix.canceled) {
      await ask({ f: 'void', path: `${path}/cancel`, key: `${name}-void`, body: {}, paymentId })
      return read()
    }
    const part = choice < mix.canceled + mix.partial ? Math.ceil(amount / 2) : amount
    const capture = await ask({
      f: 'capture',
      path: `${path}/capture`,
      key: `${name}-capture`,
      body: { amount: part },
      paymentId,
    })
    captured = capture.status === 201 ? part : 0
    await read()
  }
  if (captured > 1 && chance(mix.refunded)) {
    const body = { amount: Math.floor(captured / 2) }
    await ask({ f: 'refund', path: `${path}/refunds`, key: `${name}-refund`, body, paymentId })
    await read()
  }
}

function statusOf(understood: Outcome['understood']): string | undefined {
  return understood?.value?.object === 'payment' ? understood.value.status : undefined
}

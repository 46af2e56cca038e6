/**
 * What becomes of one payment in the storm: at either PSP, or at Stripe first with Adyen to fall back to; declined,
 * authenticated, captured at once, later, or in part, refunded, canceled, also while nobody knows whether it was authorized.
 * The merchant waits for what is pending, as the documentation says, and gives up waiting before the schedule ends.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { JourneyOptions } from '../../../loadtest/journey.ts'
import type { Call, Outcome } from '../../../loadtest/merchant-client.ts'
import type { Random } from '../../../runtime/random.ts'
import { visit } from './shopper.ts'

const returnUrl = 'https://shop.example/back'
/** How often a merchant looks, and how many times. */
const lookMs = 1_000
const looksMax = 15

interface Payer {
  readonly payment_method: string | { readonly type: 'google_pay'; readonly token: string }
  readonly routing?: { readonly connection: string }
}

export function stormJourney(merchantUrl: string): (options: JourneyOptions) => Promise<void> {
  return (options) => new Journey(merchantUrl, options).travel()
}

class Journey {
  readonly #merchantUrl: string
  readonly #options: JourneyOptions
  readonly #random: Random
  #proc: string
  #sends = 0

  constructor(merchantUrl: string, options: JourneyOptions) {
    this.#merchantUrl = merchantUrl
    this.#options = options
    this.#random = options.random
    this.#proc = options.name
  }

  async travel(): Promise<void> {
    const { name, merchant } = this.#options
    const amount = 100 + Math.floor(this.#random.float() * 9_900)
    const created = await this.#ask({
      f: 'create',
      path: '/v1/payments',
      key: `${name}-create`,
      body: {
        ...{ amount, currency: 'eur', customer: 'cus_storm', merchant_reference: name, return_url: returnUrl },
        ...payer(this.#random),
        capture_method: this.#chance(0.5) ? 'manual' : 'automatic',
      },
    })
    const paymentId = created.understood?.type === 'ok' ? created.understood.paymentId : undefined
    if (paymentId === undefined) return
    let status = statusOf(created)
    // Whoever does not want to wait cancels: what was authorized all the same is given back.
    if (status === 'pending' && this.#chance(0.3)) return this.#cancel(paymentId)
    status = await this.#lookWhile(['pending'], paymentId, status)
    if (status === 'requires_action') {
      const outcome = this.#chance(0.8) ? 'complete' : 'fail'
      await visit({ merchantUrl: this.#merchantUrl, merchant, paymentId, outcome, comesBack: this.#chance(0.8) })
      status = await this.#lookWhile(['pending', 'requires_action'], paymentId, status)
    }
    // Nobody would send the shopper anywhere any more.
    if (status === 'pending' || status === 'requires_action') return this.#cancel(paymentId)
    if (status === 'authorized') status = await this.#afterAuthorization(paymentId, amount)
    if (status === 'captured' && this.#chance(0.5)) await this.#refund(paymentId, amount)
  }

  /** @returns the status in the end. */
  async #afterAuthorization(paymentId: string, amount: number): Promise<string | undefined> {
    if (this.#chance(0.3)) {
      await this.#cancel(paymentId)
      return undefined
    }
    const body = this.#chance(0.4) ? { amount: Math.ceil(amount / 2) } : {}
    await this.#post('capture', paymentId, body)
    return this.#lookWhile(['authorized'], paymentId, 'authorized')
  }

  /** Twice, in parts, of what may be half of the amount. */
  async #refund(paymentId: string, amount: number): Promise<void> {
    const body = { amount: Math.floor(amount / 5) }
    await this.#post('refund', paymentId, body)
    if (this.#chance(0.3)) await this.#post('refund', paymentId, body, '2')
  }

  async #cancel(paymentId: string): Promise<void> {
    await this.#post('void', paymentId, {})
  }

  /** @returns the first status that is none of these, or the last where patience ends. */
  async #lookWhile(
    these: readonly string[],
    paymentId: string,
    first: string | undefined,
  ): Promise<string | undefined> {
    let status = first
    for (let looks = 0; looks < looksMax && status !== undefined && these.includes(status); looks += 1) {
      await pause(lookMs)
      status = statusOf(await this.#read(paymentId))
    }
    return status
  }

  #read(paymentId: string): Promise<Outcome> {
    return this.#ask({ f: 'read', path: `/v1/payments/${paymentId}`, paymentId })
  }

  #post(f: 'capture' | 'refund' | 'void', paymentId: string, body: object, nth = ''): Promise<Outcome> {
    const path = `/v1/payments/${paymentId}/${pathOf[f]}`
    return this.#ask({ f, path, key: `${this.#options.name}-${f}${nth}`, body, paymentId })
  }

  async #ask(call: Call): Promise<Outcome> {
    const { client, merchant, gateway, done } = this.#options
    this.#sends += 1
    const outcome = await client.insist(merchant, call, this.#proc, gateway + this.#sends)
    this.#proc = outcome.proc
    done(call, outcome)
    return outcome
  }

  #chance(share: number): boolean {
    return this.#random.float() < share
  }
}

const pathOf = { capture: 'capture', refund: 'refunds', void: 'cancel' } as const

function statusOf({ understood }: Outcome): string | undefined {
  return understood?.value?.object === 'payment' ? understood.value.status : undefined
}

function payer(random: Random): Payer {
  const draw = random.float()
  const at = random.float()
  if (draw < 0.4) return { routing: { connection: 'stripe-test' }, payment_method: cardOf('stripe', at) }
  if (draw < 0.8) return { routing: { connection: 'adyen-test' }, payment_method: cardOf('adyen', at) }
  // Either PSP reads what it needs of this token; Stripe is asked first, and says in a quarter of cases to try elsewhere.
  const id = at < 0.25 ? 'tok_chargeDeclinedProcessingError' : 'tok_visa'
  return { payment_method: { type: 'google_pay', token: JSON.stringify({ id, signedMessage: 'storm' }) } }
}

const cards = {
  stripe: { good: 'pm_card_visa', declined: 'pm_card_visa_chargeDeclined', action: 'pm_card_authenticationRequired' },
  adyen: { good: 'tok_visa', declined: 'tok_visa_NOT_ENOUGH_BALANCE', action: 'tok_3ds' },
} as const

function cardOf(psp: keyof typeof cards, at: number): string {
  if (at < 0.1) return cards[psp].declined
  return at < 0.25 ? cards[psp].action : cards[psp].good
}

/**
 * What endpoints are still owed. Filled from the book alone, at start and while running alike: a message is owed to the
 * endpoints that there are when it happens, until a line says how that ended. So a restart, or a kill, loses nothing, and
 * at worst sends again what was just delivered.
 */
import { parseOperationId } from '../../../domain/ids.ts'
import { paymentOf, type StripeEvent } from '../stripe-events-render.ts'
import type { KnownEndpoint } from './endpoints.ts'
import type { AdyenItem, Message } from './ports.ts'

/** `delivered`: the endpoint said so. `swallowed`: the PSP believes so. `given_up`: tried for as long as the PSP tries. */
export type DeliveryEnd = 'delivered' | 'swallowed' | 'given_up'

/** What a line of the book says of webhooks. */
export interface WebhookLine {
  /** From now on there are these. What was owed to others is dropped. */
  readonly endpoints?: readonly KnownEndpoint[]
  readonly ended?: { readonly endpoint: string; readonly message: string; readonly how: DeliveryEnd }
}

export interface Delivery {
  readonly endpoint: string
  readonly message: Message
  /** Attempts of this process. */
  attempts: number
}

export class Outbox {
  #endpoints: readonly KnownEndpoint[] = []
  /** By endpoint, then by message; oldest first. */
  readonly #owed = new Map<string, Map<string, Delivery>>()
  /** How many endpoints were given up, by message. */
  readonly #failed = new Map<string, number>()
  #listener: (delivery: Delivery) => void = () => undefined

  /** Called for each delivery that is owed anew, from now on. */
  onOwed(listener: (delivery: Delivery) => void): void {
    this.#listener = listener
  }

  get endpoints(): readonly KnownEndpoint[] {
    return this.#endpoints
  }

  apply({ endpoints, ended }: WebhookLine): void {
    if (endpoints !== undefined) {
      for (const { id, psp } of this.#endpoints) {
        if (!endpoints.some((each) => each.id === id && each.psp === psp)) this.#owed.delete(id)
      }
      this.#endpoints = endpoints
    }
    if (ended === undefined) return
    this.#owed.get(ended.endpoint)?.delete(ended.message)
    if (ended.how === 'given_up') this.#failed.set(ended.message, (this.#failed.get(ended.message) ?? 0) + 1)
  }

  takeEvent(event: StripeEvent): void {
    const endpoints = this.#endpoints.filter(({ psp }) => psp === 'stripe')
    const { id, type } = event
    this.#take({ psp: 'stripe', id, type, payment: paymentOf(event), event, endpoints: endpoints.length }, endpoints)
  }

  takeItem(item: AdyenItem): void {
    const { eventCode, pspReference, success, merchantAccountCode: account } = item
    const endpoints = this.#endpoints.filter(
      ({ psp, merchant_account: only }) => psp === 'adyen' && (only === undefined || only === account),
    )
    const id = [account, eventCode, pspReference, success].join(' ')
    const payment = parseOperationId(item.merchantReference)?.paymentId ?? null
    this.#take({ psp: 'adyen', id, type: eventCode, payment, item }, endpoints)
  }

  isOwed(delivery: Delivery): boolean {
    return this.#owed.get(delivery.endpoint)?.get(delivery.message.id) === delivery
  }

  /** Oldest first. */
  owedTo(endpoint: string): readonly Delivery[] {
    return [...(this.#owed.get(endpoint)?.values() ?? [])]
  }

  owedCount(endpoint: string): number {
    return this.#owed.get(endpoint)?.size ?? 0
  }

  /** How a message has fared: endpoints that are still to receive it, and those that were given up. */
  standing(message: string): { readonly pending: number; readonly failed: number } {
    let pending = 0
    for (const owed of this.#owed.values()) if (owed.has(message)) pending += 1
    return { pending, failed: this.#failed.get(message) ?? 0 }
  }

  #take(message: Message, endpoints: readonly KnownEndpoint[]): void {
    for (const { id } of endpoints) {
      const delivery: Delivery = { endpoint: id, message, attempts: 0 }
      const owed = this.#owed.get(id)
      if (owed === undefined) this.#owed.set(id, new Map([[message.id, delivery]]))
      else owed.set(message.id, delivery)
      this.#listener(delivery)
    }
  }
}

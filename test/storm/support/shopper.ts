/** A shopper who is sent to the PSP's page: looks where, presses a button there, and comes back or does not. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Merchant } from '../../../loadtest/merchant-client.ts'

export interface Visit {
  readonly merchantUrl: string
  readonly merchant: Merchant
  readonly paymentId: string
  readonly outcome: 'complete' | 'fail'
  /** Else the browser is closed once the button was pressed. */
  readonly comesBack: boolean
}

const tryMs = 20_000
const triesMax = 20

export async function visit({ merchantUrl, merchant, paymentId, outcome, comesBack }: Visit): Promise<void> {
  const view = await insist(`${merchantUrl}/v1/payments/${paymentId}`, {
    headers: { authorization: `Bearer ${merchant.apiKey}` },
  })
  const { next_action: action } = JSON.parse(view.text) as { readonly next_action: { readonly url: string } | null }
  // answered by a webhook, or aborted, while the shopper was on the way
  if (action === null) return
  const pressed = await insist(action.url, { method: 'POST', body: new URLSearchParams({ outcome }) })
  if (comesBack && pressed.location !== null) await insist(pressed.location, {})
}

interface Page {
  readonly text: string
  /** Where it leads to, not followed. */
  readonly location: string | null
}

/** Reloads the page while it does not come, or says that it cannot answer. */
async function insist(url: string, init: RequestInit): Promise<Page> {
  for (let tries = 1; ; tries += 1) {
    let trouble: unknown
    try {
      const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(tryMs) })
      const text = await response.text()
      if (response.status < 400) return { text, location: response.headers.get('location') }
      trouble = `${response.status} ${text}`
    } catch (error) {
      trouble = error
    }
    if (tries === triesMax) throw new Error(`${new URL(url).pathname} gave no answer`, { cause: trouble })
    await pause(500)
  }
}

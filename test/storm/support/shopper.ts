/** A shopper who is sent to the PSP's page: looks where, presses a button there, and comes back or does not. */
import type { Merchant } from '../../../loadtest/merchant-client.ts'

export interface Visit {
  readonly merchantUrl: string
  readonly merchant: Merchant
  readonly paymentId: string
  readonly outcome: 'complete' | 'fail'
  /** Else the browser is closed once the button was pressed. */
  readonly comesBack: boolean
}

/** Sends of one address that may be lost with the node that was to answer. */
const triesMax = 20

export async function visit({ merchantUrl, merchant, paymentId, outcome, comesBack }: Visit): Promise<void> {
  const view = await insist(`${merchantUrl}/v1/payments/${paymentId}`, {
    headers: { authorization: `Bearer ${merchant.apiKey}` },
  })
  const { next_action: action } = (await view.json()) as { readonly next_action: { readonly url: string } | null }
  // answered by a webhook, or aborted, while the shopper was on the way
  if (action === null) return
  const pressed = await insist(action.url, {
    method: 'POST',
    body: new URLSearchParams({ outcome }),
    redirect: 'manual',
  })
  await pressed.body?.cancel()
  const back = pressed.headers.get('location')
  if (!comesBack || back === null) return
  const returned = await insist(back, { redirect: 'manual' })
  await returned.body?.cancel()
}

/** Reloads the page while it says that it cannot answer. */
async function insist(url: string, init: RequestInit): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(20_000) }).catch((error: unknown) => error)
    if (response instanceof Response && response.status < 500) return response
    if (tries === triesMax) throw new Error(`${new URL(url).pathname} gave no answer`, { cause: response })
    if (response instanceof Response) await response.body?.cancel()
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

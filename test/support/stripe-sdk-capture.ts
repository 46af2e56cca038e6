/** The official SDK with its network cut off: what it would have sent, for comparison. */
import { Stripe } from 'stripe'

export interface SdkRequest {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** The request the SDK makes of what `use` asks of it. */
export async function capturedFromSdk(use: (stripe: Stripe) => Promise<unknown>): Promise<SdkRequest> {
  let captured: SdkRequest | undefined
  const httpClient = {
    getClientName: () => 'capture',
    makeRequest: (_host: string, _port: string, path: string, method: string, _headers: unknown, body: string) => {
      captured = { method, path, body }
      return Promise.resolve({
        getStatusCode: () => 200,
        getHeaders: () => ({}),
        getRawResponse: () => ({}),
        toStream: () => undefined,
        toJSON: () => Promise.resolve({ object: 'list', data: [], has_more: false }),
      })
    },
  }
  await use(new Stripe('sk_test_capture', { httpClient, maxNetworkRetries: 0, telemetry: false }))
  if (captured === undefined) throw new Error('the SDK sent nothing')
  return captured
}

/** A simulator as Adyen, and a plain HTTP client for it. */
import type { AdyenNotification } from '../../psp/simulator/adyen/notification.ts'
import type { BookLine } from '../../psp/simulator/book.ts'
import type { SimulatorOptions } from '../../psp/simulator/simulator.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HttpAnswer, type TestSimulator, testSimulator } from './simulator.ts'

export interface TestAdyen extends TestSimulator {
  /** @param path below the version: `/payments` */
  call(path: string, body: object, options?: { readonly key?: string; readonly apiKey?: string }): Promise<HttpAnswer>
  /** @param path below `/_admin/adyen` */
  control(path: string, body?: object): Promise<HttpAnswer>
  /** All that was told so far, oldest first. */
  told(): Promise<AdyenNotification[]>
}

export async function testAdyen(options: Partial<SimulatorOptions> = {}): Promise<TestAdyen> {
  const simulator = await testSimulator(options)
  return {
    ...simulator,
    call: (path, body, { key, apiKey = 'test_key' } = {}) =>
      post(`${simulator.url}/adyen/v72${path}`, body, {
        'x-api-key': apiKey,
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      }),
    control: (path, body = {}) => post(`${simulator.adminUrl}/adyen${path}`, body, {}),
    told: async () => {
      const text = await readFile(join(simulator.directory, 'book.jsonl'), 'utf8')
      return text
        .split('\n')
        .filter((line) => line !== '')
        .flatMap((line) => (JSON.parse(line) as BookLine).adyen?.notifications ?? [])
    },
  }
}

async function post(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as Record<string, unknown> }
}

export const merchantAccount = 'ShardpayTest'
/** Of a payment and its first operations. */
export const paymentId = 'pay_0123456789abcdefghjkmnpqr0'
export const attemptId = 'att_0123456789abcdefghjkmnpqr0_1'

/** A payment by a stored method, captured by hand. */
export function payment(fields: Readonly<Record<string, unknown>> = {}, token = 'tok_visa'): object {
  return {
    amount: { currency: 'EUR', value: 1000 },
    merchantAccount,
    reference: attemptId,
    returnUrl: 'https://shop.example/return?order=1',
    paymentMethod: { type: 'scheme', storedPaymentMethodId: token },
    shopperReference: 'customer_1',
    shopperInteraction: 'ContAuth',
    recurringProcessingModel: 'CardOnFile',
    additionalData: { manualCapture: 'true' },
    ...fields,
  }
}

/** The fields of a modification. */
export function modification(reference: string, value?: number): object {
  return { merchantAccount, reference, ...(value === undefined ? {} : { amount: { currency: 'EUR', value } }) }
}

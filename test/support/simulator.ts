/** A simulator in a directory of its own, and a plain HTTP client for it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { encodeForm, type FormValue } from '../../psp/stripe/form.ts'
import type { BehaviourRule } from '../../psp/simulator/behaviour.ts'
import type { BookEntry } from '../../psp/simulator/book.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../psp/simulator/simulator.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface TestSimulator extends Simulator {
  readonly directory: string
  post(path: string, fields: { readonly [key: string]: FormValue }, key?: string): Promise<HttpAnswer>
  get(path: string): Promise<HttpAnswer>
  book(payment?: string): Promise<BookEntry[]>
  behave(rules: readonly BehaviourRule[]): Promise<void>
}

const cleanups: (() => Promise<void>)[] = []

/** Registers the clean-up for the test file that imports this: simulators end after each test. */
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export function cleanUp(cleanup: () => Promise<void>): void {
  cleanups.push(cleanup)
}

export async function testDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'shardpay-simulator-'))
  cleanUp(() => rm(directory, { recursive: true }))
  return directory
}

export async function testSimulator(options: Partial<SimulatorOptions> = {}): Promise<TestSimulator> {
  const directory = options.directory ?? (await testDirectory())
  const simulator = await startSimulator({ ...options, directory })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= simulator.close()
    return closing
  }
  cleanUp(close)
  const headers = { authorization: 'Bearer sk_test_shardpay' }

  return {
    ...simulator,
    directory,
    close,
    post: async (path, fields, key) =>
      answerOf(
        await fetch(`${simulator.url}${path}`, {
          method: 'POST',
          headers: {
            ...headers,
            'content-type': 'application/x-www-form-urlencoded',
            ...(key === undefined ? {} : { 'idempotency-key': key }),
          },
          body: encodeForm(fields),
        }),
      ),
    get: async (path) => answerOf(await fetch(`${simulator.url}${path}`, { headers })),
    book: async (payment) => {
      const query = payment === undefined ? '' : `?payment=${payment}`
      const text = await (await fetch(`${simulator.adminUrl}/book${query}`)).text()
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as BookEntry)
    },
    behave: async (rules) => {
      const response = await fetch(`${simulator.adminUrl}/behaviour`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ rules }),
      })
      if (response.status !== 200) throw new Error(await response.text())
    },
  }
}

async function answerOf(response: Response): Promise<HttpAnswer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as Record<string, unknown> }
}

/** Fields of an intent that is confirmed at once, without redirects. */
export function confirmed(fields: { readonly [key: string]: FormValue } = {}): { readonly [key: string]: FormValue } {
  return {
    amount: 1000,
    currency: 'eur',
    confirm: true,
    payment_method: 'pm_card_visa',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    ...fields,
  }
}

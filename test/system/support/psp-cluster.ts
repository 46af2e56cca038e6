/**
 * The development cluster of `npm start` with both simulated PSPs, for tests of what PSPs do wrong. Its PSPs are waited for
 * no longer than seconds, so that the schedule of an unknown outcome runs out while a test waits.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DevFile } from '../../../bin/dev/dev-file.ts'
import { operationIdOf, paymentIdOf } from '../../../domain/ids.ts'
import { audit } from '../../../loadtest/auditor/audit.ts'
import { readBook } from '../../../loadtest/auditor/book.ts'
import { PostgresJournal } from '../../../loadtest/auditor/postgres-journal.ts'
import type { AuditReport } from '../../../loadtest/auditor/report.ts'
import type { BookEntry } from '../../../psp/simulator/book.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { until } from '../../chaos/support/until.ts'
import { Client, type PaymentView } from './client.ts'
import { DevCluster } from './dev-cluster.ts'

export const psps = ['stripe', 'adyen'] as const
export type Psp = (typeof psps)[number]

/** What pays at each PSP; money is taken at once. */
export const payments: Readonly<Record<Psp, object>> = {
  stripe: {
    ...{ amount: 1234, currency: 'eur', payment_method: 'pm_card_visa' },
    routing: { connection: 'stripe-test' },
  },
  adyen: {
    ...{ amount: 1234, currency: 'eur', payment_method: 'tok_visa', customer: 'cus_1' },
    routing: { connection: 'adyen-test' },
  },
}

export interface PspClusterOptions {
  readonly nodes?: number
  /** How long anything waits for a PSP, at most. Default 4 s. */
  readonly patienceMs?: number
}

export class PspCluster {
  readonly client: Client
  readonly dev: DevFile
  readonly #cluster: DevCluster
  readonly #adminUrl: string
  #wellPaid = 0

  private constructor(cluster: DevCluster, dev: DevFile) {
    this.#cluster = cluster
    this.dev = dev
    this.#adminUrl = `${dev.urls.simulators['stripe']}/_admin`
    this.client = new Client(dev.urls.merchant, dev.api_keys[0]?.key ?? '')
  }

  static async start({ nodes = 1, patienceMs = 4_000 }: PspClusterOptions = {}): Promise<PspCluster> {
    const cluster = await DevCluster.make()
    try {
      const environment = { SHARDPAY_TEST_MODE_PATIENCE_MS: String(patienceMs) }
      return new PspCluster(cluster, await cluster.start({ nodes, environment }).ready)
    } catch (error) {
      await cluster.destroy()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.client.close()
    await this.#cluster.destroy()
  }

  /** A development secret, such as `stripe_test_webhook_secret`. */
  secret(name: string): string {
    return readFileSync(join(this.#cluster.directory, 'secrets', name), 'utf8').trim()
  }

  paymentId(idempotencyKey: string): string {
    const merchant = this.dev.api_keys[0]?.merchant ?? ''
    return paymentIdOf(Buffer.from(this.secret('id_key'), 'hex'), merchant, 'test', idempotencyKey)
  }

  /** Of a payment's first operation of a kind. */
  operationId(prefix: 'att' | 'cap' | 're', idempotencyKey: string): string {
    return operationIdOf(prefix, this.paymentId(idempotencyKey), 1)
  }

  /** How the PSPs' APIs misbehave from now on. */
  async behave(rules: readonly object[]): Promise<void> {
    await this.tell('/behaviour', { rules })
  }

  /** How their webhooks misbehave from now on. */
  async webhooks(rules: readonly object[]): Promise<void> {
    await this.tell('/webhooks', { rules })
  }

  /** @param path below the simulator's `/_admin` */
  async tell(path: string, body: object): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(this.#adminUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
    return JSON.parse(text) as Record<string, unknown>
  }

  async book(payment?: string): Promise<readonly BookEntry[]> {
    const query = payment === undefined ? '' : `?payment=${payment}`
    const text = await (await fetch(`${this.#adminUrl}/book${query}`)).text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as BookEntry)
  }

  /** What the PSP did for a payment, in order. */
  async effects(payment: string): Promise<readonly string[]> {
    return (await this.book(payment)).filter(({ effect }) => effect).map(({ operation }) => operation)
  }

  /** Pays until a payment goes through: until then the breaker may be open. */
  async payWell(psp: Psp): Promise<void> {
    const isPaid = async (): Promise<boolean> => {
      this.#wellPaid += 1
      const key = `well-${this.#wellPaid}`
      return (await this.client.insist('POST', '/v1/payments', key, payments[psp])).status === 201
    }
    await until(isPaid, { everyMs: 500, what: `a payment through ${psp}` })
  }

  /** Resolves once the payment is so. */
  async become(payment: string, isSo: (view: PaymentView) => boolean, withinMs = 60_000): Promise<PaymentView> {
    let view = await this.client.get(payment)
    await until(
      async () => {
        view = await this.client.get(payment)
        return isSo(view)
      },
      { withinMs, everyMs: 100, what: `${payment}, which is ${view.status}, as it should be` },
    )
    return view
  }

  /** `shardpay … --json`, as an operator of this cluster types it. @throws what it printed where it failed */
  async shardpay(...args: readonly string[]): Promise<Record<string, unknown>> {
    const env = { ...process.env, SHARDPAY_DIRECTORY: this.#cluster.directory }
    const root = new URL('../../../', import.meta.url).pathname
    const command = [join(root, 'bin/shardpay.ts'), ...args, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, command, { env })
    return JSON.parse(stdout) as Record<string, unknown>
  }

  /** The auditor over journal and book; what merchants were told is the tests' to compare. */
  async audit(): Promise<AuditReport> {
    const journal = await PostgresJournal.open(this.dev.database_url)
    try {
      return await audit({
        history: nobody(),
        journals: [journal],
        books: [readBook(`${this.#adminUrl}/book`)],
        idKey: Buffer.from(this.secret('id_key'), 'hex'),
        finalReads: false,
        monotonic: () => systemClock.monotonic(),
      })
    } finally {
      await journal.close()
    }
  }
}

async function* nobody(): AsyncGenerator<never> {
  // no history: nothing was told
}

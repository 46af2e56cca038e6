/**
 * The development cluster as `npm start` runs it (nodes and a gateway as processes, both simulated PSPs with webhooks), with
 * PSPs that misbehave, and a node to kill. Its PSPs are waited for no longer than seconds, so that the schedule of an unknown
 * outcome runs out while a test waits.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DevFile } from '../../../bin/dev/dev-file.ts'
import type { Merchant } from '../../../loadtest/merchant-client.ts'
import { until } from '../../chaos/support/until.ts'
import { DevCluster, type Started } from '../../system/support/dev-cluster.ts'

export interface StormClusterOptions {
  readonly nodes: number
  /** How long anything waits for a PSP, at most. */
  readonly patienceMs: number
}

export class StormCluster {
  readonly #cluster: DevCluster
  readonly #started: Started
  readonly #dev: DevFile

  private constructor(cluster: DevCluster, started: Started, dev: DevFile) {
    this.#cluster = cluster
    this.#started = started
    this.#dev = dev
  }

  static async start({ nodes, patienceMs }: StormClusterOptions): Promise<StormCluster> {
    const cluster = await DevCluster.make()
    const environment = { SHARDPAY_TEST_MODE_PATIENCE_MS: String(patienceMs) }
    const started = cluster.start({ nodes, environment })
    try {
      return new StormCluster(cluster, started, await started.ready)
    } catch (error) {
      await cluster.destroy()
      throw error
    }
  }

  get directory(): string {
    return this.#cluster.directory
  }

  get merchantUrl(): string {
    return this.#dev.urls.merchant
  }

  get merchants(): readonly Merchant[] {
    return this.#dev.api_keys.map(({ merchant, key }) => ({ id: merchant, apiKey: key, mode: 'test' }))
  }

  get databaseUrl(): string {
    return this.#dev.database_url
  }

  get bookUrl(): string {
    return this.#adminUrl('book')
  }

  get idKey(): Buffer {
    return Buffer.from(readFileSync(join(this.directory, 'secrets', 'id_key'), 'utf8').trim(), 'hex')
  }

  /** Everything that was printed, for a test that failed. */
  get output(): string {
    return this.#started.output()
  }

  /** How the PSPs' APIs misbehave from now on. */
  behave(rules: readonly object[]): Promise<unknown> {
    return this.#tell('behaviour', { rules })
  }

  /** How their webhooks misbehave; their waits between attempts are divided by `timeScale`. */
  webhooks(timeScale: number, rules: readonly object[]): Promise<unknown> {
    return this.#tell('webhooks', { time_scale: timeScale, rules })
  }

  /** What became of their webhooks; `pending` are still owed. */
  async webhookCounts(): Promise<Readonly<Record<string, number>>> {
    const { counts } = (await this.#tell('webhooks', {})) as { readonly counts: Readonly<Record<string, number>> }
    return counts
  }

  /** kill -9; resolves when another process runs under its name. */
  async killNode(name: string): Promise<void> {
    const before = this.#pidOf(name)
    if (before === undefined) throw new Error(`${name} does not run`)
    process.kill(before, 'SIGKILL')
    await until(() => ![before, undefined].includes(this.#pidOf(name)), { withinMs: 60_000, what: `another ${name}` })
  }

  async stop(): Promise<void> {
    await this.#cluster.destroy()
  }

  #pidOf(name: string): number | undefined {
    const { processes } = JSON.parse(readFileSync(this.#cluster.devFile, 'utf8')) as DevFile
    return processes.find(({ id }) => id === name)?.pid
  }

  #adminUrl(what: string): string {
    return `${this.#dev.urls.simulators['stripe']}/_admin/${what}`
  }

  async #tell(what: string, body: object): Promise<unknown> {
    const response = await fetch(this.#adminUrl(what), {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(`${what} answered ${response.status}: ${await response.text()}`)
    return response.json()
  }
}

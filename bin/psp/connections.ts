/**
 * The PSP connections of a process: follows the register (docs/psp.md) and its secrets' files, and keeps connectors and
 * receivers to match, without a restart.
 *
 * Guarantees: after `start` everything that is registered and whose secrets can be read is served; a change of register or
 * files is taken up within seconds; a connection in use is replaced, never interrupted: its calls in flight finish. A
 * connection whose secrets cannot be read, or whose address may not be given a key, is not served and named in the log; one
 * that was served stays as it was.
 */
import { decodeDecision } from '../../actors/codec.ts'
import { addressOfName } from '../../domain/ids.ts'
import {
  applyDecision,
  type PspConnection,
  type PspConnections,
  type PspConnectionsEvent,
  pspConnectionsName,
} from '../../domain/operator/psp-connections.ts'
import type { ConnectionProfile } from '../../domain/payment/operations.ts'
import type { ReadModel } from '../../persistence/read-model.ts'
import type { Connector } from '../../psp/connector.ts'
import { type BreakerState, withResilience } from '../../psp/resilience.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'
import type { Cancel, Clock } from '../../runtime/clock.ts'
import type { Environment } from '../../runtime/config.ts'
import type { Log } from '../../runtime/log.ts'
import { buildConnector, buildReceiver, type Secrets, secretsOf, type Uses } from './build.ts'

export interface ProcessConnectionsOptions {
  readonly source: Pick<ReadModel, 'readDecisions'>
  readonly environment: Environment
  readonly clock: Clock
  readonly log: Log
  readonly uses: Uses
  /** For connections of test mode alone (patience.ts). */
  readonly testModePatienceMs?: number
  /** Told of each connection's breaker when it is served, and whenever it changes. */
  readonly breaker?: (connection: string, state: BreakerState) => void
}

interface Served {
  /** Of everything that it was built from; compared, never shown. */
  readonly basis: string
  readonly connector: Connector | undefined
  readonly receiver: WebhookReceiver | undefined
  secrets: Secrets
}

const pollMs = 500
/** Of so many polls one looks at the files as well. */
const filesEvery = 10

export class ProcessConnections {
  readonly #options: ProcessConnectionsOptions
  readonly #log: Log
  readonly #served = new Map<string, Served>()
  readonly #connectors = new Map<string, Connector>()
  readonly #profiles = new Map<string, ConnectionProfile>()
  /** What was said last of a connection that is not served, so that it is said once. */
  readonly #troubles = new Map<string, string>()
  readonly #closing = new Set<Promise<void>>()
  #register: PspConnections | undefined
  #polls = 0
  #failing = false
  #stopped = false
  #cancelNext: Cancel = () => {}

  constructor(options: ProcessConnectionsOptions) {
    this.#options = options
    this.#log = options.log.child({ component: 'psp' })
  }

  /** To the PSPs, by connection; kept up to date. */
  get connectors(): ReadonlyMap<string, Connector> {
    return this.#connectors
  }

  /** What payments know of them; kept up to date. */
  get profiles(): ReadonlyMap<string, ConnectionProfile> {
    return this.#profiles
  }

  receiver(connection: string): WebhookReceiver | undefined {
    return this.#served.get(connection)?.receiver
  }

  /** @throws where the register cannot be read. */
  async start(): Promise<void> {
    await this.#follow()
    this.#schedule()
  }

  /** Ends all connectors; calls in flight finish first. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelNext()
    await Promise.all([...[...this.#connectors.values()].map((connector) => connector.close()), ...this.#closing])
  }

  #schedule(): void {
    this.#cancelNext = this.#options.clock.schedule(pollMs, () => void this.#poll())
  }

  async #poll(): Promise<void> {
    try {
      await this.#follow()
      if (this.#failing) this.#log.info({}, 'the register of PSP connections is read again')
      this.#failing = false
    } catch (error) {
      if (!this.#failing) this.#log.warn({ error }, 'the register of PSP connections cannot be read: kept as it was')
      this.#failing = true
    }
    if (!this.#stopped) this.#schedule()
  }

  async #follow(): Promise<void> {
    const address = addressOfName(pspConnectionsName)
    const rows = await this.#options.source.readDecisions(address, this.#register?.seq ?? 0)
    if (this.#stopped) return
    for (const { seq, at, epoch, data } of rows) {
      const { events } = decodeDecision<PspConnectionsEvent>(data, null)
      this.#register = applyDecision(this.#register, events, { seq, at, epoch })
    }
    const looksAtFiles = this.#polls % filesEvery === 0
    this.#polls += 1
    if (rows.length === 0 && !looksAtFiles) return
    for (const connection of this.#register?.connections ?? []) this.#serve(connection)
  }

  #serve(registered: PspConnection): void {
    const { name } = registered
    const before = this.#served.get(name)
    try {
      const secrets = secretsOf(registered, this.#options.environment, this.#options.uses)
      const { secretSetting: _, ...settings } = registered
      const basis = JSON.stringify([settings, secrets.apiKey])
      if (before?.basis === basis) {
        before.secrets = secrets
      } else {
        this.#replace(registered, basis, secrets, before)
      }
      this.#troubles.delete(name)
    } catch (error) {
      const trouble = error instanceof Error ? error.message : 'unknown error'
      if (this.#troubles.get(name) === trouble) return
      this.#troubles.set(name, trouble)
      const consequence = before === undefined ? 'it is not served here' : 'it goes on as before'
      this.#log.error({ connection: name, error }, `the PSP connection cannot be set up: ${consequence}`)
    }
  }

  #replace(registered: PspConnection, basis: string, secrets: Secrets, before: Served | undefined): void {
    const { uses, clock, breaker, testModePatienceMs } = this.#options
    const { name } = registered
    const connector = uses.connectors
      ? withResilience(buildConnector(registered, secrets, testModePatienceMs), {
          clock,
          observer: {
            breaker: (connection, state) => {
              this.#log[state === 'open' ? 'warn' : 'info']({ connection, status: state }, 'the breaker changed')
              breaker?.(connection, state)
            },
          },
        })
      : undefined
    const served: Served = {
      basis,
      connector,
      receiver: uses.receivers ? buildReceiver(registered, () => served.secrets) : undefined,
      secrets,
    }
    this.#served.set(name, served)
    if (connector !== undefined) {
      breaker?.(name, connector.breaker)
      this.#connectors.set(name, connector)
      this.#profiles.set(name, connector.profile)
    }
    if (before?.connector !== undefined) this.#close(before.connector)
    this.#log.info({ connection: name }, before === undefined ? 'PSP connection served' : 'PSP connection changed')
  }

  #close(connector: Connector): void {
    const closing: Promise<void> = connector
      .close()
      .catch((error: unknown) => this.#log.warn({ error }, 'a connector that was replaced did not end orderly'))
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

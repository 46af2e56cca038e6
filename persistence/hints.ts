/**
 * Hints over LISTEN/NOTIFY: one connection per journal database, on which nothing else runs. It tells that owners or
 * members have probably changed; who asked then reads. After a connection was lost and made again both are told, for what
 * was notified meanwhile is lost.
 *
 * It promises nothing: a connection that died without a sign is found by TCP's keep-alive, and polling is the truth.
 */
import { Client } from 'pg'
import type { Incarnation } from '../cluster/member.ts'
import type { HintSource } from '../cluster/owners.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import { type Log, silentLog } from '../runtime/log.ts'
import { clientConfig, sessionTag } from './connection.ts'
import { type JournalDatabase, nameOfRange } from './journal-databases.ts'
import { journalLimits } from './journal-limits.ts'
import { describe } from './statement-outcome.ts'

/** Of the triggers of migration 0004. */
const channel = 'shardpay_hint'

const reconnectMs = { min: 100, max: 5_000 }

export interface PostgresHintsOptions {
  readonly databases: readonly JournalDatabase[]
  /** Whose connections these are. */
  readonly self: Incarnation
  readonly clock: Clock
  readonly log?: Log
}

type Listener = (about: 'owners' | 'members') => void

export class PostgresHints implements HintSource {
  readonly #listeners = new Set<Listener>()
  readonly #ears: readonly Ear[]

  private constructor(options: PostgresHintsOptions) {
    this.#ears = options.databases.map(
      (database) =>
        new Ear(database, options, (about) => {
          for (const listener of this.#listeners) listener(about)
        }),
    )
  }

  /** Listens, and goes on trying where a database is away. Resolves when each was tried once. */
  static async start(options: PostgresHintsOptions): Promise<PostgresHints> {
    const hints = new PostgresHints(options)
    await Promise.all(hints.#ears.map((ear) => ear.open()))
    return hints
  }

  subscribe(listener: Listener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#listeners.clear()
    await Promise.all(this.#ears.map((ear) => ear.close()))
  }
}

/** The connection to one database. */
class Ear {
  readonly #url: string
  readonly #name: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #hear: Listener
  #client: Client | undefined
  #pauseMs = reconnectMs.min
  #cancelRetry: Cancel = () => undefined
  #heardBefore = false
  #closed = false

  constructor(database: JournalDatabase, { self, clock, log = silentLog }: PostgresHintsOptions, hear: Listener) {
    this.#url = database.url
    this.#name = `${sessionTag(self)}hints`
    this.#clock = clock
    this.#log = log.child({ database: nameOfRange(database) })
    this.#hear = hear
  }

  async open(): Promise<void> {
    const client = new Client({ ...clientConfig(this.#url, journalLimits()), application_name: this.#name })
    let lost: Error | undefined
    const lose = (error: Error): void => {
      lost ??= error
      if (this.#client !== client) return
      this.#client = undefined
      client.connection.stream.destroy()
      this.#log.warn({ reason: describe(error) }, 'hints are not heard')
      this.#retry()
    }
    client.on('error', lose)
    client.on('end', () => lose(new Error('the connection has ended')))
    client.on('notification', ({ payload }) => {
      if (payload === 'owners' || payload === 'members') this.#hear(payload)
    })
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
      if (lost !== undefined) throw lost
    } catch (error) {
      client.connection.stream.destroy()
      this.#log.debug({ reason: describe(error) }, 'hints cannot be listened to')
      this.#retry()
      return
    }
    if (this.#closed) {
      await client.end()
      return
    }
    this.#client = client
    this.#pauseMs = reconnectMs.min
    if (this.#heardBefore) {
      this.#hear('owners')
      this.#hear('members')
    }
    this.#heardBefore = true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRetry()
    const client = this.#client
    this.#client = undefined
    await client?.end()
  }

  #retry(): void {
    if (this.#closed) return
    const pause = this.#pauseMs
    this.#pauseMs = Math.min(pause * 2, reconnectMs.max)
    this.#cancelRetry = this.#clock.schedule(pause, () => void this.open())
  }
}

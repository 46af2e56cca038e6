/**
 * One dedicated connection on which one statement runs at a time, and which says for certain what became of it
 * (statement-outcome.ts). After an unknown outcome it is gone; it is never used again.
 *
 * pg reports an ERROR as soon as it arrives; only the ReadyForQuery after it proves that the transaction is over, so both
 * are waited for here.
 */
import { Client, DatabaseError, type QueryConfig } from 'pg'
import { assert } from '../runtime/assert.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import { clientConfig, prepareConnection, type ServerIdentity } from './connection.ts'
import type { JournalLimits } from './journal-limits.ts'
import { isDefinite, isDoubtfulNotice, type StatementOutcome } from './statement-outcome.ts'

export interface SessionOptions {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly limits: JournalLimits
  readonly clock: Clock
}

interface Running {
  readonly resolve: (outcome: StatementOutcome) => void
  readonly stopTimer: Cancel
  doubtful: string | undefined
  failed: DatabaseError | undefined
  /** ReadyForQuery has arrived: the transaction is over. */
  ready: boolean
}

export class Session {
  readonly server: ServerIdentity
  /** Of the server's process. */
  readonly pid: number
  readonly #client: Client
  readonly #clock: Clock
  #running: Running | undefined
  #lost: Error | undefined
  #onLost: (error: Error) => void = () => undefined

  private constructor(client: Client, pid: number, server: ServerIdentity, clock: Clock) {
    this.#client = client
    this.pid = pid
    this.server = server
    this.#clock = clock
  }

  /** @throws {JournalError} where the server is not fit; whatever pg throws where it is not reached. */
  static async connect({ databaseUrl, applicationName, limits, clock }: SessionOptions): Promise<Session> {
    const client = new Client(clientConfig(databaseUrl, limits))
    let failure: Error | undefined
    let session: Session | undefined
    const lose = (error: Error): void => {
      if (session === undefined) failure ??= error
      else session.#lose(error)
    }
    client.on('error', lose)
    client.on('end', () => lose(new Error('the connection has ended')))
    const stopTimer = clock.schedule(limits.connectTimeoutMs, () => client.connection.stream.destroy())
    try {
      await client.connect()
      const server = await prepareConnection(client, applicationName, limits)
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      if (failure !== undefined) throw failure
      session = new Session(client, rows[0]?.pid ?? 0, server, clock)
    } catch (error) {
      client.connection.stream.destroy()
      throw error
    } finally {
      stopTimer()
    }
    client.on('notice', ({ code }) => session.#noticed(code))
    client.connection.on('readyForQuery', () => session.#ready())
    return session
  }

  /** Told once, when the connection is lost, after the outcome of what was running on it. */
  onLost(listener: (error: Error) => void): void {
    this.#onLost = listener
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Runs a statement that is a transaction by itself. Never rejects. */
  run(query: QueryConfig, timeoutMs: number): Promise<StatementOutcome> {
    assert(this.#running === undefined, 'a session runs one statement at a time')
    const lost = this.#lost
    if (lost !== undefined) return Promise.resolve({ kind: 'unknown', error: lost })
    return new Promise((resolve) => {
      const stopTimer = this.#clock.schedule(timeoutMs, () =>
        this.#lose(new Error(`no outcome within ${timeoutMs} ms`)),
      )
      const running: Running = { resolve, stopTimer, doubtful: undefined, failed: undefined, ready: false }
      this.#running = running
      this.#client.query(query).then(
        (result) => {
          if (this.#running !== running) return
          if (running.doubtful === undefined) this.#finish({ kind: 'done', result })
          else this.#lose(new Error(`the statement succeeded with warning ${running.doubtful}`))
        },
        (error: unknown) => {
          if (this.#running !== running) return
          if (error instanceof DatabaseError && isDefinite(error)) {
            running.failed = error
            this.#finishFailed(running)
          } else {
            this.#lose(error instanceof Error ? error : new Error('the statement failed', { cause: error }))
          }
        },
      )
    })
  }

  /** Says goodbye; nothing may be running. */
  async end(): Promise<void> {
    if (this.#lost !== undefined) return
    this.#onLost = () => undefined
    await this.#client.end()
  }

  /** Drops the connection; what is running has an unknown outcome. */
  destroy(reason: string): void {
    this.#lose(new Error(reason))
  }

  #noticed(code: string | undefined): void {
    if (this.#running !== undefined && isDoubtfulNotice(code)) this.#running.doubtful = code
  }

  #ready(): void {
    const running = this.#running
    if (running === undefined) return
    running.ready = true
    this.#finishFailed(running)
  }

  #finishFailed({ failed, ready, doubtful }: Running): void {
    if (failed === undefined || !ready) return
    if (doubtful === undefined) this.#finish({ kind: 'failed', error: failed })
    else this.#lose(new Error(`the statement failed with warning ${doubtful}`))
  }

  #finish(outcome: StatementOutcome): void {
    const running = this.#running
    this.#running = undefined
    running?.stopTimer()
    running?.resolve(outcome)
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    this.#finish({ kind: 'unknown', error })
    this.#client.connection.stream.destroy()
    this.#onLost(error)
  }
}

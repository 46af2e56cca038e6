/** A Postgres server of a test's own, on real files with fsync: to kill, to freeze, to give odd settings. */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../persistence/embedded-postgres.ts'

export interface PostgresOptions {
  /** Default: a new one under the temporary directory, removed by `stop`. */
  readonly dataDirectory?: string
  /** Default: any free port, kept over restarts. */
  readonly port?: number
  readonly settings?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
}

export interface Postgres {
  readonly url: string
  readonly port: number
  /** Of the server as it runs now. */
  readonly pid: number
  stop(): Promise<void>
  /** Resolves when the signalled processes are gone; SIGSTOP and SIGCONT are not for here. */
  kill(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT' | 'SIGTERM'): Promise<void>
  /** After a kill: starts it again on its data and port. While it runs: stops it first. */
  restart(): Promise<void>
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const directory = options.dataDirectory ?? join(tmpdir(), `shardpay-test-${randomBytes(6).toString('hex')}`)
  const start = (port: number) =>
    startEmbeddedPostgres({
      directory,
      port,
      persistent: true,
      ...(options.settings && { settings: options.settings }),
      ...(options.environment && { environment: options.environment }),
    })
  let server = await start(options.port ?? 0)
  const { url, port } = server
  return {
    url,
    port,
    get pid() {
      return server.pid
    },
    async stop() {
      if (options.dataDirectory === undefined) await server.destroy()
      else await server.stop()
    },
    kill: (signal) => server.kill(signal),
    async restart() {
      await server.stop()
      server = await start(port)
    },
  }
}

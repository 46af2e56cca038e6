/**
 * The Postgres of a benchmark: real files, fsync and synchronous commit on, settings as a production server would have
 * them but for one: no checkpoint falls into a measurement, so that rounds can be compared.
 */
import { Client } from 'pg'
import { migrate } from '../../persistence/migrate.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { treeCpuMs } from './process-cpu.ts'

export interface BenchServer {
  readonly url: string
  readonly version: string
  /** A connection for everything that is not measured. */
  readonly client: Client
  /** User and system time of all the server's processes so far; NaN where the platform does not tell. */
  cpuMs(): number
  /** Bytes of write-ahead log written so far. */
  walBytes(): Promise<number>
  /** A new database beside the first, migrated. */
  createDatabase(name: string): Promise<string>
  stop(): Promise<void>
}

export async function startBenchServer(): Promise<BenchServer> {
  const server = await startPostgres({
    settings: {
      shared_buffers: '512MB',
      max_wal_size: '16GB',
      checkpoint_timeout: '1h',
      // eight nodes and a gateway
      max_connections: '300',
    },
  })
  await migrate(server.url)
  const client = new Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query<{ version: string; fsync: string; commit: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
      current_setting('synchronous_commit') AS commit`,
  )
  const settings = rows[0]
  if (settings?.fsync !== 'on' || settings.commit !== 'on') throw new Error('fsync and synchronous_commit are on')
  return {
    url: server.url,
    version: settings.version,
    client,
    cpuMs: () => treeCpuMs(server.pid) ?? Number.NaN,
    async walBytes() {
      const result = await client.query<{ bytes: string }>(
        `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS bytes`,
      )
      return Number(result.rows[0]?.bytes)
    },
    async createDatabase(name) {
      await client.query(`CREATE DATABASE ${name}`)
      const url = new URL(server.url)
      url.pathname = `/${name}`
      await migrate(url.href)
      return url.href
    },
    async stop() {
      await client.end()
      await server.stop()
    },
  }
}

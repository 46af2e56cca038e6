/**
 * A synchronous standby of a database: made from a copy of its files while it runs, fed by streaming, promoted by the test.
 * What the primary acknowledged is then on both.
 */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { type Postgres, startPostgres } from '../../support/postgres.ts'
import type { Database } from './database.ts'
import { tool } from './tools.ts'
import { until } from './until.ts'

const standbyName = 'standby'

export class Standby {
  readonly url: string
  readonly port: number
  readonly #postgres: Postgres

  private constructor(postgres: Postgres) {
    this.#postgres = postgres
    this.url = postgres.url
    this.port = postgres.port
  }

  /** Resolves when no commit of the primary is acknowledged without it any more. */
  static async of(primary: Database, directory: string): Promise<Standby> {
    await mkdir(directory, { recursive: true })
    await chmod(directory, 0o711)
    const data = join(directory, 'data')
    const source = join(primary.directory, 'data')
    const session = new Client({ connectionString: primary.url })
    await session.connect()
    try {
      await session.query("SELECT pg_backup_start('standby', true)")
      // what is copied while it changes is put right by the log from there on
      await cp(source, data, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !/\/(?:postmaster\.(?:pid|opts)|pg_wal\/.*|pg_replslot\/.*)$/.test(path),
      })
      const { rows } = await session.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
      await writeFile(join(data, 'backup_label'), rows[0]?.labelfile ?? '')
    } finally {
      await session.end()
    }
    await writeFile(join(data, 'standby.signal'), '')
    await tool('cp', '-p', join(primary.directory, 'password'), directory)
    await tool('chown', '-R', `--reference=${source}`, data)
    await chmod(data, 0o700)
    const url = new URL(primary.url)
    const postgres = await startPostgres({
      dataDirectory: directory,
      settings: {
        fsync: 'on',
        hba_file: join(primary.directory, 'hba.conf'),
        primary_conninfo: `host=127.0.0.1 port=${primary.port} user=${url.username} password=${url.password} application_name=${standbyName}`,
      },
    })
    await primary.set('synchronous_standby_names', standbyName)
    await until(
      async () => {
        const [row] = await primary.query<{ sync: boolean }>(
          "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') AS sync",
        )
        return row?.sync === true
      },
      { what: 'a synchronous standby' },
    )
    return new Standby(postgres)
  }

  /** It takes writes from then on. */
  async promote(): Promise<void> {
    const client = new Client({ connectionString: this.url })
    await client.connect()
    try {
      // its own commits must not wait for a standby that it does not have
      await client.query('ALTER SYSTEM RESET synchronous_standby_names')
      await client.query('SELECT pg_promote(true, 30)')
      await client.query('SELECT pg_reload_conf()')
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    await this.#postgres.stop()
  }
}

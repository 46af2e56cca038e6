/**
 * A Postgres server of a chaos cluster, with what can happen to a server and its data. fsync is on: a server that was killed
 * has what it acknowledged.
 */
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { childrenOf } from '../../../persistence/os-process.ts'
import { migrate } from '../../../persistence/migrate.ts'
import { type Postgres, startPostgres } from '../../support/postgres.ts'
import { tool } from './tools.ts'

export interface DatabaseOptions {
  /** Emptied by nobody; everybody may enter its parents. */
  readonly directory: string
  /** Where hosts of a private network reach it; the loopback alone where absent. */
  readonly address?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
}

export class Database {
  readonly directory: string
  readonly #postgres: Postgres
  readonly #address: string | undefined

  private constructor(directory: string, postgres: Postgres, address: string | undefined) {
    this.directory = directory
    this.#postgres = postgres
    this.#address = address
  }

  static async start({ directory, address, settings, environment }: DatabaseOptions): Promise<Database> {
    await mkdir(directory, { recursive: true })
    await chmod(directory, 0o711)
    const access = join(directory, 'hba.conf')
    const from = ['all all 127.0.0.1/32', 'all all 10.0.0.0/8', 'replication all 127.0.0.1/32']
    await writeFile(access, from.map((each) => `host ${each} scram-sha-256\n`).join(''))
    await chmod(access, 0o644)
    const postgres = await startPostgres({
      dataDirectory: directory,
      settings: {
        fsync: 'on',
        synchronous_commit: 'on',
        hba_file: access,
        listen_addresses: ['127.0.0.1', ...(address === undefined ? [] : [address])].join(','),
        ...settings,
      },
      ...(environment && { environment }),
    })
    await migrate(postgres.url)
    return new Database(directory, postgres, address)
  }

  /** As the test reaches it. */
  get url(): string {
    return this.#postgres.url
  }

  /** As the processes of the cluster reach it. */
  get clusterUrl(): string {
    if (this.#address === undefined) return this.url
    const url = new URL(this.url)
    url.hostname = this.#address
    return url.href
  }

  get port(): number {
    return this.#postgres.port
  }

  get pid(): number {
    return this.#postgres.pid
  }

  /** `SIGKILL`: crash; `SIGQUIT`: immediate; `SIGINT`: fast. Resolves when all its processes are gone. */
  kill(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    return this.#postgres.kill(signal)
  }

  /** On its data and port; stopped before if it runs. */
  restart(): Promise<void> {
    return this.#postgres.restart()
  }

  async stop(): Promise<void> {
    await this.#postgres.stop()
  }

  /** Stands still, all its processes, with its connections open. */
  async freeze(): Promise<void> {
    for (const pid of [this.pid, ...(await childrenOf(this.pid))]) process.kill(pid, 'SIGSTOP')
  }

  async wake(): Promise<void> {
    for (const pid of [this.pid, ...(await childrenOf(this.pid))]) process.kill(pid, 'SIGCONT')
  }

  /** Sets aside what is on its disk now; the server is stopped for it and runs again afterwards. */
  async keepCopy(): Promise<void> {
    await this.kill('SIGINT')
    await cp(join(this.directory, 'data'), join(this.directory, 'data.kept'), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    })
    await tool('chown', '-R', `--reference=${join(this.directory, 'data')}`, join(this.directory, 'data.kept'))
    await this.restart()
  }

  /** The server comes back with the copy as its data, as after restoring a backup or a snapshot of the machine. */
  async swapForCopy(): Promise<void> {
    const copy = join(this.directory, 'data.kept')
    if (!existsSync(copy)) throw new Error('nothing was set aside')
    await this.kill('SIGKILL')
    await rm(join(this.directory, 'data'), { recursive: true })
    await rename(copy, join(this.directory, 'data'))
    await this.restart()
  }

  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: this.url })
    await client.connect()
    try {
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end()
    }
  }

  /** A setting of the running server, for new and existing sessions; null takes it back. */
  async set(name: string, value: string | null): Promise<void> {
    if (!/^[a-z_]+$/.test(name)) throw new Error(`${name} is no setting`)
    const to = value === null ? `RESET ${name}` : `SET ${name} = '${value.replaceAll("'", "''")}'`
    await this.query(`ALTER SYSTEM ${to}`)
    await this.query('SELECT pg_reload_conf()')
  }
}

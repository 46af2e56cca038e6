import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts'
import { isAlive, waitUntilGone } from './os-process.ts'
import { withClient } from './with-client.ts'

const isRoot = process.getuid?.() === 0
let parent: string
const servers: EmbeddedPostgres[] = []

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'shardpay-embedded-'))
  await chmod(parent, 0o711)
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.destroy()
  await rm(parent, { recursive: true, force: true })
})

async function start(changes: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory: join(parent, 'pg'), port: 0, persistent: true, ...changes })
  servers.push(server)
  return server
}

function query(server: EmbeddedPostgres, text: string): Promise<Record<string, unknown>[]> {
  return withClient(server.url, async (client) => (await client.query<Record<string, unknown>>(text)).rows)
}

/** Starts a server in a process of its own, to be killed. Resolves with its URL and pid. */
function startElsewhere(directory: string): Promise<{ child: number; pid: number; kill(): void }> {
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)})
    const server = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, port: 0, persistent: true })
    console.log(JSON.stringify({ pid: server.pid }))
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
    createInterface({ input: child.stdout }).once('line', (line) => {
      const { pid } = JSON.parse(line) as { pid: number }
      resolve({ child: child.pid ?? 0, pid, kill: () => void child.kill('SIGKILL') })
    })
  })
}

test('a server has fsync, checksums and the C locale, and listens to this machine with a password only', async () => {
  const server = await start()
  const [row] = await query(
    server,
    `SELECT current_setting('fsync') AS fsync, current_setting('data_checksums') AS checksums, current_database() AS database,
       current_setting('listen_addresses') AS addresses, current_setting('server_encoding') AS encoding,
       (SELECT datcollate FROM pg_database WHERE datname = current_database()) AS collation`,
  )
  expect(row).toEqual({
    fsync: 'on',
    checksums: 'on',
    database: 'shardpay',
    addresses: '127.0.0.1',
    encoding: 'UTF8',
    collation: 'C',
  })
  const wrong = new URL(server.url)
  wrong.password = 'wrong'
  await expect(withClient(wrong.href, async () => undefined)).rejects.toMatchObject({ code: '28P01' })
  expect((await stat(join(server.directory, 'password'))).mode & 0o077).toBe(0)
})

test('data is there after a stop and a start, and gone after a fresh start', async () => {
  const first = await start()
  await query(first, 'CREATE TABLE kept (id integer)')
  await first.stop()
  const second = await start()
  expect(second.url.replace(/:\d+\//, '/')).toBe(first.url.replace(/:\d+\//, '/'))
  expect(await query(second, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }])
  await second.stop()
  const third = await start({ fresh: true })
  await expect(query(third, 'SELECT FROM kept')).rejects.toMatchObject({ code: '42P01' })
})

test('a server that is not persistent leaves nothing behind', async () => {
  const server = await start({ persistent: false })
  await server.stop()
  expect(await isAlive(server.pid)).toBe(false)
  expect(existsSync(server.directory)).toBe(false)
})

test('the server that a killed process left behind is ended, and its data is kept', async () => {
  const directory = join(parent, 'pg')
  const orphaned = await startElsewhere(directory)
  orphaned.kill()
  expect(await waitUntilGone(orphaned.child, 10_000)).toBe(true)
  expect(await isAlive(orphaned.pid)).toBe(true)
  const server = await start({ directory })
  expect(await isAlive(orphaned.pid)).toBe(false)
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('a directory that a living process uses is left alone', async () => {
  const directory = join(parent, 'pg')
  const other = await startElsewhere(directory)
  try {
    await expect(start({ directory })).rejects.toMatchObject({
      code: 'postgres_directory_in_use',
      message: expect.stringContaining(String(other.child)),
    })
    expect(await isAlive(other.pid)).toBe(true)
  } finally {
    other.kill()
    await waitUntilGone(other.child, 10_000)
    await start({ directory })
  }
})

test('a server that is killed with all its processes recovers its data when it is started again', async () => {
  const server = await start()
  await query(server, 'CREATE TABLE kept AS SELECT 7 AS id')
  await server.kill('SIGKILL')
  await server.ended
  expect(await isAlive(server.pid)).toBe(false)
  const again = await start()
  expect(await query(again, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
})

test('a port that is in use is named', async () => {
  const { port } = await start()
  await expect(start({ directory: join(parent, 'other'), port })).rejects.toMatchObject({
    code: 'postgres_port_in_use',
    message: `port ${port} is in use`,
  })
})

test('the log holds no values of rows that the server refused', async () => {
  const server = await start()
  await query(server, `CREATE TABLE strict (secret text CHECK (secret = ''))`)
  await expect(query(server, `INSERT INTO strict VALUES ('4242424242424242')`)).rejects.toMatchObject({ code: '23514' })
  const log = await readFile(join(server.directory, 'postgres.log'), 'utf8')
  expect(log).toContain('strict_secret_check')
  expect(log).not.toContain('4242')
})

describe.runIf(isRoot)('as root', () => {
  test('the server runs as another user', async () => {
    const server = await start()
    expect((await stat(`/proc/${server.pid}`)).uid).not.toBe(0)
  })

  test('data of a directory that the server’s user cannot reach is kept elsewhere, at the same place every time', async () => {
    const closed = join(parent, 'closed')
    await mkdir(closed, { mode: 0o700 })
    const first = await start({ directory: join(closed, 'pg') })
    expect(first.directory.startsWith(parent)).toBe(false)
    await query(first, 'CREATE TABLE kept (id integer)')
    await first.stop()
    const second = await start({ directory: join(closed, 'pg') })
    expect(second.directory).toBe(first.directory)
    expect(await query(second, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }])
  })
})

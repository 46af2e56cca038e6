/** Servers of the tests' own: killed, unsafe, without their standby, replaced by another. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { appendAll, recordOf } from '../actors/journal-conformance.ts'
import type { AppendOutcome, Ownership } from '../actors/journal.ts'
import { type Postgres, type PostgresOptions, startPostgres } from '../test/support/postgres.ts'
import { startTcpProxy } from '../test/support/tcp-proxy.ts'
import { createTestDatabase } from '../test/support/test-database.ts'
import { startJournal } from '../test/support/started-journal.ts'
import { migrate } from './migrate.ts'
import { PostgresJournal, type PostgresJournalOptions } from './postgres-journal.ts'
import { withClient } from './with-client.ts'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function server(settings: PostgresOptions['settings'] = {}): Promise<Postgres> {
  const postgres = await startPostgres({ settings })
  cleanups.push(() => postgres.stop())
  await migrate(postgres.url)
  return postgres
}

async function connect(databaseUrl: string, changes: Partial<PostgresJournalOptions> = {}): Promise<PostgresJournal> {
  const started = await startJournal({ databaseUrl, node: 'node-1', incarnation: 'i1', ...changes })
  cleanups.push(() => started.close())
  return started.journal
}

async function statement(url: string, text: string): Promise<Record<string, unknown>[]> {
  return withClient(url, async (client) => (await client.query<Record<string, unknown>>(text)).rows)
}

async function acquireAgain(journal: PostgresJournal, shards: readonly number[]): Promise<readonly Ownership[]> {
  const until = performance.now() + 20_000
  for (;;) {
    try {
      return await journal.acquire(shards)
    } catch (error) {
      if ((error as { code?: string }).code !== 'journal_unavailable' || performance.now() > until) throw error
    }
    await nextTurn()
  }
}

function codesOf(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'durable' ? 'durable' : outcome.error.code))
}

describe('a server that does not keep its word', () => {
  test('fsync off is refused', async () => {
    const { url } = await server({ fsync: 'off' })
    await expect(connect(url)).rejects.toMatchObject({
      code: 'journal_settings_unsafe',
      canRetry: false,
      message: expect.stringContaining('fsync'),
    })
  })

  test('synchronous_commit off is refused, wherever it was set', async () => {
    const database = await createTestDatabase()
    cleanups.push(() => database.drop())
    const name = new URL(database.url).pathname.slice(1)
    for (const value of ['off', 'local', 'remote_write']) {
      await statement(database.url, `ALTER DATABASE ${name} SET synchronous_commit = ${value}`)
      await expect(connect(database.url)).rejects.toMatchObject({
        code: 'journal_settings_unsafe',
        message: expect.stringContaining(value),
      })
    }
    await statement(database.url, `ALTER DATABASE ${name} SET synchronous_commit = remote_apply`)
    await expect(connect(database.url)).resolves.toBeInstanceOf(PostgresJournal)
  })

  test('an incarnation that was started before is refused', async () => {
    const database = await createTestDatabase()
    cleanups.push(() => database.drop())
    const first = await connect(database.url)
    await first.close()
    await expect(connect(database.url)).rejects.toMatchObject({ code: 'incarnation_used' })
  })
})

describe('a commit that waits for a standby that is gone', () => {
  async function waiting(): Promise<{
    url: string
    journal: PostgresJournal
    outcomes: Promise<AppendOutcome[]>
    pid: unknown
  }> {
    const { url } = await server()
    const journal = await connect(url, {
      limits: { lockTimeoutMs: 1_000, statementTimeoutMs: 1_200, transactionTimeoutMs: 1_400, flushTimeoutMs: 1_600 },
    })
    const owned = await journal.acquire([5])
    await statement(url, `ALTER SYSTEM SET synchronous_standby_names = 'standby'`)
    await statement(url, 'SELECT pg_reload_conf()')
    while ((await statement(url, 'SHOW synchronous_standby_names'))[0]?.['synchronous_standby_names'] !== 'standby')
      await nextTurn()
    const outcomes = appendAll(journal, owned, [recordOf(5, 1, 1)])
    for (;;) {
      const [row] = await statement(
        url,
        `SELECT pid FROM pg_stat_activity WHERE application_name LIKE '% lane-0' AND wait_event = 'SyncRep'`,
      )
      if (row !== undefined) return { url, journal, outcomes, pid: row['pid'] }
    }
  }

  async function standbyNotNeeded(url: string): Promise<void> {
    await statement(url, 'ALTER SYSTEM RESET synchronous_standby_names')
    await statement(url, 'SELECT pg_reload_conf()')
  }

  test('and is cancelled reports success with a warning: its outcome is unknown, not durable', async () => {
    const { url, journal, outcomes, pid } = await waiting()
    await statement(url, `SELECT pg_cancel_backend(${String(pid)})`)
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    await standbyNotNeeded(url)
    await acquireAgain(journal, [5])
    expect((await journal.readTail(5, 0, 10)).map(({ type }) => type)).toEqual(['epoch', 'payment.create', 'epoch'])
  })

  test('is given up at the flush timeout, which no timeout of the server does', async () => {
    const { url, journal, outcomes } = await waiting()
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    await standbyNotNeeded(url)
    const [own] = await acquireAgain(journal, [5])
    expect(own).toMatchObject({ epoch: 2 })
  })
})

describe('a server that is killed and started again', () => {
  test('loses nothing that was acknowledged, and service returns by itself', async () => {
    const postgres = await server()
    const journal = await connect(postgres.url)
    const shards = [1, 2, 3, 4, 5, 6, 7, 8]
    let owned = await journal.acquire(shards)
    const acknowledged: { shard: number; position: number; command: string }[] = []
    const uncertain = new Set<string>()
    let entity = 0

    async function load(flushes: number): Promise<string[]> {
      const codes: string[] = []
      for (let flush = 0; flush < flushes; flush += 1) {
        const records = owned.map(({ shard }) => recordOf(shard, (entity += 1), 1))
        const outcomes = await appendAll(journal, owned, records)
        codes.push(...codesOf(outcomes))
        for (const [index, outcome] of outcomes.entries()) {
          const { shard = 0, command = '' } = records[index] ?? {}
          if (outcome.kind === 'durable') acknowledged.push({ shard, position: outcome.position, command })
          else if (outcome.kind === 'unknown') uncertain.add(command)
        }
      }
      return codes
    }

    for (let round = 0; round < 3; round += 1) {
      expect(new Set(await load(20))).toEqual(new Set(['durable']))
      const underLoad = load(200)
      await nextTurn()
      await postgres.kill('SIGKILL')
      const codes = await underLoad
      expect(codes).not.toContain('journal_fenced')
      expect(codes).toContain('journal_unavailable')
      await postgres.restart()
      owned = await acquireAgain(journal, shards)
      expect(owned).toHaveLength(shards.length)
    }
    expect(new Set(await load(5))).toEqual(new Set(['durable']))

    for (const shard of shards) {
      const rows = await journal.readTail(shard, 0, 100_000)
      expect(rows.map(({ position }) => position)).toEqual(rows.map((_, index) => index + 1))
      const known = acknowledged.filter((row) => row.shard === shard)
      for (const { position, command } of known) expect(rows[position - 1]?.command).toBe(command)
      const unexplained = rows.filter(
        ({ type, command }) =>
          type !== 'epoch' && !uncertain.has(command) && !known.some((row) => row.command === command),
      )
      expect(unexplained).toEqual([])
    }
  })
})

describe('another server behind the same address', () => {
  test('makes every shard uncertain, and one without the acknowledged rows stops them', async () => {
    const [first, second] = [await server(), await server()]
    // The same password, as a copy of the first would have.
    const { password } = new URL(first.url)
    await statement(second.url, `ALTER ROLE shardpay PASSWORD '${password}'`)
    const proxy = await startTcpProxy({ targetPort: first.port })
    cleanups.push(() => proxy.close())
    const journal = await connect(proxy.through(first.url))
    const owned = await journal.acquire([5, 6])
    expect(codesOf(await appendAll(journal, owned, [recordOf(5, 1, 1)]))).toEqual(['durable'])
    proxy.retarget(second.port)
    proxy.cut()
    let outcomes: AppendOutcome[] = []
    do outcomes = await appendAll(journal, owned, [recordOf(5, 1, 2)])
    while (codesOf(outcomes)[0] === 'journal_outcome_unknown')
    expect(codesOf(outcomes)).toEqual(['journal_unavailable'])
    await expect(acquireAgain(journal, [5, 6])).rejects.toMatchObject({
      code: 'journal_lost_acknowledged_rows',
      shards: [5, 6],
    })
    expect(await acquireAgain(journal, [7])).toMatchObject([{ shard: 7, epoch: 1 }])
  })
})

describe('a server swapped for an older copy of its data', () => {
  test('looks the same, and stops every shard of which it has lost acknowledged rows', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-copy-'))
    await chmod(directory, 0o711)
    cleanups.push(() => rm(directory, { recursive: true, force: true }))
    const [current, copy] = [join(directory, 'current'), join(directory, 'copy')]
    const postgres = await startPostgres({ dataDirectory: current })
    cleanups.push(() => postgres.stop())
    await migrate(postgres.url)
    const journal = await connect(postgres.url)
    const owned = [...(await journal.acquire([5, 6]))]
    expect(codesOf(await appendAll(journal, owned, [recordOf(5, 1, 1), recordOf(6, 1, 1)]))).toEqual([
      'durable',
      'durable',
    ])

    await postgres.stop()
    await promisify(execFile)('cp', ['-a', current, copy])
    await postgres.restart()
    expect(await appendAgain(journal, owned, recordOf(5, 1, 2))).toBe('durable')
    // of shard 7 the copy knows nothing, not even its owner
    owned.push(...(await acquireAgain(journal, [7])))
    expect(await appendAgain(journal, owned, recordOf(7, 1, 1))).toBe('durable')

    await postgres.stop()
    await rename(current, join(directory, 'lost'))
    await rename(copy, current)
    await postgres.restart()
    expect(await appendAgain(journal, owned, recordOf(5, 1, 3))).toBe('journal_lost_acknowledged_rows')
    expect(await appendAgain(journal, owned, recordOf(7, 1, 2))).toBe('journal_fenced')
    for (const shard of [5, 7]) {
      await expect(acquireAgain(journal, [shard, 6])).rejects.toMatchObject({
        code: 'journal_lost_acknowledged_rows',
        canRetry: false,
        shards: [shard],
      })
    }
    expect(await acquireAgain(journal, [6])).toMatchObject([{ shard: 6, epoch: 2 }])
    expect((await journal.readTail(5, 0, 10)).map(({ type }) => type)).toEqual(['epoch', 'payment.create'])
  }, 120_000)

  /** Until the server is there; an append to a connection that had gone with the server was not executed. */
  async function appendAgain(
    journal: PostgresJournal,
    owned: Ownership[],
    record: ReturnType<typeof recordOf>,
  ): Promise<string> {
    for (;;) {
      const [code = ''] = codesOf(await appendAll(journal, owned, [record]))
      if (code !== 'journal_unavailable') return code
      await nextTurn()
    }
  }
})

/** What the conformance suite cannot ask of every journal: connections that end, freeze or lie at a chosen instant. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { appendAll, idOf, poisonOf, recordOf } from '../actors/journal-conformance.ts'
import type { AppendOutcome, Ownership } from '../actors/journal.ts'
import { defaultJournalLimits } from './journal-limits.ts'
import { type PostgresHarness, type PostgresTestNode, postgresHarness } from '../test/support/journal-harness.ts'

let harness: PostgresHarness
let node: PostgresTestNode
const clients: Client[] = []

beforeEach(async () => {
  harness = await postgresHarness()
  node = await harness.start('node-1')
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end()
  await harness.close()
})

/** A session of somebody else. */
async function outsider(): Promise<Client> {
  const client = new Client({ connectionString: harness.url })
  await client.connect()
  clients.push(client)
  return client
}

async function acquire(of: PostgresTestNode, shards: readonly number[]): Promise<readonly Ownership[]> {
  const until = performance.now() + 30_000
  for (;;) {
    try {
      return await of.journal.acquire(shards)
    } catch (error) {
      if ((error as { code?: string }).code !== 'journal_unavailable' || performance.now() > until) throw error
    }
    await nextTurn()
  }
}

function codesOf(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'durable' ? 'durable' : outcome.error.code))
}

async function commandsOf(shard: number): Promise<string[]> {
  return (await harness.rows(shard)).filter(({ type }) => type !== 'epoch').map(({ command }) => command)
}

const insertRow = `INSERT INTO journal (shard, position, at, seq, epoch, entity, command, type, data)
  VALUES ($1, $2, 0, $3, $4, decode($5, 'hex'), decode($5, 'hex'), $6, '\\x80')`

/** A row at this position, by somebody, not committed yet: an append to it waits. */
async function occupy(shard: number, position: number, epoch: number): Promise<Client> {
  const client = await outsider()
  await client.query('BEGIN')
  await client.query(insertRow, [shard, position, epoch, epoch, idOf(0), 'epoch'])
  return client
}

async function untilBlocked(): Promise<void> {
  for (;;) {
    const { rows } = await harness.admin.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    if (rows.length > 0) return
  }
}

/** The node's statement was executed, and its session waits for a Sync that does not come. */
async function untilExecuted(): Promise<void> {
  const pids = await harness.lanePids(node)
  for (;;) {
    const { rows } = await harness.admin.query(
      `SELECT FROM pg_stat_activity
       WHERE pid = ANY($1) AND state = 'active' AND wait_event = 'ClientRead' AND xact_start IS NOT NULL`,
      [pids],
    )
    if (rows.length > 0) return
  }
}

describe('a connection that ends', () => {
  test('terminated before a commit, idle: nothing is in doubt, and the next append is written on a new connection', async () => {
    const owned = await node.journal.acquire([5])
    const [pid] = await harness.lanePids(node)
    await harness.admin.query('SELECT pg_terminate_backend($1, 1000)', [pid])
    while (node.journal.stats.connectionsLost === 0) await nextTurn()
    expect(codesOf(await appendAll(node.journal, owned, [recordOf(5, 1, 1)]))).toEqual(['durable'])
    expect(await harness.lanePids(node)).not.toContain(pid)
  })

  test('terminated during a commit: unknown, and the journal says that nothing was executed', async () => {
    const owned = await node.journal.acquire([5, 6])
    const other = await occupy(5, 2, 9)
    const outcomes = appendAll(node.journal, owned, [recordOf(6, 1, 1), recordOf(5, 1, 1)])
    await untilBlocked()
    const [pid] = await harness.lanePids(node)
    await harness.admin.query('SELECT pg_terminate_backend($1)', [pid])
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown', 'journal_outcome_unknown'])
    await other.query('ROLLBACK')
    expect(await acquire(node, [5, 6])).toMatchObject([{ openedAt: 2 }, { openedAt: 2 }])
    expect([...(await commandsOf(5)), ...(await commandsOf(6))]).toEqual([])
  })

  test('terminated after a commit whose answer was swallowed: unknown, and the journal has the row', async () => {
    const owned = await node.journal.acquire([5])
    const swallowed = node.proxy.atNextSync('swallow_after')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1, { command: idOf(4711) })])
    await swallowed
    while ((await commandsOf(5)).length === 0) await nextTurn()
    const [pid] = await harness.lanePids(node)
    await harness.admin.query('SELECT pg_terminate_backend($1)', [pid])
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    node.proxy.resume()
    expect(await acquire(node, [5])).toMatchObject([{ epoch: 2, openedAt: 3 }])
    expect(await commandsOf(5)).toEqual([idOf(4711)])
  })

  test('an answer that never comes is an unknown outcome after the flush timeout', async () => {
    const owned = await node.journal.acquire([5])
    const swallowed = node.proxy.atNextSync('swallow_after')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1, { command: idOf(4711) })])
    await swallowed
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    node.proxy.resume()
    await acquire(node, [5])
    expect(await commandsOf(5)).toEqual([idOf(4711)])
  })

  test('while the server cannot be reached appends are refused at once, and work again when it can', async () => {
    const owned = await node.journal.acquire([5])
    node.proxy.refuse()
    node.proxy.cut()
    while (node.journal.stats.connectionsLost < 2) await nextTurn()
    const startedAt = performance.now()
    expect(codesOf(await appendAll(node.journal, owned, [recordOf(5, 1, 1)]))).toEqual(['journal_unavailable'])
    expect(performance.now() - startedAt, 'no timeout is waited for').toBeLessThan(
      defaultJournalLimits.connectTimeoutMs,
    )
    await expect(node.journal.acquire([5])).rejects.toMatchObject({ code: 'journal_unavailable', canRetry: true })
    node.proxy.resume()
    const anew = await acquire(node, [5])
    expect(codesOf(await appendAll(node.journal, anew, [recordOf(5, 1, 1)]))).toEqual(['durable'])
  })
})

describe('a connection that freezes', () => {
  test('between Execute and Sync, while another owner takes over: its row is not written', async () => {
    const owned = await node.journal.acquire([5])
    const frozen = node.proxy.atNextSync('hold_sync')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1)])
    await frozen
    await untilExecuted()
    const other = await harness.start('node-2')
    await node.declareDead()
    expect(await other.journal.acquire([5])).toEqual([{ shard: 5, epoch: 2, openedAt: 2 }])
    node.proxy.resume()
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    expect((await harness.rows(5)).map(({ type, epoch }) => [type, epoch])).toEqual([
      ['epoch', 1],
      ['epoch', 2],
    ])
  })

  test('between Execute and Sync, its session left alone: its row comes before the epoch record or not at all', async () => {
    const owned = await node.journal.acquire([5])
    const frozen = node.proxy.atNextSync('hold_sync')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1)])
    await frozen
    await untilExecuted()
    const taker = await outsider()
    await taker.query('UPDATE shard_owner SET epoch = 2 WHERE shard = 5')
    const collision = taker
      .query(insertRow, [5, 2, 2, 2, idOf(0), 'epoch'])
      .catch((error: { code: string }) => error.code)
    await untilBlocked()
    node.proxy.resume()
    expect(await collision).toBe('23505')
    expect(codesOf(await outcomes)).toEqual(['durable'])
    await taker.query(insertRow, [5, 3, 2, 2, idOf(0), 'epoch'])
    expect(codesOf(await appendAll(node.journal, owned, [recordOf(5, 1, 2)]))).toEqual(['journal_fenced'])
    expect((await harness.rows(5)).map(({ epoch }) => epoch)).toEqual([1, 1, 2])
  })

  test('before Execute, its session left alone: the statement finds the new epoch and writes none', async () => {
    const owned = await node.journal.acquire([5, 6])
    const frozen = node.proxy.atNextSync('hold_all')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1), recordOf(5, 1, 2), recordOf(6, 1, 1)])
    await frozen
    const taker = await outsider()
    await taker.query('UPDATE shard_owner SET epoch = 2 WHERE shard = 5')
    await taker.query(insertRow, [5, 2, 2, 2, idOf(0), 'epoch'])
    node.proxy.resume()
    expect(codesOf(await outcomes)).toEqual(['journal_fenced', 'journal_fenced', 'durable'])
    expect(await commandsOf(5)).toEqual([])
  })

  test('between Execute and Sync for longer than the transaction timeout: the server ends it, the shard can be taken', async () => {
    const owned = await node.journal.acquire([5])
    const frozen = node.proxy.atNextSync('hold_sync')
    const outcomes = appendAll(node.journal, owned, [recordOf(5, 1, 1)])
    await frozen
    await untilExecuted()
    expect(codesOf(await outcomes)).toEqual(['journal_outcome_unknown'])
    const anew = await acquire(node, [5])
    node.proxy.resume()
    expect(anew).toMatchObject([{ epoch: 2, openedAt: 2 }])
    expect(await commandsOf(5)).toEqual([])
  })
})

describe('a statement that is past its checks', () => {
  test('collides on the primary key when another owner writes first: its shard is fenced, its neighbours are written', async () => {
    const owned = await node.journal.acquire([4, 5, 6])
    const taker = await occupy(5, 2, 2)
    const records = [4, 5, 6].flatMap((shard) => [recordOf(shard, 1, 1), recordOf(shard, 1, 2)])
    const outcomes = appendAll(node.journal, owned, records)
    await untilBlocked()
    await taker.query('COMMIT')
    expect(codesOf(await outcomes)).toEqual([
      'durable',
      'durable',
      'journal_fenced',
      'journal_fenced',
      'durable',
      'durable',
    ])
    expect((await harness.rows(4)).map(({ position }) => position)).toEqual([1, 2, 3])
    expect((await harness.rows(5)).map(({ type }) => type)).toEqual(['epoch', 'epoch'])
  })

  test('that waits too long for a lock is refused whole, for certain, and the shards stay mine', async () => {
    const owned = await node.journal.acquire([5, 6])
    const blocker = await occupy(5, 2, 9)
    const outcomes = await appendAll(node.journal, owned, [recordOf(5, 1, 1), recordOf(6, 1, 1)])
    expect(codesOf(outcomes)).toEqual(['journal_unavailable', 'journal_unavailable'])
    await blocker.query('ROLLBACK')
    expect(codesOf(await appendAll(node.journal, owned, [recordOf(5, 1, 1), recordOf(6, 1, 1)]))).toEqual([
      'durable',
      'durable',
    ])
  })

  test('an epoch record that a stale owner’s last row gets before is written after it', async () => {
    await node.journal.acquire([5, 6])
    const other = await harness.start('node-2')
    await node.declareDead()
    const stale = await outsider()
    await stale.query('BEGIN')
    await stale.query(insertRow, [5, 2, 1, 1, idOf(2), 'payment.create'])
    const taking = other.journal.acquire([5, 6])
    await untilBlocked()
    await stale.query('COMMIT')
    expect(await taking).toEqual([
      { shard: 5, epoch: 2, openedAt: 3 },
      { shard: 6, epoch: 2, openedAt: 2 },
    ])
  })
})

describe('flushes', () => {
  test('entities asked for in one turn are one query, and so are proofs of ownership', async () => {
    const owned = await node.journal.acquire(Array.from({ length: 100 }, (_, shard) => shard))
    await appendAll(
      node.journal,
      owned,
      owned.map(({ shard }) => recordOf(shard, 1, 1)),
    )
    const before = { ...node.journal.stats }
    const loaded = await Promise.all(owned.map(({ shard }) => node.journal.load({ shard, entity: idOf(2) })))
    expect(loaded.every(({ rows }) => rows.length === 1)).toBe(true)
    expect(new Set(await Promise.all(owned.map((own) => node.journal.proveOwnership(own))))).toEqual(new Set([true]))
    expect(node.journal.stats.loads - before.loads).toBe(1)
    expect(node.journal.stats.proofs - before.proofs).toBe(1)
  })

  test('decisions of one turn are one flush, and what comes while it is under way is the next one', async () => {
    const owned = await node.journal.acquire([5, 6, 7])
    const stopped = node.stopNextFlush()
    const first = appendAll(node.journal, owned, [recordOf(5, 1, 1), recordOf(6, 1, 1)])
    await stopped.reached
    const rest: Promise<AppendOutcome[]>[] = []
    for (let turn = 1; turn <= 5; turn += 1) {
      rest.push(appendAll(node.journal, owned, [recordOf(5, 1, turn + 1), recordOf(7, 1, turn)]))
      await nextTurn()
    }
    const before = node.journal.stats.flushes
    stopped.release()
    expect(new Set(codesOf([...(await first), ...(await Promise.all(rest)).flat()]))).toEqual(new Set(['durable']))
    expect(node.journal.stats.flushes - before).toBe(2)
  })

  test('another lane is opened only when decisions wait longer than a flush, and order is kept', async () => {
    const crowded = await harness.start('node-2', { flushRowsMax: 5, lanesMax: 3 })
    const owned = await crowded.journal.acquire(Array.from({ length: 20 }, (_, shard) => shard))
    for (let seq = 1; seq <= 10; seq += 1) {
      await appendAll(crowded.journal, owned, [recordOf(3, 7, seq)])
    }
    expect(crowded.journal.stats.lanes).toBe(1)
    const records = Array.from({ length: 60 }, (_, index) => index + 1).flatMap((seq) =>
      owned.map(({ shard }) => recordOf(shard, 1, seq)),
    )
    const outcomes = await appendAll(crowded.journal, owned, records)
    expect(new Set(codesOf(outcomes))).toEqual(new Set(['durable']))
    expect(crowded.journal.stats.lanes).toBeGreaterThan(1)
    expect(crowded.journal.stats.lanes).toBeLessThanOrEqual(3)
    for (const { shard } of owned) {
      const rows = (await harness.rows(shard)).filter(({ entity }) => entity === idOf(2))
      expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1))
    }
    const more = owned.map(({ shard }) => recordOf(shard, 1, 61))
    expect(new Set(codesOf(await appendAll(crowded.journal, owned, more)))).toEqual(new Set(['durable']))
  })

  test('a decision that is larger than allowed is refused before it is sent, one larger than a flush may be is not split', async () => {
    const small = await harness.start('node-2', { flushBytesMax: 2_000, recordBytesMax: 1_500, flushRowsMax: 3 })
    const owned = await small.journal.acquire([5])
    const outcomes = await appendAll(small.journal, owned, [
      recordOf(5, 1, 1, { data: Buffer.alloc(1_500) }),
      recordOf(5, 2, 1, { data: Buffer.alloc(1_000), private: Buffer.alloc(501) }),
      recordOf(5, 3, 1, { data: Buffer.alloc(1_400) }),
    ])
    expect(codesOf(outcomes)).toEqual(['durable', 'journal_refused', 'durable'])
  })

  test('one poisonous decision in a thousand costs few statements, and no other decision', async () => {
    const owned = await node.journal.acquire(Array.from({ length: 100 }, (_, shard) => shard))
    const records = owned.flatMap(({ shard }) => Array.from({ length: 10 }, (_, entity) => recordOf(shard, entity, 1)))
    records[777] = poisonOf(77, 7, 1)
    const outcomes = codesOf(await appendAll(node.journal, owned, records))
    expect(outcomes.filter((code) => code !== 'durable')).toEqual(['journal_refused'])
    expect(outcomes[777]).toBe('journal_refused')
    const { rows } = await harness.admin.query('SELECT count(*)::int AS stored FROM journal')
    expect(rows).toEqual([{ stored: 100 + 999 }])
  })

  test('the refusal of a decision says nothing of what was in it', async () => {
    const owned = await node.journal.acquire([5])
    const secret = Buffer.from('4242424242424242')
    const [outcome] = await appendAll(node.journal, owned, [{ ...poisonOf(5, 1, 1), data: secret, private: secret }])
    if (outcome?.kind !== 'refused') throw new Error('the decision was not refused')
    const said = `${outcome.error.message} ${outcome.error.stack} ${JSON.stringify(outcome.error)} ${String(outcome.error.cause)}`
    expect(said).not.toContain('4242')
    expect(said).not.toContain(secret.toString('hex'))
    expect(said).toContain('journal_type_check')
  })
})

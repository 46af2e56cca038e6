/** Part of the journals' suite (journal-conformance.ts): the read side and its cursor, with the writer that fills it. */
import { describe, expect, test } from 'vitest'
import { type Random, seededRandom } from '../runtime/random.ts'
import { type DecisionRecord, type Journal, JournalError } from './journal.ts'
import { idOf, type JournalContext } from './journal-testing.ts'
import type { AccountSums, ReadAdvance, TransferRow } from './read-rows.ts'
import { decisions, foldOf, Follower, type ReadTables } from './read-side-testing.ts'

const shard = 5

function take(source: Iterator<DecisionRecord>, count: number): DecisionRecord[] {
  return Array.from({ length: count }, () => source.next().value as DecisionRecord)
}

/** The next write reaches the database or does not, and its answer is lost either way. */
function loseNextWrite(journal: Journal, isWritten: boolean): void {
  const advanceRead = journal.advanceRead.bind(journal)
  journal.advanceRead = async (advances) => {
    journal.advanceRead = advanceRead
    if (isWritten) await advanceRead(advances)
    throw new JournalError('journal_unavailable', 'the connection was lost')
  }
}

export function describeReadSide(context: () => JournalContext, kills: number): void {
  /** @param others shards beside it that have transfers. */
  async function expectFold(...others: readonly number[]): Promise<void> {
    const { harness } = context()
    const balances: AccountSums[] = []
    for (const each of [shard, ...others]) {
      const found = await harness.readTables(each)
      const expected = foldOf((await harness.rows(each)).slice(0, found.cursor))
      expectTables(found, expected)
      balances.push(...expected.balances)
    }
    expect(addedUp(await harness.balances())).toEqual(addedUp(balances))
  }

  describe('the read side', () => {
    test('holds exactly what the journal folds to, heard from memory or read', async () => {
      const { journal, harness } = context()
      const random = seededRandom(11)
      const source = decisions(shard, random)
      const follower = await Follower.start(journal, shard)
      for (let round = 0; round < 12; round += 1) {
        await follower.append(take(source, 20), () => round % 3 !== 1 || random.float() < 0.8)
        await follower.side.flush()
        if (round % 4 === 3) await expectFold()
      }
      await follower.side.flush()
      const tables = await harness.readTables(shard)
      expect(tables.cursor).toBe((await harness.rows(shard)).length)
      expect(tables.refunds.length).toBeGreaterThan(0)
      expect(tables.disputes.length).toBeGreaterThan(0)
      expect(tables.transfers.length).toBeGreaterThan(30)
      expect(follower.troubles).toEqual([])
      await expectFold()
    })

    test('a write whose answer was lost is repeated, and counts once', async () => {
      const { journal } = context()
      const source = decisions(shard, seededRandom(12))
      const follower = await Follower.start(journal, shard)
      for (const isWritten of [true, false, true]) {
        loseNextWrite(journal, isWritten)
        await follower.append(take(source, 10))
        await follower.side.flush()
        // the same once more, or more than was sent before
        if (isWritten) await follower.append(take(source, 5))
        await follower.side.flush()
        await follower.side.flush()
        await expectFold()
      }
      expect((await context().harness.readTables(shard)).cursor).toBe(follower.shard.lastDurable)
      expect(follower.troubles).toEqual(['read_failed', 'read_failed', 'read_failed'])
    })

    test('a deposed owner writes nothing, whatever it has heard', async () => {
      const { journal, harness } = context()
      const source = decisions(shard, seededRandom(13))
      const old = await Follower.start(journal, shard)
      await old.append(take(source, 10))
      const { other } = await context().takeOver([900])
      const next = await Follower.start(other.journal, shard)
      await old.side.flush()
      expect((await harness.readTables(shard)).cursor).toBe(0)
      await next.append(take(source, 10))
      await next.side.flush()
      await old.side.flush()
      expect((await harness.readTables(shard)).cursor).toBe(next.shard.lastDurable)
      await expectFold()
    })

    test('two owners of which one was paused in the middle of a write leave what the journal folds to', async () => {
      const { journal } = context()
      const source = decisions(shard, seededRandom(14))
      const paused = await Follower.start(journal, shard)
      await paused.append(take(source, 10))
      const advanceRead = journal.advanceRead.bind(journal)
      const sent = Promise.withResolvers<void>()
      const wake = Promise.withResolvers<void>()
      journal.advanceRead = async (advances) => {
        sent.resolve()
        await wake.promise
        return advanceRead(advances)
      }
      const flushing = paused.side.flush()
      await sent.promise
      const { other } = await context().takeOver([900])
      const next = await Follower.start(other.journal, shard)
      await next.append(take(source, 10))
      await next.side.flush()
      wake.resolve()
      await flushing
      await next.append(take(source, 3))
      await next.side.flush()
      expect(next.troubles).toEqual([])
      await expectFold()
    })

    test('a row that is refused parks its shard right before it; the others go on, and so do the actors', async () => {
      const { journal, harness } = context()
      const [source, others] = [decisions(shard, seededRandom(15)), decisions(900, seededRandom(16))]
      const follower = await Follower.start(journal, shard)
      const neighbour = await Follower.start(journal, 900)
      const records = take(source, 12)
      const bad = records.findLastIndex(({ seq }) => seq === 1)
      let wrong = records[bad]?.entity
      const advanceRead = journal.advanceRead.bind(journal)
      journal.advanceRead = (advances) => advanceRead(advances.map((each) => spoilt(each, wrong)))
      await follower.append(records)
      await neighbour.append(take(others, 4))
      for (let round = 0; round < 6; round += 1) await follower.side.flush()
      await neighbour.side.flush()
      const position = 2 + bad
      expect(follower.side.parked).toEqual([shard])
      expect(follower.troubles).toEqual([`read_parked ${position}`])
      expect((await harness.readTables(shard)).cursor).toBe(position - 1)
      expect((await harness.readTables(900)).cursor).toBe(neighbour.shard.lastDurable)
      // it may decide as before
      await follower.append(take(source, 3))
      await follower.side.flush()
      expect((await harness.readTables(shard)).cursor).toBe(position - 1)
      wrong = undefined
      follower.clock.advance(60_000)
      for (let round = 0; round < 6; round += 1) await follower.side.flush()
      expect(follower.side.parked).toEqual([])
      expect((await harness.readTables(shard)).cursor).toBe(follower.shard.lastDurable)
      await expectFold(900)
    })

    test('one refused row of a database’s shards leaves nothing of the others stored', async () => {
      const { journal, harness } = context()
      const owned = await journal.acquire([shard, 4])
      const advances = owned.map((own): ReadAdvance => ({ ...nothingShown, shard: own.shard, epoch: own.epoch }))
      const refused = advances.map((each) => (each.shard === 4 ? { ...each, transfers: [transferToItself] } : each))
      await expect(journal.advanceRead(refused)).rejects.toMatchObject({ code: 'journal_refused' })
      expect((await harness.readTables(shard)).cursor).toBe(0)
      expect(await journal.advanceRead(advances)).toEqual([])
      expect((await harness.readTables(shard)).cursor).toBe(1)
    })

    test('a cursor moves where it may: shards whose cursor stands elsewhere are left out, and repeated moves are done', async () => {
      const { journal, harness } = context()
      const owned = await journal.acquire([shard, 6, 900])
      const move = (number: number, from: number, to: number): ReadAdvance => {
        const epoch = owned.find((own) => own.shard === number)?.epoch ?? 0
        return { ...nothingShown, shard: number, epoch, from, to }
      }
      expect(await journal.advanceRead([move(6, 0, 1)])).toEqual([])
      expect(await journal.advanceRead([move(5, 0, 1), move(6, 0, 1), move(900, 3, 4)])).toEqual([900])
      expect((await harness.readTables(5)).cursor).toBe(1)
      expect((await harness.readTables(6)).cursor).toBe(1)
      // nor beyond the last row
      expect(await journal.advanceRead([move(900, 0, 2)])).toEqual([900])
      const opened = await journal.open(owned, 0, [])
      expect(opened.map(({ readCursor }) => readCursor)).toEqual([1, 1, 0])
    })

    test(`killed ${kills} times between and within its writes, it holds exactly what the journal folds to`, {
      timeout: 240_000,
    }, async () => {
      const follower = await killed(seededRandom(20261121))
      expect((await context().harness.readTables(shard)).cursor).toBe(follower.shard.lastDurable)
      await expectFold()
    })

    /** Answers the last owner, which has written all. */
    async function killed(random: Random): Promise<Follower> {
      const { harness } = context()
      const source = decisions(shard, random)
      let node = context().node
      let follower = await Follower.start(node.journal, shard)
      let twin: { readonly follower: Follower; readonly journal: Journal } | undefined
      for (let kill = 1; kill <= kills; kill += 1) {
        for (let writes = Math.floor(random.float() * 3); writes >= 0; writes -= 1) {
          await follower.append(take(source, Math.floor(random.float() * 5)), () => random.float() < 0.9)
          if (random.float() < 0.2) loseNextWrite(node.journal, random.float() < 0.5)
          await follower.side.flush()
        }
        await follower.append(take(source, 2))
        // Its last write ends somewhere, unless it is killed before that.
        if (random.float() < 0.7) {
          loseNextWrite(node.journal, random.float() < 0.5)
          await follower.side.flush()
        }
        const dead = { follower, journal: node.journal }
        const next = await harness.start(`node-${kill + 1}`)
        await node.declareDead()
        node = next
        follower = await Follower.start(node.journal, shard)
        if (twin !== undefined) await twin.journal.close()
        twin = dead
        // It was only paused, and goes on.
        if (random.float() < 0.5) await twin.follower.side.flush()
        if (kill % Math.ceil(kills / 20) === 0) await expectFold()
      }
      for (let round = 0; round < 3; round += 1) await follower.side.flush()
      return follower
    }
  })
}

/** One payment has captured more than was authorized. */
function spoilt(advance: ReadAdvance, entity: string | undefined): ReadAdvance {
  const payments = advance.payments.map((row) =>
    row.entity === entity ? { ...row, captured: row.authorized + 1 } : row,
  )
  return { ...advance, payments }
}

const transferToItself: TransferRow = {
  ...{ shard: 4, merchant: 'mer_1', live: false, currency: 'EUR', position: 1, n: 0, entity: idOf(1), postedAt: 0 },
  ...{ amount: 1, debit: 'suspense', credit: 'suspense', phase: 'posted', connection: '', operation: '' },
}

const nothingShown = { from: 0, to: 1, payments: [], refunds: [], disputes: [], transfers: [] } as const

/** Compares table by table, rows in any order. */
export function expectTables(found: ReadTables, expected: ReadTables): void {
  expect(found.cursor).toBe(expected.cursor)
  for (const table of ['payments', 'refunds', 'disputes', 'transfers'] as const) {
    expect(sorted(found[table]), table).toEqual(sorted(expected[table]))
  }
}

/** By account; those that nothing was booked on are left out. */
export function addedUp(parts: readonly AccountSums[]): Readonly<Record<string, readonly bigint[]>> {
  const sums: Record<string, readonly bigint[]> = {}
  for (const { debits, credits, reservedDebits, reservedCredits, ...account } of parts) {
    const { merchant, live, currency, connection, account: name } = account
    const key = JSON.stringify([merchant, live, currency, connection, name])
    const before = sums[key] ?? []
    sums[key] = [debits, credits, reservedDebits, reservedCredits].map((sum, index) => sum + (before[index] ?? 0n))
  }
  return sums
}

function sorted(rows: readonly object[]): readonly object[] {
  const plain = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .map(([name, value]: [string, unknown]): [string, unknown] => [name, plainOf(value)])
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
  )
  return plain.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function plainOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  return typeof value === 'bigint' ? value.toString() : value
}

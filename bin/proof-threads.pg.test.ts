import { afterAll, beforeAll, expect, test } from 'vitest'
import { refunded, storedLedger, type StoredLedger } from '../test/support/ledger-fixture.ts'
import { proveJournal } from './cli/journal-proof.ts'
import { proveLedger } from './ledger-proof.ts'
import { proveJournalInThreads, proveLedgerInThreads } from './proof-threads.ts'

let ledger: StoredLedger

beforeAll(async () => {
  ledger = await storedLedger(refunded)
  // in the ledger, of a balance, and in the journal
  await ledger.admin.query(`UPDATE read.payment SET captured = 99`)
  await ledger.admin.query(`UPDATE read.balance SET credits = credits + 1 WHERE account = 'merchant_payable'`)
  await ledger.admin.query(`INSERT INTO journal SELECT position + 9, at, shard, seq + 9, epoch, entity, command, type, data
    FROM journal ORDER BY position DESC LIMIT 1`)
})

afterAll(() => ledger.drop())

const scope = () => ({ databases: [{ url: ledger.database.url, first: 0, last: 1_023 }] })

test('threads together say what one of them says alone, and count the same', async () => {
  const ofLedger = await proveLedgerInThreads(scope())
  expect(ofLedger).toEqual(await proveLedger(scope()))
  expect([ofLedger.shards, ofLedger.payments, ofLedger.problems.length]).toEqual([1_024, 1, 3])
  const ofJournal = await proveJournalInThreads(scope())
  expect(ofJournal).toEqual(await proveJournal(scope()))
  expect([ofJournal.shards, ofJournal.entities]).toEqual([1_024, 1])
  expect(ofJournal.problems).toContainEqual(expect.stringContaining(`shard ${ledger.shard}, position`))
})

test('of some shards they prove these and no balances, and tell how far they are', async () => {
  const shards = new Set([ledger.shard, (ledger.shard + 1) % 1_024])
  const told: [number, number][] = []
  const progress = (shard: number, count: number): void => void told.push([shard, count])
  const { problems } = await proveLedgerInThreads({ ...scope(), shards, progress })
  expect(problems).toEqual([expect.stringContaining('captured is 99, the journal says 100')])
  expect(new Set(told.map(([shard]) => shard))).toEqual(shards)
  expect(told.at(-1)?.[1]).toBe(refunded.rows.flatMap(({ transfers }) => transfers).length)
})

test('a database that is away proves nothing: the proof fails', async () => {
  const databases = [{ url: 'postgres://nobody@127.0.0.1:1/none', first: 0, last: 1_023 }]
  await expect(proveLedgerInThreads({ databases })).rejects.toThrow('ECONNREFUSED')
  await expect(proveJournalInThreads({ databases })).rejects.toThrow('ECONNREFUSED')
})

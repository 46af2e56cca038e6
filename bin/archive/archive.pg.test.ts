/** Closed payments leave a real database and come back, while payments are taken, and whatever is killed in between. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BenchPayment, benchPayment } from '../../bench/support/payments.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { RecordDispute } from '../../domain/payment/commands.ts'
import { PostgresJournal as AuditedJournal } from '../../loadtest/auditor/postgres-journal.ts'
import type { ArchivedRow } from '../../persistence/journal-archive-format.ts'
import { indexArchive, readArchive, readArchiveHeader } from '../../persistence/journal-archive-reader.ts'
import { ArchiveWriter } from '../../persistence/journal-archive-writer.ts'
import { JournalArchiver } from '../../persistence/journal-archiver.ts'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { type ArchiveRig, archivedShard, paymentsOfShard, startArchiveRig } from '../../test/support/archive-rig.ts'
import { proveJournal } from '../cli/journal-proof.ts'
import { proveLedger } from '../ledger-proof.ts'
import { type ArchiveReport, type ArchiveStep, archiveJournal } from './archive.ts'
import { rebuildReadSide } from '../read-rebuild.ts'
import { restoreJournal } from './restore.ts'

const closed = paymentsOfShard(6)
const others = paymentsOfShard(4, archivedShard, closed.at(-1))

const shards = new Set([archivedShard])

let rig: ArchiveRig
let directory: string

beforeEach(async () => {
  rig = await startArchiveRig()
  directory = mkdtempSync(join(tmpdir(), 'shardpay-archive-'))
  for (const [place, index] of closed.entries()) {
    const isTwoSteps = place % 2 === 1
    await rig.pay(index, isTwoSteps ? 'manual' : 'automatic')
    if (isTwoSteps) await rig.capture(benchPayment(index))
  }
  // One that stays open, and a last row of the shard that is nobody's of the closed ones.
  for (const index of others.slice(0, 2)) await rig.pay(index, 'manual')
  await rig.settle()
})

afterEach(async () => {
  rmSync(directory, { recursive: true, force: true })
  const { troubles } = rig.node()
  await rig.close()
  expect(troubles).toEqual([])
})

const archive = (databases: readonly JournalDatabase[] = rig.databases): Promise<ArchiveReport> => {
  const now = Date.now() + 1_000
  return archiveJournal({ databases, shards, directory, closedBefore: now, now })
}
const files = (): readonly string[] => readdirSync(directory).map((file) => join(directory, file))
const restore = (paths = files()) => restoreJournal({ databases: rig.databases, files: paths, now: Date.now() })
const problems = async (more: { archive?: string } = {}): Promise<readonly string[]> =>
  (await proveJournal({ databases: rig.databases, shards, ...more })).problems
const isArchived = async ({ address }: BenchPayment): Promise<boolean> => {
  const { rows } = await rig.admin.query(`SELECT FROM journal_archived WHERE entity = decode($1, 'hex')`, [
    address.entity,
  ])
  return rows.length === 1
}
const stateOf = (answer: unknown): unknown => {
  const { kind, answer: paid } = answer as { kind: string; answer: PaymentAnswer }
  return kind === 'answered' && paid.kind === 'payment' ? paid.state : answer
}

test('closed payments leave the journal for a file that only its owner reads; open ones and the shard’s last row stay', async () => {
  const before = await rig.journal()
  const report = await archive()
  expect(report).toMatchObject({ payments: closed.length, open: 1 })
  const after = await rig.journal()
  expect(after).toHaveLength(before.length - report.rows)
  expect(after.at(-1)).toEqual(before.at(-1))
  for (const index of closed) expect(await isArchived(benchPayment(index))).toBe(true)
  expect(files()).toHaveLength(1)
  for (const path of files()) expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await problems()).toEqual([])
  expect(await problems({ archive: directory })).toEqual([])
})

test('an archived payment is read as before, also by a node that never had it in memory', async () => {
  const payments = closed.map(benchPayment)
  const before = await Promise.all(payments.map((payment) => rig.read(payment)))
  await archive()
  expect(await Promise.all(payments.map((payment) => rig.read(payment)))).toEqual(before)
  await rig.restartNode()
  expect(await Promise.all(payments.map((payment) => rig.read(payment)))).toEqual(before)
})

test('the old create key and the old capture key replay their first answers, and the PSP is not asked', async () => {
  const index = closed[1] as number
  const payment = benchPayment(index)
  const before = [await rig.pay(index, 'manual'), await rig.capture(payment)]
  expect(before).toMatchObject([{ answer: { replayed: true } }, { answer: { replayed: true } }])
  await archive()
  await rig.restartNode()
  const asked = rig.psp.calls.length
  expect([await rig.pay(index, 'manual'), await rig.capture(payment)]).toEqual(before)
  expect(rig.psp.calls.length).toBe(asked)
  const { merchant } = payment
  const events = { type: 'ReadPaymentHistory', merchant, mode: 'test', page: { limit: 10 } } as const
  expect(await rig.tell(payment, events)).toMatchObject({
    answer: { kind: 'rejected', rejection: { code: 'payment_events_archived' } },
  })
})

test('a dispute that comes late is decided on what stands in for the rows, and the payment is read with both', async () => {
  const payment = benchPayment(closed[0] as number)
  const before = stateOf(await rig.read(payment)) as { seq: number }
  await archive()
  await rig.restartNode()
  const dispute: RecordDispute = {
    ...{ type: 'RecordDispute', pspReference: 'dp_late', stage: 'chargeback', status: 'open', amountMinor: 100 },
    ...{ currency: 'EUR', feeMinor: 15, fundsWithdrawn: true, factId: 'late' },
  }
  await rig.tell(payment, dispute)
  await rig.restartNode()
  expect(stateOf(await rig.read(payment))).toMatchObject({ seq: before.seq + 1, disputes: [{ status: 'open' }] })
  await rig.settle()
  expect(await problems({ archive: directory })).toEqual([])
  // It has gone on: it is not archived a second time, and its rows come back under what followed.
  expect((await archive()).payments).toBe(0)
  await restore()
  await rig.restartNode()
  expect(stateOf(await rig.read(payment))).toMatchObject({ seq: before.seq + 1, disputes: [{ status: 'open' }] })
  expect(await problems()).toEqual([])
})

test('what was restored is the same to the byte, and the second time nothing happens', async () => {
  const before = await rig.journal()
  const archived = await archive()
  expect(await restore()).toMatchObject({ payments: archived.payments, present: 0 })
  expect(await rig.journal()).toEqual(before)
  expect(await problems({ archive: directory })).toEqual([])
  expect(await restore()).toMatchObject({ payments: 0, present: archived.payments })
  expect(await rig.journal()).toEqual(before)
  expect(await archive()).toMatchObject({ payments: archived.payments })
  expect(await problems({ archive: directory })).toEqual([])
})

test('a second run has nothing to do', async () => {
  await archive()
  const after = await rig.journal()
  expect(await archive()).toMatchObject({ payments: 0, files: [] })
  expect(await rig.journal()).toEqual(after)
})

test('payments of the shard are taken while others leave it', async () => {
  let isOver = false
  const taking = (async () => {
    const answers: unknown[] = []
    for (const index of paymentsOfShard(40, archivedShard, others.at(-1))) {
      if (!isOver || answers.length < 5) answers.push(await rig.pay(index, 'automatic'))
    }
    return answers
  })()
  const report = await archive()
  isOver = true
  expect(report.payments).toBeGreaterThanOrEqual(closed.length)
  for (const answer of await taking) expect(stateOf(answer)).toMatchObject({ lifecycle: { status: 'captured' } })
  await rig.settle()
  expect(await problems({ archive: directory })).toEqual([])
})

describe('a process that is killed', () => {
  const child = fileURLToPath(new URL('../../test/support/archive-then-die.ts', import.meta.url))
  const dieAt = (step: ArchiveStep, times = 1): Promise<NodeJS.Signals | null> =>
    new Promise((resolve, reject) => {
      const scope = JSON.stringify({ url: rig.database.url, directory, step, times, shard: archivedShard })
      const process = spawn(globalThis.process.execPath, [child, scope], { stdio: ['ignore', 'inherit', 'inherit'] })
      process.on('error', reject)
      process.on('exit', (_code, signal) => resolve(signal))
    })

  test.each<[ArchiveStep, number]>([
    ['writing', 1],
    ['file_on_disk', 1],
    ['file_checked', 1],
    ['batch_moved', 1],
    ['batch_moved', 2],
    ['payments_moved', 1],
    ['file_settled', 1],
  ])('at %s (%i) loses nothing, and the next run ends what it began', async (step, times) => {
    const payments = closed.map(benchPayment)
    const before = await rig.journal()
    const states = await Promise.all(payments.map((payment) => rig.read(payment)))
    expect(await dieAt(step, times)).toBe('SIGKILL')
    expect(await problems({ archive: directory })).toEqual([])
    await rig.restartNode()
    expect(await Promise.all(payments.map((payment) => rig.read(payment)))).toEqual(states)
    await archive()
    for (const payment of payments) expect(await isArchived(payment)).toBe(true)
    expect(await problems({ archive: directory })).toEqual([])
    expect(files().every((path) => path.endsWith('.archive'))).toBe(true)
    await restore()
    const rows = await rig.journal()
    expect(rows.slice(0, before.length)).toEqual(before)
  })
})

test('two that archive at once: one is refused, and says so', async () => {
  const other = await JournalArchiver.open(rig.database.url)
  await expect(archive()).rejects.toThrow('somebody else archives or restores in this database')
  await other.close()
  expect((await archive()).payments).toBe(closed.length)
})

describe('the archive’s files', () => {
  const broken = async (change: (bytes: Buffer) => Buffer): Promise<string> => {
    await archive()
    const [path = ''] = files()
    writeFileSync(path, change(readFileSync(path)))
    return path
  }

  test('a flipped bit is named, and nothing is restored of it', async () => {
    const path = await broken((bytes) => {
      bytes[Math.floor(bytes.length / 2)] = 255 - (bytes[Math.floor(bytes.length / 2)] ?? 0)
      return bytes
    })
    expect(await problems({ archive: directory })).toEqual([expect.stringContaining(basename(path))])
    const before = await rig.journal()
    await expect(restore()).rejects.toThrow(basename(path))
    expect(await rig.journal()).toEqual(before)
  })

  test('one that was cut off is named', async () => {
    await broken((bytes) => bytes.subarray(0, bytes.length - 30))
    expect(await problems({ archive: directory })).toEqual([expect.stringContaining('is cut off: it has no end')])
  })

  test('one that is gone is named', async () => {
    await archive()
    for (const path of files()) rmSync(path)
    expect(await problems({ archive: directory })).toEqual([expect.stringContaining('does not have it')])
  })

  test('a whole one of other rows in its place is named, and not restored', async () => {
    await archive()
    const [path = ''] = files()
    const header = await readArchiveHeader(path)
    const rows: ArchivedRow[] = []
    await readArchive(path, (more) => void rows.push(...more))
    rmSync(path)
    const writer = await ArchiveWriter.create(path, header)
    await writer.write(
      rows.slice(
        0,
        rows.findLastIndex(({ seq }) => seq === 1),
      ),
    )
    await writer.finish()
    expect(await problems({ archive: directory })).toEqual([
      expect.stringContaining('it is not the file that payments were archived to'),
      expect.stringContaining('is archived to it, and it has no rows of it'),
    ])
    await expect(restore()).rejects.toThrow('no payment was archived to a file')
  })

  test('one of another database is refused', async () => {
    await archive()
    await rig.admin.query('UPDATE cluster_meta SET database_id = gen_random_uuid()')
    await expect(restore()).rejects.toThrow('it is of none of these databases')
  })
})

test('a row that is not as it was sealed is never archived', async () => {
  await rig.admin.query(`UPDATE journal SET at = at - 1 WHERE entity = decode($1, 'hex')`, [
    benchPayment(closed[0] as number).address.entity,
  ])
  const before = await rig.journal()
  await expect(archive()).rejects.toThrow('the row is not the one that was sealed')
  expect(await rig.journal()).toEqual(before)
  expect(files()).toEqual([])
})

test('the ledger is proved with the files, and without them archived payments are counted, not called drift', async () => {
  const whole = await proveLedger({ databases: rig.databases, shards })
  expect(whole).toMatchObject({ archived: 0, problems: [] })
  await archive()
  expect(await proveLedger({ databases: rig.databases, shards })).toEqual({ ...whole, archived: closed.length })
  const archives = await Promise.all(files().map(indexArchive))
  expect(await proveLedger({ databases: rig.databases, shards, archives })).toEqual(whole)
  await rig.admin.query(`UPDATE read.payment SET captured = captured - 1 WHERE entity = decode($1, 'hex')`, [
    benchPayment(closed[0] as number).address.entity,
  ])
  expect((await proveLedger({ databases: rig.databases, shards })).problems).toHaveLength(1)
})

test('projections are not made anew from a journal whose rows are in files, and nothing is archived meanwhile', async () => {
  await archive()
  const options = { database: rig.databases[0] as JournalDatabase, isDryRun: true, keepsOld: false }
  await expect(rebuildReadSide(options)).rejects.toMatchObject({ code: 'rebuild_archived' })
  await restore()
  expect(await rebuildReadSide(options)).toMatchObject({ differences: [], parked: [] })
  await rig.admin.query(`INSERT INTO shard_cursor (shard, consumer) VALUES ($1, 'read_next')`, [archivedShard])
  expect(await archive()).toMatchObject({ payments: 0 })
})

test('the auditor does not judge a journal whose rows are in files', async () => {
  await archive()
  await expect(AuditedJournal.open(rig.database.url)).rejects.toThrow(`${closed.length} payments of`)
})

describe('rights', () => {
  const refused = async (role: string, statement: string): Promise<string | undefined> => {
    await rig.admin.query('BEGIN')
    try {
      await rig.admin.query(`SET LOCAL ROLE ${role}`)
      await rig.admin.query(statement)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    } finally {
      await rig.admin.query('ROLLBACK')
    }
  }

  test.each(['shardpay_reader', 'shardpay_projector', 'shardpay_auditor', 'shardpay_sealer'])(
    '%s removes no row, and lets nothing stand in for one',
    async (role) => {
      for (const statement of [
        'DELETE FROM journal',
        'DELETE FROM journal_p00',
        'DELETE FROM journal_archived',
        'INSERT INTO journal_archived DEFAULT VALUES',
        'INSERT INTO journal_archive_log DEFAULT VALUES',
      ]) {
        expect([statement, await refused(role, statement)]).toEqual([statement, '42501'])
      }
    },
  )

  test('the archiver changes nothing: he inserts and removes', async () => {
    for (const statement of [
      `UPDATE journal SET type = 'x'`,
      'TRUNCATE journal',
      'UPDATE journal_archived SET seq = seq',
      'UPDATE journal_archive_log SET n = n',
      'DELETE FROM journal_archive_log',
      'DELETE FROM journal_chain',
      'UPDATE shard_owner SET epoch = epoch',
    ]) {
      expect([statement, await refused('shardpay_archiver', statement)]).toEqual([statement, '42501'])
    }
  })
})

describe('what is done to archives past all rights is found', () => {
  const planted = async (statement: string): Promise<readonly string[]> => {
    await archive()
    await rig.admin.query(statement)
    return problems()
  }

  test.each([
    `UPDATE journal_archived SET data = data || '\\x00' WHERE seq = 2`,
    `UPDATE journal_archived SET closed_at = closed_at + 1`,
    `UPDATE journal_archived SET seq = 1, positions = substr(positions, 1, 8) WHERE seq = 2`,
    `DELETE FROM journal_archived`,
    `DELETE FROM journal_archive_log`,
    `UPDATE journal_archive_log SET at = at + 1`,
  ])('%s', async (statement) => {
    expect(await planted(statement)).not.toEqual([])
  })

  test('personal data may be deleted: nothing of it is in a digest', async () => {
    expect(await planted('UPDATE journal_archived SET private = NULL')).toEqual([])
    await rig.restartNode()
    expect(stateOf(await rig.read(benchPayment(closed[0] as number)))).toMatchObject({
      lifecycle: { status: 'captured' },
    })
  })
})

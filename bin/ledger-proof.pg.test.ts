import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { merchantId } from '../domain/payment/testing/fixtures.ts'
import { refunded, storedLedger, type StoredLedger } from '../test/support/ledger-fixture.ts'
import { proveBalances, proveLedger } from './ledger-proof.ts'

let ledger: StoredLedger
let shard: number
let entity: string

beforeEach(async () => {
  ledger = await storedLedger(refunded)
  ;({ shard, entity } = ledger)
})

afterEach(() => ledger.drop())

const databases = () => [{ url: ledger.database.url, first: 0, last: 1_023 }]
const prove = (shards?: ReadonlySet<number>) =>
  proveLedger({
    databases: databases(),
    ...(shards !== undefined && { shards }),
  })

async function planted(...statements: readonly string[]): Promise<readonly string[]> {
  for (const statement of statements) await ledger.admin.query(statement)
  return [...(await prove(new Set([shard]))).problems, ...(await proveBalances(databases()))]
}

test('books that follow the journal are proved, all shards or some', async () => {
  const nothing = { payments: 0, transfers: 0, archived: 0, problems: [] }
  const transfers = refunded.rows.flatMap((row) => row.transfers).length
  const proved = { ...nothing, payments: 1, transfers }
  expect(await prove()).toEqual({ shards: 1_024, ...proved })
  expect(await prove(new Set([shard]))).toEqual({ shards: 1, ...proved })
  expect(await prove(new Set([(shard + 1) % 1_024]))).toEqual({ ...nothing, shards: 1 })
})

test('what the read side does not know yet is left out', async () => {
  await ledger.admin.query(`INSERT INTO journal SELECT position + 1, at, shard, seq + 1, epoch, entity, command, type, data
    FROM journal WHERE shard = ${shard} ORDER BY position DESC LIMIT 1`)
  expect((await prove()).problems).toEqual([])
})

describe('what was planted past all rights is found:', () => {
  const last = refunded.rows.length
  const key = () => `shard ${shard}, position ${last}, transfer 1:`
  const where = () => `WHERE shard = ${shard} AND position = ${last} AND n = 1`
  const balance = (account: string) => `${account} of ${merchantId} (test, EUR, "first"):`

  test('a changed amount', async () => {
    expect(await planted(`UPDATE read.transfer SET amount = 61 ${where()}`)).toEqual([
      `${key()} amount is 61, the journal says 60`,
      `${balance('merchant_payable')} debits are 60, the transfers come to 61`,
      `${balance('psp_receivable')} credits are 60, the transfers come to 61`,
    ])
  })

  test.each([
    ['merchant', `'mer_2'`, 'mer_2', merchantId],
    ['debit', `'suspense'`, 'suspense', 'merchant_payable'],
    ['connection', `'second'`, 'second', 'first'],
    ['live', 'true', 'true', 'false'],
  ])('another %s', async (member, sql, now, before) => {
    expect(await planted(`UPDATE read.transfer SET ${member} = ${sql} ${where()}`)).toContain(
      `${key()} ${member} is ${now}, the journal says ${before}`,
    )
  })

  test('a removed transfer', async () => {
    expect(await planted(`DELETE FROM read.transfer ${where()}`)).toContain(
      `${key()} is missing: merchant_payable to psp_receivable, 60 EUR`,
    )
  })

  test('a doubled transfer, in another month or behind the last', async () => {
    const columns = 'amount, shard, live, entity, merchant, currency, debit, credit, phase, connection, operation'
    const copy = (position: string, n: string, at: string) =>
      `INSERT INTO read.transfer (position, n, posted_at, ${columns}) SELECT ${position}, ${n}, ${at}, ${columns} FROM read.transfer ${where()}`
    expect(await planted(copy('position', 'n', 'posted_at + 1'))).toContain(`${key()} is there twice`)
    expect(await planted(copy('position + 1', 'n', 'posted_at'))).toContain(
      `shard ${shard}, position ${last + 1}, transfer 1: is not in the journal, as far as the ledger follows it`,
    )
  })

  test('a changed balance, which leaves the currency unbalanced', async () => {
    expect(await planted(`UPDATE read.balance SET credits = credits - 1 WHERE account = 'merchant_payable'`)).toEqual([
      `${balance('merchant_payable')} credits are 99, the transfers come to 100`,
      `EUR: debits less credits are 1, and not zero`,
    ])
  })

  test('a balance that is gone, and one of no transfer', async () => {
    expect(await planted(`DELETE FROM read.balance WHERE account = 'psp_receivable'`)).toEqual([
      `${balance('psp_receivable')} it has no balance`,
      `EUR: debits less credits are -40, and not zero`,
    ])
    expect(await planted(`UPDATE read.balance SET account = 'suspense' WHERE account = 'merchant_payable'`)).toContain(
      `${balance('suspense')} debits are 60, the transfers come to 0`,
    )
  })

  test('a balance that is no whole number', async () => {
    expect(await planted(`UPDATE read.balance SET credits = credits - 0.5 WHERE account = 'merchant_payable'`)).toEqual(
      [`${balance('merchant_payable')} credits are 99.5, the transfers come to 100`],
    )
  })

  test.each([
    ['captured', 99, 100],
    ['refunded', 0, 60],
    ['seq', 1, last],
    ['status', 'partially_captured', 'captured'],
  ])('a payment’s row that shows another %s', async (member, now, before) => {
    expect(await planted(`UPDATE read.payment SET ${member} = '${now}'`)).toEqual([
      `shard ${shard}, payment ${entity}: ${member} is ${now}, the journal says ${before}`,
    ])
  })

  test('a payment that is there twice, in two months', async () => {
    const columns =
      'updated_at, amount, authorized, captured, refunded, disputed, shard, seq, live, review, entity, merchant, currency, status, data'
    expect(
      await planted(
        `INSERT INTO read.payment (created_at, ${columns}) SELECT created_at - 1, ${columns} FROM read.payment`,
      ),
    ).toEqual([`shard ${shard}, payment ${entity}: its row is there twice`])
  })

  test('a payment without a row', async () => {
    expect(await planted('DELETE FROM read.payment')).toEqual([`shard ${shard}, payment ${entity}: it has no row`])
  })

  const row = (position: number) => `shard = ${shard} AND position = ${position}`

  test('a decision that was changed', async () => {
    const data = `overlay(data PLACING '\\x3d' FROM position('\\x3c'::bytea IN data))`
    expect(await planted(`UPDATE journal SET data = ${data} WHERE ${row(last)}`)).toContain(
      `shard ${shard}, position ${last}, transfer 0: amount is 60, the journal says 61`,
    )
  })

  test('a decision that was removed', async () => {
    expect(await planted(`DELETE FROM journal WHERE ${row(last)}`)).toEqual(
      expect.arrayContaining([
        `${key()} is not in the journal, as far as the ledger follows it`,
        `shard ${shard}, payment ${entity}: refunded is 60, the journal says 0`,
      ]),
    )
  })

  test('a decision that was slipped in', async () => {
    const problems = await planted(
      `INSERT INTO journal SELECT position + 1, at, shard, seq + 1, epoch, entity, command, type, data FROM journal WHERE ${row(last)}`,
      `UPDATE shard_cursor SET position = ${last + 1} WHERE shard = ${shard} AND consumer = 'read'`,
    )
    expect(problems).toEqual(
      expect.arrayContaining([
        `shard ${shard}, position ${last + 1}, transfer 1: is missing: merchant_payable to psp_receivable, 60 EUR`,
        `shard ${shard}, payment ${entity}: seq is ${last}, the journal says ${last + 1}`,
      ]),
    )
  })

  test('a decision that cannot be read', async () => {
    expect(await planted(`UPDATE journal SET data = '\\xc1' WHERE shard = ${shard} AND position = 1`)).toContainEqual(
      expect.stringContaining(`shard ${shard}, position 1: the decision cannot be folded`),
    )
  })
})

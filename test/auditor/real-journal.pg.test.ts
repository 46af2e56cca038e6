/**
 * Generator, gap probe and auditor over the real gateway, host and Postgres journal, with a PSP that writes down what it did:
 * a sound run passes, and the same journal with a row taken out behind everybody's back does not.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEffectRunner } from '../../actors/effect-runner.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import { paymentKind } from '../../actors/payment-kind.ts'
import { shardCount } from '../../domain/ids.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { buildApp } from '../../gateway/app.ts'
import { FakeDirectory, idKey, keySecret, merchantId, merchantWith, testSecret } from '../../gateway/testing.ts'
import type { BookEntry } from '../../loadtest/auditor/book.ts'
import type { AuditReport } from '../../loadtest/auditor/report.ts'
import { gapProbe } from '../../loadtest/gap-probe.ts'
import { Load } from '../../loadtest/generator.ts'
import { HistoryWriter } from '../../loadtest/history-writer.ts'
import { clientDefaults, MerchantClient, pause } from '../../loadtest/merchant-client.ts'
import { withClient } from '../../persistence/with-client.ts'
import { scriptedConnector, successOf } from '../../psp/testing.ts'
import { systemClock as clock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { seededRandom, systemRandom } from '../../runtime/random.ts'
import { type StartedJournal, startJournal } from '../support/started-journal.ts'
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts'

const run = promisify(execFile)
const merchant = { id: merchantId, apiKey: testSecret, mode: 'test' } as const

let directory: string
let database: TestDatabase
let journal: StartedJournal
let host: Host
let app: FastifyInstance
const troubles: unknown[] = []
const book: BookEntry[] = []

/** The PSP: declines one token, and keeps the book that the auditor compares with. */
function answer(call: PspCall): OperationOutcome {
  const isDeclined = call.kind === 'authorize' && call.paymentMethod.token === 'pm_card_visa_chargeDeclined'
  const outcome: OperationOutcome = isDeclined
    ? { kind: 'declined', decline: { class: 'hard', code: 'generic_decline' } }
    : successOf(call)
  if (outcome.kind !== 'succeeded' || call.kind === 'complete') return outcome
  const entry = (operation: BookEntry['operation']): BookEntry => ({
    at: clock.now(),
    operation,
    operation_id: call.operationId,
    idempotency_key: call.idempotencyKey,
    amount: call.amountMinor,
    currency: call.currency.toLowerCase(),
    effect: true,
    payment: null,
    psp_reference: outcome.pspReference,
    status: 'succeeded',
  })
  book.push(entry(call.kind))
  if (outcome.captured === true) book.push(entry('capture'))
  return outcome
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shardpay-audited-'))
  database = await createTestDatabase()
  journal = await startJournal({ databaseUrl: database.url, node: 'node-1', incarnation: 'i1' })
  const psp = scriptedConnector({ connection: 'scripted', answer, record: false })
  const directoryOfMerchants = new FakeDirectory()
  const routes = [{ connection: 'scripted', mode: 'test' }] as const
  directoryOfMerchants.merchants.push(merchantWith([testSecret], { routes, rateTier: 'development' }))
  const runEffect = createEffectRunner(new Map([['scripted', psp]]), clock, {
    called: () => undefined,
    broken: (_connection, error) => troubles.push(error),
  })
  host = new Host({
    name: 'audited',
    kinds: [
      paymentKind({
        directory: directoryOfMerchants,
        connections: new Map([['scripted', psp.profile]]),
        random: systemRandom,
        returnUrlBase: () => 'https://pay.example/v1/return',
      }),
    ],
    journal: journal.journal,
    clock,
    random: seededRandom(8),
    limits: defaultHostLimits,
    observer: {
      trouble: (what, error) => troubles.push(what, error),
      shardLost: (shard) => troubles.push(`shard ${shard} lost`),
      shardUncertain: (shard) => troubles.push(`shard ${shard} uncertain`),
      shardRecovered: () => undefined,
    },
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
  await host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
  app = buildApp({
    router: host,
    directory: directoryOfMerchants,
    idKey,
    keySecret,
    clock,
    random: systemRandom,
    log: silentLog,
    readiness: () => ({ ready: true, reasons: [] }),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  await app.close()
  await host.stop()
  await journal.close()
  await database.drop()
  await rm(directory, { recursive: true, force: true })
})

/** The command line, as its user runs it. */
async function auditByCommand(...more: string[]): Promise<{ code: number; report?: AuditReport; stderr: string }> {
  const [history, bookFile, key] = ['history', 'book', 'id-key'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  const args = [
    '--history',
    history,
    '--journal',
    database.url,
    '--book',
    bookFile,
    '--id-key-file',
    key,
    '--json',
    ...more,
  ]
  const { code, stdout, stderr } = await run(process.execPath, ['loadtest/audit.ts', ...args]).then(
    (ended) => ({ ...ended, code: 0 }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  )
  return { code, stderr, ...(stdout !== '' && { report: JSON.parse(stdout) as AuditReport }) }
}

test('a run over the real host passes; its journal with a decision gone does not', async () => {
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const history = new HistoryWriter(join(directory, 'history'))
  const client = new MerchantClient({ ...clientDefaults, gateways: [`http://127.0.0.1:${port}`], history, clock })
  const load = new Load({ client, history, clock, merchants: [merchant], seed: 7, run: 'pg', rate: 60 })
  const half = Array.from({ length: shardCount / 2 }, (_, shard) => shard)
  const sets = new Map([
    ['low', half],
    ['high', half.map((shard) => shard + shardCount / 2)],
  ])
  load.start()
  const probe = gapProbe({ client, clock, merchant, idKey, sets, perSecond: 20 })
  await pause(clock, 2_000)
  const gaps = await probe.stop()
  await load.stop()
  expect(await load.finish(30_000)).toBe(0)
  await history.close()
  await client.close()
  for (const gap of gaps.values()) {
    expect([gap.requests > 10, gap.longestMs > 0, gap.failed, gap.shed]).toEqual([true, true, 0, 0])
  }
  expect(load.summary().latencies['create']?.count).toBe(load.journeys)
  expect(troubles).toEqual([])
  await writeFile(join(directory, 'book'), book.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  await writeFile(join(directory, 'id-key'), `${idKey.toString('hex')}\n`, { mode: 0o600 })

  // the probe's payments are told and not read again: that is no judgement on them
  const asked = await auditByCommand()
  expect([asked.code, asked.report?.findings]).toEqual([3, []])
  const sound = await auditByCommand('--no-final-reads')
  expect([sound.code, sound.report?.result, sound.report?.findings]).toEqual([0, 'pass', []])
  expect(sound.report?.seen.payments).toBe(
    load.payments + [...gaps.values()].reduce((sum, { requests }) => sum + requests, 0),
  )
  expect(sound.report?.seen.effects).toBe(book.length)
  expect((await auditByCommand('--nonsense')).code).toBe(2)

  const text = await readFile(join(directory, 'history'), 'utf8')
  expect(text).not.toContain(testSecret)

  // a decision that was acknowledged is gone
  await withClient(database.url, (db) =>
    db.query(`DELETE FROM journal WHERE (shard, position) IN
      (SELECT shard, max(position) FROM journal WHERE type LIKE 'payment.%' GROUP BY shard ORDER BY shard LIMIT 1)`),
  )
  const lossy = await auditByCommand('--no-final-reads')
  expect([lossy.code, lossy.report?.result]).toEqual([1, 'fail'])
  expect(Object.keys(lossy.report?.counts ?? {})).toContain('told_state_unreachable')
  expect(lossy.report?.findings[0]?.story?.some((line) => line.startsWith('psp '))).toBe(true)
})

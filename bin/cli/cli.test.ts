import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { addressOfName, addressOfPayment, paymentIdOf } from '../../domain/ids.ts'
import type { LedgerEntry } from '../../domain/ledger/report.ts'
import { create, declined, paymentId, says, succeeded, timedOut } from '../../domain/payment/testing/fixtures.ts'
import { given, nothing } from '../../domain/payment/testing/scenario.ts'
import type { NoticeEntry } from '../../gateway/operator/deps.ts'
import { tokens } from '../../gateway/operator/testing.ts'
import { idKey, merchantId } from '../../gateway/testing.ts'
import { settingFindings } from './doctor.ts'
import { ShardVerifier, type VerifiedRow } from './journal-verify.ts'
import { columnsMax } from './output.ts'
import { type Clone, cloneIn, uncoloured } from './testing.ts'

const ended: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

const clone = (role?: 'operator' | 'viewer'): Promise<Clone> => cloneIn(ended, role)
const lines = (text: string): readonly string[] => text.trimEnd().split('\n')

describe('shardpay', () => {
  test('status shows shards, processes and figures, in 100 columns', async () => {
    const { run, cluster } = await clone()
    cluster.leases = cluster.leases.map((lease) => ({
      ...lease,
      node: `${lease.node}-with-a-long-na`,
      build: '0.1.0-build.2026',
    }))
    const { code, out, err } = await run('status')
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('0 of 1024 shards owned, 1024 without an owner, 0 pinned · 360 commands/s · rebalancing on')
    expect(out).toMatch(/gateway-1 .*gateway,operator/)
    for (const line of lines(uncoloured(out))) expect(line.length).toBeLessThanOrEqual(columnsMax)
  })

  test('every read has --json: one object on stdout, nothing on stderr', async () => {
    const { run } = await clone()
    const reads = ['status', 'nodes', 'shards', 'merchant list', 'psp-connection list', 'actions', 'journal verify 7']
    reads.push('unknowns list', 'compensations list', 'webhooks list', 'webhooks list --orphaned')
    for (const command of reads) {
      const { code, out, err } = await run(...command.split(' '), '--json')
      expect([command, code, err, lines(out).length]).toEqual([command, 0, '', 1])
      expect(typeof JSON.parse(out)).toBe('object')
    }
  })

  test('move prints the measured blackout, and is recorded with its reason', async () => {
    const { run, actors } = await clone()
    const { code, out } = await run('move', '0', 'node-2', '--reason', 'ticket 12')
    expect([code, out]).toEqual([0, 'shard 0 moved from node-1 to node-2: epoch 2, blackout 12.3 ms\n'])
    expect(actors.logEntries[0]?.event).toMatchObject({ kind: 'shard.move', reason: 'ticket 12' })
    const log = await run('actions')
    expect(uncoloured(log.out)).toMatch(/operator-1 +shard\.move +shard:0 +done +ticket 12/)
  })

  test('drain waits until the last shard has moved, and prints p50 and max of the blackouts', async () => {
    const { run, cluster } = await clone()
    const change = cluster.change.bind(cluster)
    cluster.change = async (asked) => {
      await change(asked)
      if (asked.kind !== 'weight') return
      for (const { shard, owner } of cluster.owners) {
        if (owner?.node !== 'node-1') continue
        const epoch = cluster.give(shard, 'node-2')
        const blackoutMs = cluster.moves.length + 1
        cluster.moves.push({ shard, from: 'node-1', to: 'node-2', epoch, reason: 'placement', at: 1, blackoutMs })
      }
    }
    const { code, out } = await run('drain', 'node-1')
    expect(code).toBe(0)
    expect(out).toMatch(
      /^node-1 is drained: 342 shards moved in [0-9.]+ s, blackout p50 171\.0 ms, max 342\.0 ms over 342 measured moves\n$/,
    )
    expect((await run('undrain', 'node-1')).out).toBe('node-1 takes its share of shards again\n')
  })

  test('a drain that does not come to its end in time says how far it is, and exits 1', async () => {
    const { run } = await clone()
    const { code, err } = await run('drain', 'node-1', '--timeout', '1')
    expect(code).toBe(1)
    expect(err).toContain('node-1 still has 342 of 342 shards after 1 s')
  })

  test('pins, merchants, keys and connections are made and taken back', async () => {
    const { run, actors, cluster } = await clone()
    expect((await run('pin', '3', 'node-2')).code).toBe(0)
    expect([...cluster.pins]).toEqual([[3, 'node-2']])
    expect((await run('unpin', '3')).code).toBe(0)
    expect([...cluster.pins]).toEqual([])
    expect((await run('merchant', 'create', 'mer_a', '--name', 'A', '--route', 'stripe-test')).code).toBe(0)
    const key = await run('merchant', 'key', 'add', 'mer_a', '--mode', 'test', '--scope', 'payments:read')
    expect(key.out).toMatch(/^sk_test_[0-9a-f]{48}\n$/)
    const [made] = actors.directory.all[0]?.keys ?? []
    expect(made).toMatchObject({ scopes: ['payments:read'], mode: 'test' })
    expect((await run('merchant', 'key', 'revoke', 'mer_a', key.out.slice(0, 12))).code).toBe(0)
    expect((await run('merchant', 'suspend', 'mer_a')).out).toBe('mer_a is suspended\n')
    expect((await run('merchant', 'resume', 'mer_a')).out).toBe('mer_a is active\n')
    const add = ['psp-connection', 'add', 'stripe-live', '--psp', 'stripe', '--mode', 'live', '--secret-setting']
    expect((await run(...add, 'SHARDPAY_STRIPE_LIVE_KEY_FILE')).code).toBe(0)
    expect(uncoloured((await run('psp-connection', 'list')).out)).toMatch(/stripe-live +stripe +live +no/)
  })

  test('unknown outcomes are listed, ruled by an operator, and approved with an approver’s token', async () => {
    const { run, payments, actors } = await clone()
    const operation = `att_${paymentId.slice(4)}_1`
    payments.give(given(nothing(), create(), says(operation, timedOut)))
    expect(uncoloured((await run('unknowns', 'list')).out)).toMatch(
      new RegExp(`${operation} +100 EUR +first +2026-11-04 12:00:00 +0 +unknown`),
    )
    const ruling = [
      '--outcome',
      'succeeded',
      '--psp-reference',
      'pi_7',
      '--evidence',
      'PSP page',
      '--reason',
      'ticket 12',
    ]
    const proposed = await run('unknowns', 'resolve', operation, ...ruling)
    expect([proposed.code, proposed.out]).toEqual([
      0,
      `${operation} is ruled succeeded once an approver agrees: shardpay unknowns approve ${operation}\n`,
    ])
    expect(uncoloured((await run('unknowns', 'list')).out)).toContain(
      `${operation}: succeeded as pi_7, proposed by operator-1 2026-11-04 12:00:00; evidence: PSP page; reason: ticket 12`,
    )
    expect((await run('unknowns', 'resolve', operation, ...ruling)).code).toBe(4)
    expect((await run('unknowns', 'approve', operation)).out).toBe(
      `${operation} is succeeded, ${paymentId} is authorized\n`,
    )
    expect(actors.logEntries.at(-2)?.event).toMatchObject({ kind: 'unknown.approve', operator: 'approver-1' })
    expect((await run('unknowns', 'list')).out).toBe('none\n')
  })

  test('a ruling is taken back, and nothing waits any more', async () => {
    const { run, payments } = await clone()
    const operation = `att_${paymentId.slice(4)}_1`
    payments.give(given(nothing(), create(), says(operation, timedOut)))
    await run('unknowns', 'resolve', operation, '--outcome', 'declined', '--evidence', 'PSP page')
    expect((await run('unknowns', 'reject', operation)).out).toBe(
      `no ruling of ${operation} waits any more; it is unknown\n`,
    )
    const approved = await run('unknowns', 'approve', operation, '--json')
    expect([approved.code, JSON.parse(approved.err)]).toMatchObject([4, { error: { code: 'no_proposal' } }])
  })

  test('captured money that nobody wanted is listed, proposed back by an operator and approved with an approver’s token', async () => {
    const { run, payments, actors } = await clone()
    const [attempt, capture] = [`att_${paymentId.slice(4)}_1`, `cap_${paymentId.slice(4)}_1`]
    const late = says(attempt, succeeded(100, { captured: true }), { source: 'webhook', factId: 'w' })
    payments.give(given(nothing(), create(), says(attempt, declined()), late))
    const listed = async () => uncoloured((await run('compensations', 'list')).out)
    expect(await listed()).toMatch(new RegExp(`${capture} +100 EUR +first +2026-11-04 12:00:00 +failed\n`))
    const propose = ['compensations', 'propose', capture, '--reason', 'ticket 12'] as const
    expect((await run(...propose)).out).toBe(
      `100 EUR of ${capture} go back once an approver agrees: shardpay compensations approve ${capture}\n`,
    )
    expect(await listed()).toContain(`${capture}: proposed by operator-1 2026-11-04 12:00:00; reason: ticket 12`)
    expect((await run('compensations', 'reject', capture)).out).toBe(
      `nothing of ${capture} is proposed to go back any more\n`,
    )
    await run(...propose)
    expect((await run('compensations', 'approve', capture)).out).toBe(
      `re_${paymentId.slice(4)}_1 of ${capture} is planned\n`,
    )
    expect(actors.logEntries.at(-2)?.event).toMatchObject({ kind: 'compensation.approve', operator: 'approver-1' })
    expect(await listed()).toBe('none\n')
  })

  test('webhooks that no payment has taken are listed, and all that are about a payment with it', async () => {
    const { run, payments } = await clone()
    payments.give(given(nothing(), create()))
    const entry = (id: string, changes: Partial<NoticeEntry>): NoticeEntry => ({
      ...addressOfName(`notice/stripe-test/${id}`),
      ...{ connection: 'stripe-test', notice: id, type: 'charge.refunded', reason: null, payment: null },
      ...{ status: 'received', receivedAt: Date.UTC(2026, 10, 4) },
      ...changes,
    })
    payments.noticeEntries = [
      entry('evt_1', {}),
      entry('evt_2', { status: 'orphaned', reason: 'payment_unknown' }),
      entry('evt_3', { status: 'delivered', payment: addressOfPayment(paymentId)?.entity ?? '' }),
    ]
    const all = uncoloured((await run('webhooks', 'list')).out)
    expect(all).toMatch(/2026-11-04 00:00:00 +stripe-test +charge\.refunded +evt_1 +received\n/)
    expect(all).toMatch(/evt_2 +orphaned: payment_unknown\n/)
    expect(all).not.toContain('evt_3')
    const orphaned = JSON.parse((await run('webhooks', 'list', '--orphaned', '--json')).out) as { webhooks: object[] }
    expect(orphaned.webhooks).toMatchObject([{ id: 'evt_2' }])
    expect(uncoloured((await run('payment', 'show', paymentId)).out)).toMatch(
      /stripe-test +charge\.refunded +evt_3 +delivered/,
    )
    const shown = JSON.parse((await run('payment', 'show', paymentId, '--json')).out) as { webhooks: object[] }
    expect(shown.webhooks).toMatchObject([{ id: 'evt_3', status: 'delivered' }])
  })

  test('payment show and journal show tell who decided what', async () => {
    const { run, journal } = await clone()
    const id = paymentIdOf(idKey, merchantId, 'test', 'k1')
    const { shard = 0, entity = '' } = addressOfPayment(id) ?? {}
    const request = { key: 'k1', fingerprint: 'ab'.repeat(32), requestId: 'req_1', apiVersion: '2026-11-01' }
    const created = {
      type: 'PaymentCreated',
      payment: id,
      merchant: merchantId,
      mode: 'test',
      merchantVersion: 1,
      request,
    }
    const events = [{ ...created, amountMinor: 1_999, currency: 'EUR', captureMethod: 'manual' }]
    const row = {
      shard,
      entity,
      seq: 1,
      epoch: 3,
      node: 'node-2',
      incarnation: 'i2',
      command: 'ab'.repeat(16),
      at: 1_700_000_000_000,
    }
    journal.rows = [{ ...row, position: 4, type: 'payment.create_payment', events }]
    const payment = await run('payment', 'show', id)
    expect(payment.out).toContain(`${id}: created, 1999 EUR (minor units), test`)
    expect(uncoloured(payment.out)).toMatch(
      /1 +2023-11-14 22:13:20\.000 +node-2 +3 +payment\.create_payment +PaymentCreated/,
    )
    expect((await run('journal', 'show', id)).out).toContain('payment.create_payment')
    const verify = await run('journal', 'verify', String(shard))
    expect([verify.code, verify.err]).toEqual([
      1,
      expect.stringContaining('the journal breaks its promises at 2 places'),
    ])
    expect(verify.out).toContain(`shard ${shard}, position 4: position 1 was expected`)
  })
})

describe('ledger', () => {
  const booked = (position: number, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
    ...{ shard: 3, position, n: 0, postedAt: Date.UTC(2026, 0, 5), merchant: 'mer_1', live: false },
    ...{ connection: 'stripe-test', currency: 'EUR', debit: 'psp_receivable', credit: 'merchant_payable' },
    ...{ amount: 4_999, phase: 'posted', entity: '0'.repeat(32), operation: 'cap_1', ...more },
  })

  test('balance shows both sides, equal, and export the transfers', async () => {
    const { run, ledger } = await clone()
    ledger.transfers = [booked(1)]
    const balance = await run('ledger', 'balance', '--day', '2026-01-05')
    expect(balance.code).toBe(0)
    expect(uncoloured(balance.out)).toMatch(/psp_receivable +asset, clearing +4999\n/)
    expect(balance.out).toContain('sum without memorandum: 4999 debit, 4999 credit\n')
    const file = await run('ledger', 'export', '--from', '2026-01-01', '--to', '2026-01-31')
    expect(file.out).toContain('\r\ntr_3_1_0,2026-01-05T00:00:00.000Z,test,mer_1,')
    expect((await run('ledger', 'clearing')).out).toBe('every clearing account is zero\n')
  })

  test('close closes a month once it is over, and says what it is refused for', async () => {
    const { run } = await clone()
    const closed = await run('ledger', 'close', '2026-01', '--time-zone', 'UTC')
    expect(closed.out).toBe('2026-01 is closed: what is booked before 2026-02-01T00:00:00.000Z no longer changes\n')
    const other = await run('ledger', 'close', '2026-03', '--time-zone', 'UTC')
    expect([other.code, other.err]).toEqual([4, expect.stringContaining('close the month after the last one first')])
  })

  test('proofs read databases and need them named', async () => {
    const { run, runWith } = await clone()
    for (const command of ['ledger verify', 'journal verify --against heads.json', 'projections rebuild']) {
      expect((await run(...command.split(' '))).code).toBe(2)
    }
    const env = { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' }
    for (const command of ['ledger verify', 'projections rebuild']) {
      const away = await runWith(env, ...command.split(' '))
      expect([away.code, away.err.includes('secret')]).toEqual([3, false])
    }
    expect((await runWith(env, 'ledger', 'verify', '1024')).code).toBe(2)
  })
})

describe('how it ends', () => {
  test.each([
    [2, ['nothing']],
    [2, ['move', '1']],
    [2, ['drain', 'node-1', '--timeout', '0']],
    [2, ['merchant', 'key', 'add', 'mer_a', '--mode', 'both']],
    [2, ['merchant', 'create', 'mer_a', '--name', 'A', '--route', 'stripe']],
    [2, ['unknowns', 'resolve', 'att_x_1', '--outcome', 'succeeded']],
    [2, ['unknowns', 'resolve', 'att_x_1', '--outcome', 'perhaps', '--evidence', 'e']],
    [2, ['unknowns', 'resolve', 'att_x_1', '--outcome', 'succeeded', '--evidence', 'e', '--amount', '1.5']],
    [4, ['unknowns', 'approve', 'att_x_1']],
    [4, ['compensations', 'propose', 'att_x_1']],
    [4, ['move', '1', 'node-9']],
    [4, ['payment', 'show', 'pay_x']],
    [0, ['--help']],
  ])('exit %d for %j', async (code, args) => {
    const { run } = await clone()
    expect((await run(...args)).code).toBe(code)
  })

  test('a refusal says what, the code’s section, and the request', async () => {
    const { run } = await clone('viewer')
    const { code, err } = await run('move', '1', 'node-2')
    expect(code).toBe(4)
    expect(err).toMatch(
      /^shardpay: The role viewer may not do this\.\n {2}→ use the token of an operator, or of an approver to approve · docs\/errors\.md#role_missing · req_/,
    )
    const json = JSON.parse((await run('move', '1', 'node-2', '--json')).err) as { error: object }
    expect(json.error).toMatchObject({ code: 'role_missing', exit_code: 4 })
  })

  test('3 where nobody answers, or nothing runs here', async () => {
    const { run, app, directory } = await clone()
    await app.close()
    const away = await run('status')
    expect([away.code, away.err]).toEqual([
      3,
      expect.stringMatching(/cannot be reached: ECONNREFUSED\n {2}→ is npm start running\?/),
    ])
    rmSync(join(directory, '.shardpay'), { recursive: true })
    const none = await run('status')
    expect([none.code, none.err]).toEqual([3, expect.stringContaining('no cluster runs here')])
  })

  test('another cluster is named by address and token file together, and its actions need a reason', async () => {
    const { runWith, url, directory } = await clone()
    const file = join(directory, 'token')
    writeFileSync(file, `${tokens.operator}\n`)
    const env = { SHARDPAY_OPERATOR_URL: url, SHARDPAY_OPERATOR_TOKEN_FILE: file }
    expect((await runWith(env, 'status')).code).toBe(0)
    const unreasoned = await runWith(env, 'move', '0', 'node-2')
    expect([unreasoned.code, unreasoned.err]).toEqual([2, expect.stringContaining('an action needs its reason')])
    expect((await runWith({}, 'status', '--url', url)).code).toBe(2)
    expect((await runWith({}, 'status', '--url', `${url}/x`, '--token-file', file)).code).toBe(2)
    expect((await runWith({}, 'status', '--url', url, '--token-file', `${file}.none`)).code).toBe(2)
  })

  test('every command has examples in its help', async () => {
    const { run } = await clone()
    const commands = lines((await run('--help')).out).flatMap((line) => /^ {2}([a-z-]+)(?: |$)/.exec(line)?.[1] ?? [])
    const groups: Readonly<Record<string, readonly string[]>> = {
      payment: ['show'],
      journal: ['show', 'verify'],
      recon: ['check'],
      ledger: ['verify', 'balance', 'clearing', 'export', 'close'],
      projections: ['rebuild'],
      merchant: ['list', 'show', 'create', 'limits', 'suspend', 'resume'],
      unknowns: ['list', 'resolve', 'approve', 'reject'],
      compensations: ['list', 'propose', 'approve', 'reject'],
      webhooks: ['list'],
      'psp-connection': ['list', 'add'],
    }
    const named = commands.filter((name) => name !== 'help')
    expect(named.length).toBeGreaterThan(10)
    for (const name of named) {
      for (const each of groups[name] ?? ['']) {
        const { out } = await run(name, ...(each === '' ? [] : [each]), '--help')
        expect(out, `${name} ${each}`).toContain('Examples:\n  $ shardpay ')
      }
    }
  })
})

describe('journal verify', () => {
  const row = (position: number, more: object = {}) => ({
    ...{ shard: 1, position, entity: 'a', seq: 1, epoch: 1, at: 1_000, ...more },
  })
  const epoch = (position: number, number: number) =>
    row(position, { entity: '0'.repeat(32), epoch: number, seq: number })
  const problemsOf = (rows: readonly VerifiedRow[]): readonly string[] => {
    const verifier = new ShardVerifier('1')
    for (const each of rows) verifier.take(each)
    return verifier.problems.map((problem) => problem.replace('shard 1, ', ''))
  }

  test('finds nothing in a journal that is as it should be', () => {
    expect(problemsOf([epoch(1, 1), row(2), row(3, { seq: 2 }), epoch(4, 3), row(5, { seq: 3, epoch: 3 })])).toEqual([])
  })

  test.each([
    ['position 3: position 2 was expected', [epoch(1, 1), row(3)]],
    ['position 3: sequence 2 of a was expected, not 3', [epoch(1, 1), row(2), row(3, { seq: 3 })]],
    ['position 2: epoch 2 does not begin with its record', [epoch(1, 1), row(2, { epoch: 2 })]],
    ['position 3: its epoch fell from 2 to 1', [epoch(1, 1), epoch(2, 2), epoch(3, 1)]],
    ['position 1: the record of epoch 1 names epoch 2', [row(1, { entity: '0'.repeat(32), seq: 2 })]],
    [
      'position 3: its time is before that of the decision before it',
      [epoch(1, 1), row(2), row(3, { seq: 2, at: 999 })],
    ],
  ])('finds "%s"', (problem, rows) => {
    expect(problemsOf(rows)).toEqual([problem])
  })
})

describe('doctor', () => {
  test('finds unsafe settings of Postgres, and warns without a synchronous standby', () => {
    const settings = {
      server_version_num: '180001',
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      synchronous_standby_names: 'a',
    }
    const verdicts = (more: object) =>
      settingFindings(new Map(Object.entries({ ...settings, ...more }))).map(({ verdict }) => verdict)
    expect(verdicts({})).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
    expect(verdicts({ fsync: 'off' })[1]).toBe('wrong')
    expect(verdicts({ synchronous_commit: 'local' })[2]).toBe('wrong')
    expect(verdicts({ server_version_num: '160004' })[0]).toBe('wrong')
    expect(verdicts({ synchronous_standby_names: '' })[4]).toBe('warning')
  })

  test('says which file, port or server is wrong and what to do, without asking the cluster', async () => {
    const { runWith, app, directory } = await clone()
    await app.close()
    const open = join(directory, 'secret')
    writeFileSync(open, 'x', { mode: 0o644 })
    const env = {
      ...{ SHARDPAY_STRIPE_TEST_KEY_FILE: open, SHARDPAY_ID_KEY_FILE: join(directory, 'none') },
      DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none',
    }
    const { code, out, err } = await runWith(env, 'doctor', '--json')
    expect(code).toBe(1)
    const { findings } = JSON.parse(out) as { findings: { check: string; verdict: string }[] }
    const verdicts = Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict]))
    expect(verdicts).toMatchObject({
      ...{
        SHARDPAY_STRIPE_TEST_KEY_FILE: 'warning',
        SHARDPAY_ID_KEY_FILE: 'wrong',
        Postgres: 'wrong',
        'npm start': 'ok',
      },
    })
    expect(`${out}${err}`).not.toContain('secret@')
  })
})

test('a reader that has seen enough, such as head, ends it without a stack trace', async () => {
  const program = fileURLToPath(new URL('../shardpay.ts', import.meta.url))
  const shell = `set -o pipefail; "${process.execPath}" "${program}" --help | true; "${process.execPath}" "${program}" move --help | head -n 1`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', shell])
  expect(stdout).toMatch(/^Usage: shardpay move /)
  expect(stderr).toBe('')
})

import { describe, expect, test } from 'vitest'
import { addressOfPayment } from '../../domain/ids.ts'
import type { LedgerEntry } from '../../domain/ledger/report.ts'
import { paymentId } from '../../domain/payment/testing/fixtures.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { bearer, testOperators, type TestOperators } from './testing.ts'

const noon = (day: number): number => Date.UTC(2026, 10, day, 12)
const entity = addressOfPayment(paymentId)?.entity ?? ''

function entry(position: number, more: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    ...{ shard: 3, position, n: 0, postedAt: noon(5), merchant: 'mer_1', live: false, connection: 'stripe-test' },
    ...{ currency: 'EUR', debit: 'psp_receivable', credit: 'merchant_payable', amount: 4_999, phase: 'posted' },
    ...{ entity, operation: `cap_${position}`, ...more },
  }
}

function edge(now = Date.UTC(2026, 11, 3)): TestOperators {
  const operators = testOperators({}, new VirtualClock(now))
  operators.ledger.transfers = [
    entry(1),
    entry(2, {
      postedAt: noon(6),
      debit: 'merchant_payable',
      credit: 'psp_receivable',
      amount: 1_000,
      operation: 're_2',
    }),
  ]
  return operators
}

async function get({ app }: TestOperators, path: string, role: 'operator' | 'viewer' = 'operator') {
  const { statusCode, headers, body } = await app.inject({ url: `/ops/v1/ledger/${path}`, headers: bearer(role) })
  const isJson = String(headers['content-type']).includes('json')
  return { status: statusCode, headers, text: body, json: isJson ? (JSON.parse(body) as Record<string, unknown>) : {} }
}

async function close({ app }: TestOperators, body: object, role: 'operator' | 'approver' = 'operator') {
  const request = { method: 'POST', url: '/ops/v1/ledger/closes', headers: bearer(role) } as const
  const answer = await app.inject({
    ...request,
    payload: { month: '2026-11', time_zone: 'UTC', reason: 'month', ...body },
  })
  return { status: answer.statusCode, json: answer.json<Record<string, unknown>>() }
}

const codeOf = (json: Record<string, unknown>): unknown => (json['error'] as { code?: string }).code

describe('the trial balance', () => {
  test('is as of the end of a day in a zone', async () => {
    const { json } = await get(edge(), 'trial-balance?day=2026-11-05&time_zone=Europe/Berlin')
    expect(json).toMatchObject({ day: '2026-11-05', before: '2026-11-05T23:00:00.000Z', closed: false })
    expect(json['balances']).toMatchObject([
      { mode: 'test', currency: 'EUR', debit_minor: '4999', credit_minor: '4999', balanced: true },
    ])
    expect((await get(edge(), 'trial-balance?day=2026-11-06')).json['balances']).toMatchObject([
      { debit_minor: '3999' },
    ])
    expect((await get(edge(), 'trial-balance?merchant=mer_2')).json['balances']).toEqual([])
  })

  test('says as of when the books know everything', async () => {
    const operators = edge()
    operators.ledger.behindSince = noon(6)
    expect((await get(operators, 'trial-balance')).json['as_of']).toBe(noon(6))
  })

  test.each([
    ['day=2026-02-30', 'day'],
    ['day=yesterday', 'day'],
    ['time_zone=Mars/Olympus', 'time_zone'],
    ['time_zone=%2B02:00', 'time_zone'],
    ['merchant=x', 'merchant'],
    ['account=x', 'account'],
  ])('refuses %s', async (query, param) => {
    const { status, json } = await get(edge(), `trial-balance?${query}`)
    expect([status, (json['error'] as { param?: string }).param]).toEqual([400, param])
  })

  test('is not for viewers, and is recorded', async () => {
    const operators = edge()
    expect((await get(operators, 'trial-balance', 'viewer')).status).toBe(403)
    await get(operators, 'trial-balance')
    expect(operators.actors.logEntries.map(({ event }) => event)).toMatchObject([
      { type: 'AuditRead', subject: 'ledger' },
    ])
  })

  test('is 503 where a database is away, and says nothing of it', async () => {
    const operators = edge()
    operators.ledger.broken = true
    const { status, text } = await get(operators, 'trial-balance')
    expect(status).toBe(503)
    expect(text).not.toContain('secret')
  })
})

test('clearing accounts are listed with their age, the oldest first', async () => {
  const operators = edge(noon(20))
  const open = { live: false, currency: 'EUR', connection: 'stripe-test' } as const
  operators.ledger.opened = [
    { ...open, account: 'psp_receivable', balance: 3_999n, since: noon(6) },
    { ...open, account: 'dispute_receivable', balance: -5n, since: noon(1) },
    { ...open, account: 'merchant_payable', balance: 9n, since: noon(1) },
  ]
  expect((await get(operators, 'clearing')).json['accounts']).toMatchObject([
    { account: 'dispute_receivable', balance_minor: '-5', age_days: 19 },
    { account: 'psp_receivable', balance_minor: '3999', since: '2026-11-06T12:00:00.000Z', age_days: 14 },
  ])
})

describe('the export', () => {
  test('is CSV, a line for each transfer', async () => {
    const { status, headers, text } = await get(edge(), 'export?from=2026-11-05&to=2026-11-06')
    expect([status, headers['content-type'], headers['content-disposition']]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
      'attachment; filename="ledger-2026-11-05-2026-11-06.csv"',
    ])
    expect(text.split('\r\n')).toEqual([
      'transfer,posted_at,mode,merchant,connection,payment,operation,phase,debit_account,credit_account,currency,amount,amount_minor',
      `tr_3_1_0,2026-11-05T12:00:00.000Z,test,mer_1,stripe-test,${paymentId},cap_1,posted,psp_receivable,merchant_payable,EUR,49.99,4999`,
      `tr_3_2_0,2026-11-06T12:00:00.000Z,test,mer_1,stripe-test,${paymentId},re_2,posted,merchant_payable,psp_receivable,EUR,10.00,1000`,
      '',
    ])
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', '"=1'])(
    'never hands a spreadsheet the formula %j (B83)',
    async (operation) => {
      const operators = edge()
      operators.ledger.transfers = [entry(1, { operation })]
      const { text } = await get(operators, 'export?from=2026-11-01&to=2026-11-30')
      const cell = /,pay_[^,]+,("(?:[^"]|"")*"|[^,]*),posted/.exec(text)?.[1] ?? ''
      const value = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
      expect(value.replace(/^'/, '')).toBe(operation)
      if (operation !== '"=1') expect(value[0]).toBe("'")
    },
  )

  test('is of one account, one merchant, one range', async () => {
    const lines = async (query: string) => (await get(edge(), `export?${query}`)).text.split('\r\n').length - 2
    expect(await lines('from=2026-11-05&to=2026-11-05')).toBe(1)
    expect(await lines('from=2026-11-01&to=2026-11-30&account=suspense')).toBe(0)
    expect(await lines('from=2026-11-01&to=2026-11-30&account=merchant_payable&merchant=mer_1')).toBe(2)
  })

  test.each(['', 'from=2026-11-05', 'from=2026-11-06&to=2026-11-04', 'from=2026-11-01&to=2026-11-31'])(
    'refuses the range "%s"',
    async (query) => {
      expect((await get(edge(), `export?${query}`)).status).toBe(400)
    },
  )

  test('refuses an account that is not in the chart', async () => {
    const { status, json } = await get(edge(), 'export?from=2026-11-01&to=2026-11-30&account=cash')
    expect([status, (json['error'] as { param?: string }).param]).toEqual([400, 'account'])
  })
})

describe('closing a month', () => {
  test('keeps its figures, and books what comes late in the next one', async () => {
    const operators = edge()
    const { status, json } = await close(operators, {})
    expect(status).toBe(201)
    expect(json).toMatchObject({ month: '2026-11', until: '2026-12-01T00:00:00.000Z', closed_by: 'operator-1' })
    operators.ledger.transfers.push(entry(3, { amount: 7, operation: 'late' }))
    const november = (await get(operators, 'trial-balance?day=2026-11-30')).json
    expect(november).toMatchObject({ closed: true, balances: [{ debit_minor: '3999' }] })
    expect((await get(operators, 'export?from=2026-11-01&to=2026-11-30')).text).not.toContain('late')
    expect((await get(operators, 'export?from=2026-12-01&to=2026-12-31')).text).toContain('late')
    expect((await get(operators, 'trial-balance?day=2026-12-01')).json['balances']).toMatchObject([
      { debit_minor: '4006' },
    ])
    expect((await get(operators, 'closes')).json).toMatchObject({ time_zone: 'UTC', closes: [{ month: '2026-11' }] })
  })

  test('is an action of operators, with its reason', async () => {
    const operators = edge()
    expect((await close(operators, {}, 'approver')).status).toBe(403)
    expect((await close(operators, { reason: ' ' })).status).toBe(400)
    await close(operators, {})
    expect(operators.actors.logEntries[0]?.event).toMatchObject({ kind: 'ledger.close', subject: '2026-11' })
  })

  test('twice answers the first', async () => {
    const operators = edge()
    const first = await close(operators, {})
    expect(await close(operators, {})).toEqual(first)
  })

  test.each([
    [409, 'period_not_over', { month: '2026-12' }],
    [400, 'parameter_invalid', { month: '2026-13' }],
    [400, 'parameter_invalid', { time_zone: 'Nowhere' }],
  ])('is refused with %d %s for %j', async (status, code, body) => {
    const answer = await close(edge(), body)
    expect([answer.status, codeOf(answer.json)]).toEqual([status, code])
  })

  test('waits for books that are behind', async () => {
    const operators = edge()
    operators.ledger.behindSince = noon(29)
    const answer = await close(operators, {})
    expect([answer.status, codeOf(answer.json)]).toEqual([409, 'ledger_behind'])
    operators.ledger.behindSince = Date.UTC(2026, 11, 1)
    expect((await close(operators, {})).status).toBe(201)
  })
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../runtime/clock.ts'
import { fixtureReports } from '../../test/support/report-reading.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { columnsMax } from './output.ts'
import { runCli } from './program.ts'

const fixtures = fileURLToPath(new URL('../../recon/reports/fixtures/', import.meta.url))
const stripe = ['--format', 'stripe_balance_change', '--time-zone', 'Etc/UTC']

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** In a directory where no cluster runs. */
async function check(...args: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCli(['recon', 'check', ...args], {
    ...{ env: {}, directory: '/', clock: systemClock, isTerminal: false },
    out: (text) => (out += text),
    err: (text) => (err += text),
  })
  return { code, out, err }
}

describe('shardpay recon check', () => {
  test.each(fixtureReports)('says what $file adds up to, in 100 columns', async ({ file, format, settings }) => {
    const accounts = settings.accounts === undefined ? [] : ['--account', ...settings.accounts]
    const zone = settings.timeZone === undefined ? [] : ['--time-zone', settings.timeZone]
    const args = [join(fixtures, file), '--format', format, ...zone, ...accounts]
    const { code, out, err } = await check(...args)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain(format)
    // oxlint-disable-next-line no-control-regex
    for (const line of out.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(columnsMax)
    const json = await check(...args, '--json')
    const summary = JSON.parse(json.out) as {
      readonly lines: number
      readonly totals: readonly { readonly count: number }[]
    }
    expect(summary.totals.reduce((sum, { count }) => sum + count, 0)).toBe(summary.lines)
  })

  test('names line and column of what refuses a report, not what stands there', async () => {
    const directory = temporaryDirectory()
    const file = join(directory, 'broken.csv')
    const [header = '', first = '', ...rest] = readFileSync(join(fixtures, 'stripe-balance-change.csv'), 'utf8').split(
      '\n',
    )
    const gross = header.split(',').findIndex((name) => name.replaceAll('"', '') === 'gross')
    const cells = first.split(',')
    cells[gross] = 'jane@example.com'
    writeFileSync(file, [header, cells.join(','), ...rest].join('\n'))
    const { code, out, err } = await check(file, ...stripe)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^shardpay: the report would be refused: line 2, column “gross”: /)
    expect(err).not.toContain('jane')
    const json = JSON.parse((await check(file, ...stripe, '--json')).err) as { readonly error: object }
    expect(json.error).toMatchObject({ code: 'report_amount', exit_code: 1 })
  })

  test('says which settings a format needs, which formats there are, and that a file is not there', async () => {
    const file = join(fixtures, 'adyen-settlement-details.csv')
    const bare = await check(file, '--format', 'adyen_settlement_details')
    expect([bare.code, bare.err]).toEqual([1, expect.stringContaining('→ --time-zone and --account say it')])
    const unknown = await check(file, '--format', 'excel')
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('camt053')])
    const missing = await check(join(fixtures, 'nowhere.csv'), ...stripe)
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('cannot be read: ENOENT')])
  })
})

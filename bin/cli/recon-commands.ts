/** `recon check`: what a report of a PSP or bank says, or why it would be refused. Reads the file and nothing else. */
import { createReadStream } from 'node:fs'
import { type Command, Option } from 'commander'
import { toDecimalString } from '../../domain/money/currency.ts'
import { ReportRefused } from '../../recon/reports/errors.ts'
import { readReport, reportFormats, type ReportFormatName } from '../../recon/reports/formats.ts'
import type { ReportSummary } from '../../recon/reports/summary.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { table, whole } from './output.ts'
import type { Add, ContextOf } from './program.ts'

interface CheckOptions {
  readonly format: ReportFormatName
  readonly timeZone?: string
  readonly account?: readonly string[]
}

export function reconCommands(program: Command, add: Add, contextOf: ContextOf): void {
  const recon = program.command('recon').description('Reports of PSPs and banks.')
  add(recon, 'check', 'Reads a report to its end: what it adds up to, or the line and column that refuse it.', [
    'recon check itemized.csv --format stripe_payout_reconciliation --time-zone Etc/UTC',
    'recon check settlement_detail_report_batch_7.csv --format adyen_settlement_details --time-zone Europe/Amsterdam --account ShopECOM',
  ])
    .argument('<file>')
    .addOption(
      new Option('--format <name>', 'what it is, as docs/reports.md has it')
        .choices(Object.keys(reportFormats))
        .makeOptionMandatory(),
    )
    .option('--time-zone <zone>', 'of the report run, account or bank')
    .option('--account <id...>', 'accounts that it may be of: merchant accounts, PayPal accounts, IBANs')
    .action((file: string, options: CheckOptions, command: Command) => check(contextOf(command), file, options))
}

/** Exit 1 where it is refused. */
async function check(context: CommandContext, file: string, options: CheckOptions): Promise<void> {
  const summary = await summaryOf(context, file, options)
  const { json, out } = context
  out(
    json
      ? `${JSON.stringify(summary, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`
      : textOf(summary),
  )
}

async function summaryOf(
  { isTerminal, json, err }: CommandContext,
  file: string,
  { format, timeZone, account }: CheckOptions,
): Promise<ReportSummary> {
  const settings = { ...(timeZone !== undefined && { timeZone }), ...(account !== undefined && { accounts: account }) }
  let lines = 0
  try {
    const rows = readReport(format, createReadStream(file), settings)
    for (let next = await rows.next(); ; next = await rows.next()) {
      if (next.done === true) return next.value
      lines += next.value.length
      if (isTerminal && !json) err(`\r\u001b[K${whole(lines)} lines`)
    }
  } catch (error) {
    if (error instanceof ReportRefused) {
      const fix =
        error.code === 'settings'
          ? '--time-zone and --account say it; docs/reports.md has what each format needs'
          : undefined
      throw new CliError(exitCodes.failed, `the report would be refused: ${error.message}`, {
        ...{ code: `report_${error.code}`, cause: error },
        ...(fix !== undefined && { fix }),
      })
    }
    if (error instanceof Error && 'syscall' in error) {
      throw new CliError(exitCodes.failed, `the file cannot be read: ${error.message}`, { cause: error })
    }
    throw error
  } finally {
    if (isTerminal && !json) err('\r\u001b[K')
  }
}

function textOf(summary: ReportSummary): string {
  const { format, account, from, to, batch, lines, repeatedLines, totals, payouts, statements, notBooked } = summary
  const parts = [
    `${format}${account === null ? '' : ` of ${account}`}${batch === null ? '' : `, batch ${batch}`}`,
    `${whole(lines)} lines${from === null || to === null ? '' : `, ${day(from)} to ${day(to)}`}`,
    ...(repeatedLines > 0
      ? [`${whole(repeatedLines)} of them were there before: they would be breaks, duplicate_line`]
      : []),
    ...(notBooked > 0 ? [`${whole(notBooked)} entries are not booked yet and left out`] : []),
  ]
  const sums = table(totals, [
    { title: 'kind', of: ({ kind }) => kind },
    { title: 'lines', of: ({ count }) => whole(count), right: true },
    { title: 'gross', of: (total) => money(total.gross, total.grossCurrency), right: true },
    { title: 'fee', of: (total) => money(total.fee, total.currency), right: true },
    { title: 'net', of: (total) => money(total.net, total.currency), right: true },
  ])
  const paid = table(payouts, [
    { title: 'payout', of: ({ reference }) => reference, flexible: true },
    { title: 'lines', of: (payout) => (payout.lines === null ? '–' : whole(payout.lines)), right: true },
    { title: 'their net', of: ({ net, currency }) => (net === null ? '–' : money(net, currency)), right: true },
    {
      title: 'paid out',
      of: (payout) => (payout.paid === null ? '–' : money(payout.paid, payout.currency)),
      right: true,
    },
  ])
  const stated = table(statements, [
    { title: 'statement', of: ({ id }) => id, flexible: true },
    { title: 'account', of: (statement) => statement.account },
    { title: 'opening', of: ({ opening, currency }) => money(opening, currency), right: true },
    { title: 'closing', of: ({ closing, currency }) => money(closing, currency), right: true },
  ])
  return [
    `${parts.join('\n')}\n`,
    sums,
    ...(payouts.length > 0 ? [paid] : []),
    ...(statements.length > 0 ? [stated] : []),
    `SHA-256 ${summary.sha256}, ${whole(summary.bytes)} bytes\n`,
  ].join('\n')
}

function day(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10)
}

function money(minor: bigint, currency: string): string {
  return `${toDecimalString(minor, currency)} ${currency}`
}

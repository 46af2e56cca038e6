/** `ledger verify | balance | clearing | export | close`. */
import type { Command, Option } from 'commander'
import type { BalanceView } from '../../gateway/operator/routes/ledger.ts'
import { proveLedgerInThreads } from '../proof-threads.ts'
import type { CommandContext } from './context.ts'
import { provedDatabases } from './databases.ts'
import { archivesIn } from './archive-commands.ts'
import { shardsOf } from './arguments.ts'
import { CliError, exitCodes } from './errors.ts'
import { asked } from './journal-commands.ts'
import { table, whole } from './output.ts'
import type { Add, ContextOf } from './program.ts'

const problemsMax = 20

export function ledgerCommands(program: Command, add: Add, contextOf: ContextOf, reason: () => Option): void {
  const ledger = program.command('ledger').description('The books: what they say, and whether they are true.')
  add(ledger, 'verify', 'Proves that journal, transfers, balances and payments agree. Reads the databases.', [
    'ledger verify',
    'ledger verify 17 --json',
    'ledger verify --archive /srv/shardpay-archive',
  ])
    .argument('[shards...]', 'all of them where none is named')
    .option('--archive <directory>', 'where the files of archived payments are: their decisions are proved too')
    .action((only: string[], options: { archive?: string }, command: Command) =>
      verifyLedger(contextOf(command), only, options.archive),
    )
  add(ledger, 'balance', 'The trial balance as of the end of a day.', [
    'ledger balance',
    'ledger balance --day 2026-11-30 --time-zone Europe/Berlin --merchant mer_shop',
  ])
    .option('--day <date>', 'today where none is given')
    .option('--time-zone <zone>', 'that of the books, else UTC')
    .option('--merchant <id>', 'of this merchant alone')
    .action((options: BalanceOptions, command: Command) => showBalance(contextOf(command), options))
  add(ledger, 'clearing', 'Clearing accounts that are not zero, and for how many days.', ['ledger clearing']).action(
    (_options, command: Command) => showClearing(contextOf(command)),
  )
  add(ledger, 'export', 'Transfers of a range of days as CSV, on stdout.', [
    'ledger export --from 2026-11-01 --to 2026-11-30 > november.csv',
    'ledger export --from 2026-11-01 --to 2026-11-30 --account psp_receivable --merchant mer_shop',
  ])
    .requiredOption('--from <date>', 'the first day')
    .requiredOption('--to <date>', 'the last day')
    .option('--time-zone <zone>', 'that of the books, else UTC')
    .option('--account <account>', 'where it is debited or credited')
    .option('--merchant <id>', 'of this merchant alone')
    .action((options: ExportOptions, command: Command) => exportLedger(contextOf(command), options))
  add(ledger, 'close', 'Closes a month for ever: what comes late is booked in the next one.', [
    'ledger close 2026-11 --time-zone Europe/Berlin --reason "November"',
  ])
    .argument('<month>', '2026-11')
    .requiredOption('--time-zone <zone>', 'of the books; the first close sets it for ever')
    .addOption(reason())
    .action((month: string, options: CloseOptions, command: Command) => closeMonth(contextOf(command), month, options))
}

/** Exit 1 where the books and the journal differ anywhere. */
async function verifyLedger(context: CommandContext, only: readonly string[], archive?: string): Promise<void> {
  const { json, out, err, isTerminal } = context
  const shards = shardsOf(only)
  const progress = (shard: number, transfers: number): void => {
    if (isTerminal && !json) err(`\r\u001b[Kshard ${shard}: ${whole(transfers)} transfers compared`)
  }
  const archives = archive === undefined ? [] : await archivesIn(archive)
  const scope = { databases: provedDatabases(context), ...(shards !== undefined && { shards }), archives, progress }
  const { problems, ...proof } = await asked(proveLedgerInThreads(scope))
  if (isTerminal && !json) err('\r\u001b[K')
  const shown = problems.slice(0, problemsMax)
  if (json) out(`${JSON.stringify({ ...proof, problems: shown, problem_count: problems.length })}\n`)
  else {
    out(`${whole(proof.transfers)} transfers of ${whole(proof.payments)} payments in ${proof.shards} shards\n`)
    for (const problem of shown) out(`  ${problem}\n`)
    if (proof.archived > 0) {
      out(
        `${whole(proof.archived)} of them are archived, proved by the hash chain alone: --archive names where their files are\n`,
      )
    }
    if (problems.length === 0) out('journal, transfers, balances and payments agree; every currency sums to zero\n')
  }
  if (problems.length === 0) return
  throw new CliError(exitCodes.failed, `the ledger and the journal differ at ${problems.length} places`, {
    fix: 'shardpay journal verify tells whether the journal is whole; then shardpay projections rebuild makes the ledger anew',
  })
}

interface BalanceOptions {
  readonly day?: string
  readonly timeZone?: string
  readonly merchant?: string
}

interface TrialBalanceAnswer {
  readonly day: string
  readonly time_zone: string
  readonly closed: boolean
  readonly as_of: number
  readonly balances: readonly BalanceView[]
}

async function showBalance({ client, json, out }: CommandContext, options: BalanceOptions): Promise<void> {
  const { day, timeZone, merchant } = options
  const answer = await client.get<TrialBalanceAnswer>(
    `/ledger/trial-balance${queryOf({ day, time_zone: timeZone, merchant })}`,
  )
  if (json) return out(`${JSON.stringify(answer)}\n`)
  const standing = answer.closed ? 'closed' : `as of ${new Date(answer.as_of).toISOString()}`
  out(`trial balance at the end of ${answer.day}, ${answer.time_zone} (${standing}); minor units\n`)
  for (const { mode, currency, lines, debit_minor, credit_minor, balanced } of answer.balances) {
    out(`\n${mode} ${currency}\n`)
    out(
      table(lines, [
        { title: 'account', of: ({ account }) => account },
        { title: 'type', of: ({ type, clearing }) => (clearing ? `${type}, clearing` : type) },
        { title: 'debit', of: (line) => amountOf(line.debit_minor), right: true },
        { title: 'credit', of: (line) => amountOf(line.credit_minor), right: true },
      ]),
    )
    out(`sum without memorandum: ${debit_minor} debit, ${credit_minor} credit${balanced ? '' : ': NOT BALANCED'}\n`)
  }
  if (answer.balances.length === 0) out('nothing was booked\n')
}

interface ClearingAnswer {
  readonly accounts: readonly {
    readonly account: string
    readonly mode: string
    readonly currency: string
    readonly connection: string
    readonly balance_minor: string
    readonly age_days: number
  }[]
}

async function showClearing({ client, json, out }: CommandContext): Promise<void> {
  const answer = await client.get<ClearingAnswer>('/ledger/clearing')
  if (json) return out(`${JSON.stringify(answer)}\n`)
  out(
    table(
      answer.accounts,
      [
        { title: 'account', of: ({ account }) => account },
        { title: 'mode', of: ({ mode }) => mode },
        { title: 'connection', of: ({ connection }) => connection, flexible: true },
        { title: 'currency', of: ({ currency }) => currency },
        { title: 'balance', of: (line) => line.balance_minor, right: true },
        { title: 'days', of: (line) => line.age_days, right: true },
      ],
      'every clearing account is zero',
    ),
  )
}

interface ExportOptions {
  readonly from: string
  readonly to: string
  readonly timeZone?: string
  readonly account?: string
  readonly merchant?: string
}

/** The CSV file on stdout, as it comes. */
async function exportLedger({ client, out }: CommandContext, options: ExportOptions): Promise<void> {
  const { from, to, timeZone, account, merchant } = options
  const path = `/ledger/export${queryOf({ from, to, time_zone: timeZone, account, merchant })}`
  for await (const text of client.download(path)) out(text)
}

interface CloseOptions {
  readonly timeZone: string
  readonly reason?: string
}

async function closeMonth(context: CommandContext, month: string, options: CloseOptions): Promise<void> {
  const { client, json, out } = context
  const body = { month, time_zone: options.timeZone, reason: context.reason(options.reason) }
  const close = await client.send<{ readonly until: string }>('POST', '/ledger/closes', body)
  if (json) out(`${JSON.stringify(close)}\n`)
  else out(`${month} is closed: what is booked before ${close.until} no longer changes\n`)
}

function queryOf(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((each): each is [string, string] => each[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** Nothing stands on that side. */
function amountOf(minor: string): string {
  return minor === '0' ? '' : minor
}

/** `projections rebuild`: the tables that lists, balances and the ledger are answered from, made anew from the journal. */
import type { Command } from 'commander'
import type { JournalDatabase } from '../../persistence/journal-databases.ts'
import { keptSchema, ReadNextError, type ReadNextErrorCode } from '../../persistence/read-next.ts'
import type { ReadDifference } from '../../persistence/read-next-differences.ts'
import { maskSecrets } from '../../runtime/log.ts'
import type { ParkedShard } from '../read-builder.ts'
import { type RebuildProgress, type RebuildReport, rebuildReadSide } from '../read-rebuild.ts'
import { RebuildFailure, type RebuildFailureCode } from '../read-rebuild-failure.ts'
import type { CommandContext } from './context.ts'
import { provedDatabases } from './databases.ts'
import { CliError, exitCodes } from './errors.ts'
import { whole } from './output.ts'
import type { Add, ContextOf } from './program.ts'

const shownMax = 20
const progressEveryMs = 200

interface RebuildOptions {
  readonly dryRun?: true
  readonly keepOld?: true
}

export function projectionsCommands(program: Command, add: Add, contextOf: ContextOf): void {
  const projections = program
    .command('projections')
    .description('What lists, balances and the ledger are answered from. The journal has all of it.')
  add(projections, 'rebuild', 'Makes the tables anew from the journal and swaps them in, while payments go on.', [
    'projections rebuild --dry-run',
    'projections rebuild',
    'projections rebuild --keep-old --json',
  ])
    .option('--dry-run', 'tells how the live tables differ from the journal, and changes nothing')
    .option('--keep-old', `keeps the tables that are replaced, in the schema ${keptSchema}`)
    .action((options: RebuildOptions, command: Command) => rebuild(contextOf(command), options))
}

/** One database after the other. Exit 1 where something differs (dry run) or nothing was swapped. */
async function rebuild(context: CommandContext, options: RebuildOptions): Promise<void> {
  const { json, out } = context
  const isDryRun = options.dryRun === true
  const keepsOld = options.keepOld === true
  if (isDryRun && keepsOld) {
    throw new CliError(exitCodes.usage, '--dry-run replaces nothing, so there is nothing for --keep-old to keep')
  }
  const reports: (RebuildReport & JournalDatabase)[] = []
  try {
    for (const database of provedDatabases(context)) {
      const progress = progressLine(context, database)
      const report = await rebuildReadSide({ database, isDryRun, keepsOld, progress }).catch((cause: unknown) => {
        throw cliErrorOf(cause, database)
      })
      clearLine(context)
      reports.push({ ...database, ...report })
      if (!json) out(textOf(database, report, isDryRun))
    }
  } finally {
    clearLine(context)
    if (json && reports.length > 0) out(`${JSON.stringify({ dry_run: isDryRun, databases: reports.map(jsonOf) })}\n`)
  }
  const parked = reports.flatMap((report) => report.parked)
  if (parked.length > 0) {
    throw new CliError(exitCodes.failed, `decisions of ${parked.length} shards cannot be stored: nothing was swapped`, {
      fix: 'the live tables are as they were; shardpay journal show … tells what was decided there',
    })
  }
  const differing = reports.reduce((sum, { differenceCount, behind }) => sum + differenceCount + behind.length, 0)
  if (differing > 0) {
    throw new CliError(exitCodes.failed, `the live tables differ from the journal at ${differing} places`, {
      fix: 'shardpay journal verify tells whether the journal is whole; then rebuild without --dry-run',
    })
  }
}

function progressLine(
  { clock, err, isTerminal, json }: CommandContext,
  { first, last }: JournalDatabase,
): (progress: RebuildProgress) => void {
  let shownAt = -Infinity
  let shownPhase: string | undefined
  return ({ phase, rows, rowsTotal, rowsPerSecond, inUseBy }) => {
    if (!isTerminal || json) return
    const now = clock.monotonic()
    if (phase === shownPhase && now < shownAt + progressEveryMs) return
    shownAt = now
    shownPhase = phase
    const lag = `${whole(rowsTotal - rows)} to go`
    const waits = inUseBy === undefined ? '' : `, waiting for ${maskSecrets(inUseBy.join(', '))}`
    err(
      `\r\u001b[Kshards ${first}-${last}: ${phase}, ${whole(rows)} rows of the journal, ${whole(rowsPerSecond)}/s, ${lag}${waits}`,
    )
  }
}

function clearLine({ err, isTerminal, json }: CommandContext): void {
  if (isTerminal && !json) err('\r\u001b[K')
}

function textOf({ first, last }: JournalDatabase, report: RebuildReport, isDryRun: boolean): string {
  const { rows, seconds, parked, heldMs, differences, differenceCount, behind } = report
  const lines = [
    ...(report.hadLeftovers ? ['an interrupted rebuild had left tables behind: they were dropped'] : []),
    `shards ${first}-${last}: ${whole(rows)} rows of the journal in ${seconds.toFixed(1)} s (${whole(rows / Math.max(seconds, 0.001))}/s)`,
    ...parked.slice(0, shownMax).map((each) => `  ${parkedText(each)}`),
    ...behind.slice(0, shownMax).map(behindText),
    ...differences.slice(0, shownMax).map(differenceText),
  ]
  if (differenceCount > differences.length) lines.push(`  … and ${differenceCount - differences.length} more`)
  if (heldMs !== null) lines.push(`swapped: reads waited for ${heldMs.toFixed(0)} ms`)
  else if (parked.length > 0) lines.push('nothing was swapped')
  else if (isDryRun && differenceCount + behind.length === 0) lines.push('the live tables are what the journal says')
  if (report.leftBehind !== null) {
    lines.push(`tables that are needed no more could not be removed (${report.leftBehind}): the next rebuild does it`)
  }
  return lines.map((line) => `${line}\n`).join('')
}

function parkedText({ shard, position, reason }: ParkedShard): string {
  return `shard ${shard}, position ${position}: the decision cannot be stored: ${maskSecrets(reason)}`
}

function behindText({ shard, live, next }: RebuildReport['behind'][number]): string {
  return `  shard ${shard}: the live tables stand at position ${live}, the journal had ${next}`
}

function differenceText({ shard, table, missing, surplus, changed, examples }: ReadDifference): string {
  const sums = Object.entries({ missing, surplus, changed }).filter(([, count]) => count > 0)
  const what = sums.map(([name, count]) => `${whole(count)} ${name}`).join(', ')
  const where = shard === null ? 'all shards' : `shard ${shard}`
  return `  ${where}, ${table}: ${what} (${examples.join(', ')})`
}

function jsonOf({ first, last, ...report }: RebuildReport & JournalDatabase): object {
  const { rows, seconds, parked, behind, differences } = report
  return {
    ...{ first, last, rows, seconds, rows_per_second: Math.round(rows / Math.max(seconds, 0.001)) },
    ...{ swapped: report.heldMs !== null, held_ms: report.heldMs, had_leftovers: report.hadLeftovers },
    left_behind: report.leftBehind,
    parked: parked.map(({ reason, ...where }) => ({ ...where, reason: maskSecrets(reason) })),
    ...{ behind, differences, difference_count: report.differenceCount },
  }
}

const failures: Readonly<
  Record<ReadNextErrorCode | RebuildFailureCode, { readonly exit: 1 | 3; readonly fix: string }>
> = {
  rebuild_running: { exit: exitCodes.failed, fix: 'wait for it, or end the process that runs it' },
  rebuild_not_migrated: { exit: exitCodes.failed, fix: 'npm run migrate' },
  rebuild_not_owner: { exit: exitCodes.failed, fix: 'name the databases with the user that migrates them' },
  rebuild_old_kept: { exit: exitCodes.failed, fix: `DROP SCHEMA ${keptSchema} CASCADE when it is needed no more` },
  rebuild_replicated: {
    exit: exitCodes.failed,
    fix: 'drop the publication, rebuild, then prepare the replicas anew: docs/reading.md',
  },
  rebuild_definition: {
    exit: exitCodes.failed,
    fix: 'nothing was swapped; take away what no migration has made, or repeat it where a migration ran meanwhile',
  },
  rebuild_outcome_unknown: { exit: exitCodes.unreachable, fix: 'run it once more: that is right in either case' },
  rebuild_too_slow: { exit: exitCodes.failed, fix: 'nothing was swapped; repeat it when fewer payments come' },
  rebuild_in_use: {
    exit: exitCodes.failed,
    fix: 'nothing was swapped; end what reads for so long, or repeat it later',
  },
  rebuild_archived: {
    exit: exitCodes.failed,
    fix: 'nothing was swapped; shardpay journal restore puts their decisions back: docs/journal-archive.md',
  },
  rebuild_journal_broken: {
    exit: exitCodes.failed,
    fix: 'nothing was swapped; shardpay journal verify names the rows',
  },
}

function cliErrorOf(cause: unknown, { first, last }: JournalDatabase): CliError {
  const message = maskSecrets(cause instanceof Error ? cause.message : String(cause))
  if (cause instanceof ReadNextError || cause instanceof RebuildFailure) {
    const { exit, fix } = failures[cause.code]
    return new CliError(exit, `shards ${first}-${last}: ${message}`, { fix, code: cause.code, cause })
  }
  return new CliError(exitCodes.unreachable, `the database of shards ${first}-${last} did not answer: ${message}`, {
    fix: 'nothing was swapped; check the database and its migrations',
    cause,
  })
}

/** `payment show`, `journal show`, `journal verify`. */
import { readFileSync } from 'node:fs'
import type { ArchivedView, DecisionView } from '../../gateway/operator/routes/journal.ts'
import type { ClusterSummary } from '../../gateway/operator/views.ts'
import type { ChainHead } from '../../persistence/journal-chain-proof.ts'
import { maskSecrets } from '../../runtime/log.ts'
import { directoryOf, shardsOf } from './arguments.ts'
import type { CommandContext } from './context.ts'
import { namedDatabases, provedDatabases } from './databases.ts'
import { CliError, exitCodes } from './errors.ts'
import { proveJournalInThreads } from '../proof-threads.ts'
import { headsIn } from './journal-proof.ts'
import { ShardVerifier } from './journal-verify.ts'
import { plain, table, whole } from './output.ts'
import { webhooksOf, webhookTable } from './unknown-commands.ts'

const pageRows = 1_000
const problemsMax = 20

interface Page {
  /** Of an entity: where its first decisions are; of a shard: how many payments are archived. */
  readonly archived: ArchivedView | number | null
  readonly decisions: readonly DecisionView[]
  readonly next_after: number | null
}

interface PaymentAnswer {
  readonly id: string
  readonly shard: number
  readonly owner: string | null
  readonly epoch: number | null
  readonly payment: Readonly<Record<string, unknown>>
  readonly archived: ArchivedView | null
  readonly decisions: readonly DecisionView[]
}

export async function showPayment({ client, json, out }: CommandContext, id: string): Promise<void> {
  const answer = await client.get<PaymentAnswer>(`/payments/${encodeURIComponent(id)}`)
  const webhooks = await webhooksOf(client, id)
  if (json) return out(`${JSON.stringify({ ...answer, webhooks })}\n`)
  const { payment, shard, owner, epoch } = answer
  const { status } = payment['lifecycle'] as { readonly status: string }
  out(
    `${answer.id}: ${status}, ${String(payment['amountMinor'])} ${String(payment['currency'])} (minor units), ${String(payment['mode'])}\n`,
  )
  out(
    `merchant ${plain(String(payment['merchant']))} · shard ${shard}, on ${owner ?? 'no node'} under epoch ${epoch ?? '–'}\n\n`,
  )
  if (answer.archived !== null) out(archivedText(answer.archived))
  if (answer.archived === null || answer.decisions.length > 0) out(decisionTable(answer.decisions))
  out(webhooks.length === 0 ? '\nno webhooks\n' : `\n${webhookTable(webhooks)}`)
}

export async function showJournal({ client, json, out }: CommandContext, entity: string): Promise<void> {
  const decisions: DecisionView[] = []
  let archived: ArchivedView | null = null
  for await (const page of pages(client, `/journal/${encodeURIComponent(entity)}`)) {
    decisions.push(...page.decisions)
    if (typeof page.archived === 'object') archived ??= page.archived
  }
  if (json) return out(`${JSON.stringify({ entity, archived, decisions })}\n`)
  if (archived !== null) out(archivedText(archived))
  if (archived === null || decisions.length > 0) out(decisionTable(decisions))
}

function archivedText({ file, seq, closed_at: closedAt, archived_at: archivedAt }: ArchivedView): string {
  const decisions = seq === 1 ? 'decision 1 is' : `decisions 1 to ${seq} are`
  return (
    `archived ${archivedAt.slice(0, 19)}, closed since ${closedAt.slice(0, 19)} (UTC): ${decisions} in ${file}\n` +
    '  → shardpay journal restore <file> puts them back\n\n'
  )
}

function decisionTable(decisions: readonly DecisionView[]): string {
  return table(decisions, [
    { title: 'seq', of: ({ seq }) => seq, right: true },
    { title: 'at', of: ({ at }) => at.slice(0, 23).replace('T', ' ') },
    { title: 'node', of: ({ node }) => node ?? '–' },
    { title: 'epoch', of: ({ epoch }) => epoch, right: true },
    { title: 'decision', of: ({ type }) => type },
    {
      title: 'events',
      of: ({ events }) => events.map((event) => (event as { readonly type: string }).type).join(', '),
      flexible: true,
    },
  ])
}

export interface VerifyOptions {
  /** File with the heads that an earlier run printed. */
  readonly against?: string
  /** Directory of the files that payments were archived to. */
  readonly archive?: string
}

/**
 * Checks what docs/journal-format.md promises. Exit 1 where anything is wrong. Where databases are named it reads them and
 * proves the hash chain too; else it reads through the operators' API, which shows rows and no bytes.
 */
export async function verifyJournal(
  context: CommandContext,
  only: readonly string[],
  { against, archive }: VerifyOptions,
): Promise<void> {
  const { json, out, err, isTerminal } = context
  const shards = shardsOf(only)
  const progress = (shard: number, rows: number): void => {
    if (isTerminal && !json) err(`\r\u001b[Kshard ${shard}: ${whole(rows)} rows verified`)
  }
  const isOfDatabases = against !== undefined || archive !== undefined
  const databases = isOfDatabases ? provedDatabases(context) : namedDatabases(context)
  const scope = {
    ...(shards !== undefined && { shards }),
    ...(against !== undefined && { kept: readHeads(against) }),
    ...(archive !== undefined && { archive: directoryOf(archive) }),
    progress,
  }
  const proof =
    databases === undefined
      ? { ...(await verifyThroughApi(context.client, scope)), sealed: null, archived: null, files: null, heads: null }
      : await asked(proveJournalInThreads({ databases, ...scope }))
  if (isTerminal && !json) err('\r\u001b[K')
  const { problems } = proof
  if (json)
    out(`${JSON.stringify({ ...proof, problems: problems.slice(0, problemsMax), problem_count: problems.length })}\n`)
  else {
    out(`${whole(proof.rows)} rows of ${whole(proof.entities)} entities in ${proof.shards} shards\n`)
    for (const problem of problems.slice(0, problemsMax)) out(`  ${problem}\n`)
    if (problems.length === 0) out('positions gapless, sequences contiguous, epochs never fall\n')
    out(chainLine(proof.rows + (proof.archived?.rows ?? 0), proof.sealed))
    if (proof.archived !== null && proof.archived.payments > 0) out(archivedLine(proof.archived.payments, proof.files))
  }
  if (problems.length === 0) return
  throw new CliError(exitCodes.failed, `the journal breaks its promises at ${problems.length} places`, {
    fix: 'stop writing to it, and keep a copy: docs/journal-format.md says what must hold',
  })
}

function archivedLine(payments: number, files: readonly string[] | null): string {
  const what = `${whole(payments)} payments are archived`
  if (files === null) return `${what}: what stands in for them was proved, --archive proves their files\n`
  return `${what}: every row in ${files.length === 1 ? 'their file' : `their ${whole(files.length)} files`} was compared with the hash chain\n`
}

function chainLine(rows: number, sealed: number | null): string {
  if (sealed === null) return 'the hash chain was not read: set DATABASE_URL to prove it\n'
  const behind = rows === sealed ? '' : `, ${whole(rows - sealed)} are not sealed yet`
  return `${whole(sealed)} rows compared with the hash chain${behind}\n`
}

function readHeads(path: string): ReadonlyMap<number, ChainHead> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CliError(exitCodes.usage, `${path} cannot be read`, { cause })
  }
  const heads = headsIn(text)
  if (heads !== undefined) return heads
  throw new CliError(exitCodes.usage, `${path} holds no heads of the chain`, {
    fix: 'give what shardpay journal verify --json has printed',
  })
}

/** @throws {CliError} where a database did not answer to the end. */
export async function asked<Result>(proof: Promise<Result>): Promise<Result> {
  try {
    return await proof
  } catch (cause) {
    const why = maskSecrets(cause instanceof Error ? cause.message : String(cause))
    throw new CliError(exitCodes.unreachable, `a database could not be read to the end: ${why}`, {
      fix: 'check the database and its migrations; nothing is proved',
      cause,
    })
  }
}

interface Verified {
  readonly shards: number
  readonly rows: number
  readonly entities: number
  readonly problems: readonly string[]
}

async function verifyThroughApi(
  client: CommandContext['client'],
  {
    shards,
    progress,
  }: { readonly shards?: ReadonlySet<number>; readonly progress: (shard: number, rows: number) => void },
): Promise<Verified> {
  const total = (await client.get<ClusterSummary>('/cluster')).shards.total
  const verified = { shards: 0, rows: 0, entities: 0, problems: [] as string[] }
  for (const shard of shards ?? Array.from({ length: total }, (_, each) => each)) {
    const verifier = new ShardVerifier(String(shard))
    for await (const { archived, decisions } of pages(client, `/shards/${shard}/journal`)) {
      if (typeof archived === 'number' && archived > 0) {
        throw new CliError(exitCodes.failed, `${whole(archived)} payments of shard ${shard} are archived`, {
          fix: 'set DATABASE_URL or JOURNAL_DATABASE_URLS: what stands in for them is proved in the databases alone',
        })
      }
      for (const row of decisions) verifier.take({ ...row, at: Date.parse(row.at) })
    }
    verified.shards += 1
    verified.rows += verifier.rows
    verified.entities += verifier.entities
    verified.problems.push(...verifier.problems)
    progress(shard, verified.rows)
  }
  return verified
}

async function* pages(client: CommandContext['client'], path: string): AsyncGenerator<Page> {
  let after: number | null = 0
  while (after !== null) {
    const page: Page = await client.get<Page>(`${path}?limit=${pageRows}&after=${after}`)
    yield page
    after = page.next_after
  }
}

/** `payment show`, `journal show`, `journal verify`. */
import type { DecisionView } from '../../gateway/operator/routes/journal.ts'
import type { ClusterSummary } from '../../gateway/operator/views.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { ShardVerifier } from './journal-verify.ts'
import { plain, table, whole } from './output.ts'
import { webhooksOf, webhookTable } from './unknown-commands.ts'

const pageRows = 1_000
const problemsMax = 20

interface Page {
  readonly decisions: readonly DecisionView[]
  readonly next_after: number | null
}

interface PaymentAnswer {
  readonly id: string
  readonly shard: number
  readonly owner: string | null
  readonly epoch: number | null
  readonly payment: Readonly<Record<string, unknown>>
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
  out(decisionTable(answer.decisions))
  out(webhooks.length === 0 ? '\nno webhooks\n' : `\n${webhookTable(webhooks)}`)
}

export async function showJournal({ client, json, out }: CommandContext, entity: string): Promise<void> {
  const decisions: DecisionView[] = []
  for await (const page of pages(client, `/journal/${encodeURIComponent(entity)}`)) decisions.push(...page)
  if (json) return out(`${JSON.stringify({ entity, decisions })}\n`)
  out(decisionTable(decisions))
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

/** Reads whole shards and checks what docs/journal-format.md promises of them. Exit 1 where anything is wrong. */
export async function verifyJournal(context: CommandContext, only: readonly string[]): Promise<void> {
  const { client, json, out, err, isTerminal } = context
  const cluster = await client.get<ClusterSummary>('/cluster')
  const shards = only.length > 0 ? only : Array.from({ length: cluster.shards.total }, (_, shard) => String(shard))
  const problems: string[] = []
  let rows = 0
  let entities = 0
  for (const shard of shards) {
    const verifier = new ShardVerifier(shard)
    for await (const page of pages(client, `/shards/${encodeURIComponent(shard)}/journal`)) verifier.take(page)
    rows += verifier.rows
    entities += verifier.entities
    problems.push(...verifier.problems)
    if (isTerminal && !json) err(`\r\u001b[Kshard ${shard}: ${whole(rows)} rows verified`)
  }
  if (isTerminal && !json) err('\r\u001b[K')
  const result = {
    shards: shards.length,
    rows,
    entities,
    problems: problems.slice(0, problemsMax),
    problem_count: problems.length,
  }
  if (json) out(`${JSON.stringify(result)}\n`)
  else {
    out(`${whole(rows)} rows of ${whole(entities)} entities in ${shards.length} shards\n`)
    for (const problem of result.problems) out(`  ${problem}\n`)
    if (problems.length === 0) out('positions gapless, sequences contiguous, epochs never fall\n')
  }
  if (problems.length === 0) return
  throw new CliError(exitCodes.failed, `the journal breaks its promises at ${problems.length} places`, {
    fix: 'stop writing to it, and keep a copy: docs/journal-format.md says what must hold',
  })
}

async function* pages(client: CommandContext['client'], path: string): AsyncGenerator<readonly DecisionView[]> {
  let after: number | null = 0
  while (after !== null) {
    const page: Page = await client.get<Page>(`${path}?limit=${pageRows}&after=${after}`)
    yield page.decisions
    after = page.next_after
  }
}

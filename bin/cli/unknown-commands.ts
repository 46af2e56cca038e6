/** `unknowns …` and `webhooks list`: what nobody knows, what two people rule of it, and what PSPs pushed. */
import type { NoticeView } from '../../gateway/operator/routes/notices.ts'
import type { OperationView, ProposalView } from '../../gateway/operator/unknown-view.ts'
import type { CommandContext } from './context.ts'
import { instantOf, list } from './listing.ts'
import { plain, table } from './output.ts'

export async function listUnknowns({ client, json, out }: CommandContext): Promise<void> {
  const { rows, cut } = await list<OperationView>(client, '/unknowns?', 'unknowns')
  const unknowns = rows.toSorted((a, b) => ((a.since ?? '') < (b.since ?? '') ? -1 : 1))
  if (json) return out(`${JSON.stringify({ unknowns, cut })}\n`)
  out(
    table(unknowns, [
      { title: 'operation', of: ({ operation }) => operation },
      { title: 'amount', of: ({ amount, currency }) => `${amount} ${currency}`, right: true },
      { title: 'connection', of: ({ connection }) => connection, flexible: true },
      { title: 'since', of: ({ since }) => instantOf(since) },
      { title: 'asked', of: ({ inquiries }) => inquiries ?? '', right: true },
      { title: 'status', of: ({ status, proposal }) => (proposal === null ? status : `${proposal.outcome}?`) },
    ]),
  )
  const waiting = unknowns.filter(({ proposal }) => proposal !== null)
  for (const { operation, proposal } of waiting) if (proposal !== null) out(`\n${proposalText(operation, proposal)}`)
  if (cut) out(`\nonly the first ${rows.length} are shown\n`)
}

export interface ResolveOptions {
  readonly outcome: string
  readonly evidence: string
  readonly pspReference?: string
  readonly amount?: number
  readonly captured?: true
  readonly reason?: string
}

export async function resolveUnknown(
  context: CommandContext,
  operation: string,
  options: ResolveOptions,
): Promise<void> {
  const { client, json, out } = context
  const { outcome, evidence, pspReference, amount, captured } = options
  const view = await client.send<OperationView>('POST', pathOf(operation, 'resolve'), {
    ...{ outcome, evidence, reason: context.reason(options.reason) },
    ...(pspReference !== undefined && { psp_reference: pspReference }),
    ...(amount !== undefined && { amount }),
    ...(captured !== undefined && { captured }),
  })
  if (json) return out(`${JSON.stringify(view)}\n`)
  out(`${view.operation} is ruled ${outcome} once an approver agrees: shardpay unknowns approve ${view.operation}\n`)
}

export async function decideUnknown(
  context: CommandContext,
  operation: string,
  decision: 'approve' | 'reject',
  reason?: string,
): Promise<void> {
  const { client, json, out } = context
  const body = { reason: context.reason(reason) }
  const view = await client.send<OperationView>('POST', pathOf(operation, decision), body)
  if (json) return out(`${JSON.stringify(view)}\n`)
  out(
    decision === 'approve'
      ? `${view.operation} is ${view.status}, ${view.payment} is ${view.payment_status}\n`
      : `no ruling of ${view.operation} waits any more; it is ${view.status}\n`,
  )
}

export async function listWebhooks(
  { client, json, out }: CommandContext,
  { orphaned }: { readonly orphaned?: true },
): Promise<void> {
  const query = orphaned === true ? 'status=orphaned&' : ''
  const { rows: webhooks, cut } = await list<NoticeView>(client, `/notices?${query}`, 'notices')
  if (json) return out(`${JSON.stringify({ webhooks, cut })}\n`)
  out(webhookTable(webhooks))
  if (cut) out(`\nonly the first ${webhooks.length} are shown\n`)
}

export async function webhooksOf(client: CommandContext['client'], payment: string): Promise<readonly NoticeView[]> {
  return (await list<NoticeView>(client, `/notices?payment=${encodeURIComponent(payment)}&`, 'notices')).rows
}

export function webhookTable(webhooks: readonly NoticeView[]): string {
  return table(webhooks, [
    { title: 'received', of: ({ received_at: at }) => instantOf(at) },
    { title: 'connection', of: ({ connection }) => connection },
    { title: 'type', of: ({ type }) => type },
    { title: 'id', of: ({ id }) => id, flexible: true },
    { title: 'standing', of: ({ status, reason }) => (reason === null ? status : `${status}: ${reason}`) },
  ])
}

function proposalText(operation: string, proposal: ProposalView): string {
  const { outcome, psp_reference: reference, operator, evidence, reason, proposed_at: at } = proposal
  return plain(
    `${operation}: ${outcome}${reference === null ? '' : ` as ${reference}`}, proposed by ${operator} ${instantOf(at)}; ` +
      `evidence: ${evidence}; reason: ${reason}`,
  ).concat('\n')
}

function pathOf(operation: string, what: string): string {
  return `/unknowns/${encodeURIComponent(operation)}/${what}`
}

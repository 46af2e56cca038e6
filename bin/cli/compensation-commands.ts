/** `compensations …`: captured money that nobody wanted any more, given back by two people. */
import type { CompensationView } from '../../gateway/operator/compensation-view.ts'
import type { CommandContext } from './context.ts'
import { instantOf, list } from './listing.ts'
import { plain, table } from './output.ts'

export async function listCompensations({ client, json, out }: CommandContext): Promise<void> {
  const { rows, cut } = await list<CompensationView>(client, '/compensations?', 'compensations')
  const compensations = rows.toSorted((a, b) => ((a.captured_at ?? '') < (b.captured_at ?? '') ? -1 : 1))
  if (json) return out(`${JSON.stringify({ compensations, cut })}\n`)
  out(
    table(compensations, [
      { title: 'capture', of: ({ capture }) => capture },
      { title: 'amount', of: ({ amount, currency }) => `${amount} ${currency}`, right: true },
      { title: 'connection', of: ({ connection }) => connection, flexible: true },
      { title: 'captured', of: ({ captured_at: at }) => instantOf(at) },
      { title: 'payment', of: ({ payment_status: status }) => status },
      { title: 'proposed', of: ({ proposal }) => (proposal === null ? '' : 'yes') },
    ]),
  )
  for (const { capture, proposal } of compensations) {
    if (proposal === null) continue
    const { operator, proposed_at: at, reason } = proposal
    out(plain(`${capture}: proposed by ${operator} ${instantOf(at)}; reason: ${reason}`).concat('\n'))
  }
  if (cut) out(`\nonly the first ${rows.length} are shown\n`)
}

export async function changeCompensation(
  context: CommandContext,
  capture: string,
  step: 'propose' | 'approve' | 'reject',
  reason?: string,
): Promise<void> {
  const { client, json, out } = context
  const path = `/compensations/${encodeURIComponent(capture)}/${step}`
  const view = await client.send<CompensationView>('POST', path, { reason: context.reason(reason) })
  out(json ? `${JSON.stringify(view)}\n` : `${sentenceOf(view, step)}\n`)
}

function sentenceOf(view: CompensationView, step: 'propose' | 'approve' | 'reject'): string {
  const { capture, amount, currency, refund } = view
  switch (step) {
    case 'propose':
      return `${amount} ${currency} of ${capture} go back once an approver agrees: shardpay compensations approve ${capture}`
    case 'approve':
      return `${refund?.id ?? 'a refund'} of ${capture} is ${refund?.status ?? 'planned'}`
    case 'reject':
      return `nothing of ${capture} is proposed to go back any more`
  }
}

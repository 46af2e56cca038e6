/**
 * What Stripe's dispute events tell. An inquiry (`warning_*`) takes no money; the chargeback it may grow into is a later stage
 * of the same dispute, and an appeal one after that. Whether money was taken is said by the events of its own, and by the
 * movements that every dispute shows.
 */
import type { Notice, NoticeFact } from '../../domain/inbox/notice.ts'
import { ours } from './mapping.ts'
import { type EventDispute, readEventDispute, type StripeEvent } from './events-objects.ts'

type DisputeFact = Extract<NoticeFact, { readonly kind: 'dispute' }>
type Standing = Pick<DisputeFact, 'stage' | 'status'>

/** Every status that Stripe names. An inquiry that was closed, or kept from becoming a chargeback, is over without a loss. */
const standings: ReadonlyMap<string, Standing> = new Map<string, Standing>([
  ['warning_needs_response', { stage: 'inquiry', status: 'inquiry' }],
  ['warning_under_review', { stage: 'inquiry', status: 'inquiry' }],
  ['warning_closed', { stage: 'inquiry', status: 'won' }],
  ['prevented', { stage: 'inquiry', status: 'won' }],
  ['needs_response', { stage: 'chargeback', status: 'open' }],
  ['under_review', { stage: 'chargeback', status: 'open' }],
  ['won', { stage: 'chargeback', status: 'won' }],
  ['lost', { stage: 'chargeback', status: 'lost' }],
  ['appeal_needs_response', { stage: 'appeal', status: 'open' }],
  ['appeal_under_review', { stage: 'appeal', status: 'open' }],
])

export function tellDispute(event: StripeEvent): Pick<Notice, 'subject' | 'fact'> | undefined {
  const dispute = readEventDispute(event.object)
  if (dispute === undefined) return undefined
  const standing = standings.get(dispute.status)
  const money = ours(dispute.amount, dispute.currency)
  if (standing === undefined || money === undefined) return undefined
  const { id, charge, intent, evidenceBy } = dispute
  return {
    subject: { references: [id, charge, intent].filter((reference) => reference !== undefined) },
    fact: {
      kind: 'dispute',
      pspReference: id,
      ...standing,
      ...money,
      feeMinor: feeOf(dispute),
      fundsWithdrawn: isWithdrawn(event.type, dispute),
      ...(evidenceBy !== undefined && { evidenceBy: evidenceBy * 1000 }),
    },
  }
}

function isWithdrawn(type: string, { movements }: EventDispute): boolean {
  switch (type) {
    case 'charge.dispute.funds_withdrawn':
      return true
    case 'charge.dispute.funds_reinstated':
      return false
    default:
      return movements.reduce((sum, { amount }) => sum + amount, 0) < 0
  }
}

/** In the dispute's currency; a fee in another one is left to the settlement report, which has its rate. */
function feeOf({ movements, currency }: EventDispute): number {
  const fee = movements.filter((each) => each.currency === currency).reduce((sum, each) => sum + each.fee, 0)
  return Math.max(0, ours(fee, currency)?.amountMinor ?? 0)
}

/** What happens at a PSP without being asked for by us: refunds and cancels in its own pages, reversals, disputes, reports. */
import type { PaymentFact } from '../commands.ts'
import { heldMinor, type ModelPsp, refundableMinor, takenMinor } from './model-psp.ts'

export interface Doing {
  readonly pick: number
  readonly amountMinor: number
  readonly again: boolean
}

/** Does it in the PSP's book; the fact that tells us of it, or undefined where nothing of the kind is possible. */
export function pspPeople(psp: ModelPsp, { pick, amountMinor, again }: Doing, factId: string): PaymentFact | undefined {
  const authorizations = [...psp.authorizations.values()]
  const authorization = authorizations[pick % Math.max(1, authorizations.length)]
  if (authorization === undefined) return undefined
  const currency = 'EUR'
  const movement = { operationId: factId, reference: factId, declineClass: 'hard', final: false } as const
  const external = { type: 'RecordExternalOperation', pspReference: factId, currency, factId } as const
  switch (pick % 8) {
    case 0:
      if (amountMinor > refundableMinor(authorization)) return undefined
      authorization.refunds.push({ ...movement, amountMinor, status: 'succeeded' })
      return { ...external, kind: 'refund', amountMinor }
    case 1:
      if (amountMinor > heldMinor(authorization)) return undefined
      authorization.captures.push({ ...movement, amountMinor, status: 'succeeded' })
      return { ...external, kind: 'capture', amountMinor }
    case 2: {
      const held = heldMinor(authorization)
      if (held === 0) return undefined
      authorization.releasedMinor += held
      authorization.status = takenMinor(authorization) > 0 ? 'done' : 'canceled'
      return { ...external, kind: again ? 'void' : 'authorization_expired', amountMinor: held }
    }
    case 3: {
      const capture = authorization.captures.find(({ status }) => status === 'succeeded')
      if (capture === undefined || capture.operationId.startsWith('people')) return undefined
      capture.status = 'reversed'
      return {
        type: 'RecordReversal',
        operationId: capture.operationId,
        amountMinor: capture.amountMinor,
        currency,
        factId,
      }
    }
    case 4: {
      const refund = authorization.refunds.find(({ status }) => status === 'succeeded')
      if (refund === undefined || refund.operationId.startsWith('people')) return undefined
      refund.status = 'declined'
      return {
        type: 'RecordReversal',
        operationId: refund.operationId,
        amountMinor: refund.amountMinor,
        currency,
        factId,
      }
    }
    case 5:
    case 6: {
      const taken = takenMinor(authorization)
      if (taken === 0) return undefined
      const status = (['inquiry', 'open', 'won', 'lost'] as const)[amountMinor % 4] ?? 'open'
      return {
        type: 'RecordDispute',
        pspReference: `dispute of ${authorization.reference}`,
        stage: again ? 'chargeback' : 'second_chargeback',
        status,
        amountMinor: Math.min(amountMinor, taken),
        currency,
        feeMinor: pick % 2 === 0 ? 15 : 0,
        fundsWithdrawn: status === 'open' || status === 'lost',
        ...(again && { evidenceBy: 1_800_000_000_000 }),
        factId,
      }
    }
    default:
      return {
        type: 'RecordSettlementLine',
        lineKey: `line ${amountMinor}`,
        lineType: 'captured',
        grossMinor: again ? amountMinor : -amountMinor,
        feeMinor: amountMinor % 5,
        netMinor: (again ? amountMinor : -amountMinor) - (amountMinor % 5),
        currency,
        batch: 'batch 1',
      }
  }
}

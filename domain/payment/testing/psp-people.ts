/** What happens at a PSP without being asked for by us: refunds and cancels in its own pages, reversals, disputes, reports. */
import type { NoticeFact } from '../../inbox/notice.ts'
import type { PaymentCommand } from '../commands.ts'
import { type Authorization, heldMinor, type ModelPsp, refundableMinor, takenMinor } from './model-psp.ts'

export interface Doing {
  readonly pick: number
  readonly amountMinor: number
  readonly again: boolean
}

/** Does it in the PSP's book; what tells us of it, or undefined where nothing of the kind is possible. */
export function pspPeople(psp: ModelPsp, doing: Doing, factId: string): PaymentCommand | undefined {
  const authorizations = [...psp.authorizations.values()]
  const authorization = authorizations[doing.pick % Math.max(1, authorizations.length)]
  if (authorization === undefined) return undefined
  if (doing.pick % 8 === 7) return settlementLine(doing)
  const fact = done(authorization, doing, factId)
  if (fact === undefined) return undefined
  const { operationId, reference, connection } = authorization
  const subject = { operationId, references: [reference] }
  return { type: 'RecordNotice', connection, notice: { id: factId, type: fact.kind, subject, fact } }
}

function done(
  authorization: Authorization,
  { pick, amountMinor, again }: Doing,
  factId: string,
): NoticeFact | undefined {
  const currency = 'EUR'
  const movement = { operationId: factId, reference: factId, declineClass: 'hard', final: false } as const
  const outcome = { kind: 'succeeded', pspReference: factId, amountMinor, currency } as const
  switch (pick % 8) {
    case 0:
      if (amountMinor > refundableMinor(authorization)) return undefined
      authorization.refunds.push({ ...movement, amountMinor, status: 'succeeded' })
      return { kind: 'outcome', operation: 'refund', outcome }
    case 1:
      if (amountMinor > heldMinor(authorization)) return undefined
      authorization.captures.push({ ...movement, amountMinor, status: 'succeeded' })
      return { kind: 'outcome', operation: 'capture', outcome }
    case 2: {
      const held = heldMinor(authorization)
      if (held === 0) return undefined
      authorization.releasedMinor += held
      authorization.status = takenMinor(authorization) > 0 ? 'done' : 'canceled'
      return again
        ? { kind: 'outcome', operation: 'void', outcome: { ...outcome, amountMinor: held } }
        : { kind: 'authorization_expired', pspReference: authorization.reference, amountMinor: held, currency }
    }
    case 3:
    case 4: {
      const operation = pick % 8 === 3 ? 'capture' : 'refund'
      const movements = operation === 'capture' ? authorization.captures : authorization.refunds
      const taken = movements.find(({ status }) => status === 'succeeded')
      if (taken === undefined || taken.operationId.startsWith('people')) return undefined
      taken.status = operation === 'capture' ? 'reversed' : 'declined'
      return {
        kind: 'reversal',
        operation,
        pspReference: taken.reference,
        amountMinor: taken.amountMinor,
        currency,
      }
    }
    default: {
      const taken = takenMinor(authorization)
      if (taken === 0) return undefined
      const status = (['inquiry', 'open', 'won', 'lost'] as const)[amountMinor % 4] ?? 'open'
      return {
        kind: 'dispute',
        pspReference: `dispute of ${authorization.reference}`,
        stage: again ? 'chargeback' : 'second_chargeback',
        status,
        amountMinor: Math.min(amountMinor, taken),
        currency,
        feeMinor: pick % 2 === 0 ? 15 : 0,
        fundsWithdrawn: status === 'open' || status === 'lost',
        ...(again && { evidenceBy: 1_800_000_000_000 }),
      }
    }
  }
}

function settlementLine({ amountMinor, again }: Doing): PaymentCommand {
  return {
    type: 'RecordSettlementLine',
    lineKey: `line ${amountMinor}`,
    lineType: 'captured',
    grossMinor: again ? amountMinor : -amountMinor,
    feeMinor: amountMinor % 5,
    netMinor: (again ? amountMinor : -amountMinor) - (amountMinor % 5),
    currency: 'EUR',
    batch: 'batch 1',
  }
}

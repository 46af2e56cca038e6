/** Operations of payments, as routes of operators name them: where they are, what is committed of them, and who decides. */
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import type { PaymentAnswer } from '../../domain/payment/answers.ts'
import type { PaymentCommand } from '../../domain/payment/commands.ts'
import type { Payment } from '../../domain/payment/state.ts'
import { assert } from '../../runtime/assert.ts'
import { RefusalError } from '../problem.ts'
import { askAt } from './actions.ts'
import { foldPayment, paymentDecisionsMax, readable } from './committed.ts'
import type { OperationKey, OperatorEdge } from './deps.ts'

/** @throws {RefusalError} where it cannot be the id of an operation of one of the kinds. */
export function placeOf(operation: string, prefixes: readonly string[]): OperationKey {
  const { prefix, paymentId } = parseOperationId(operation) ?? {}
  const isOfKind = prefix !== undefined && prefixes.includes(prefix)
  const address = paymentId === undefined || !isOfKind ? undefined : addressOfPayment(paymentId)
  if (address === undefined) throw new RefusalError({ code: 'id_format', param: 'operation' })
  return { ...address, operation }
}

export interface OperationPage {
  readonly keys: readonly OperationKey[]
  /** The last one's id where there are more, to go on after; null at the end. */
  readonly nextAfter: string | null
}

/** @param found as many as were wanted, and one more where there is one. */
export function pageOf(found: readonly OperationKey[], limit: number): OperationPage {
  const keys = found.slice(0, limit)
  return { keys, nextAfter: found.length > limit ? (keys.at(-1)?.operation ?? null) : null }
}

/** What `view` makes of each operation and its payment as committed, in the keys' order; what it makes nothing of is left out. */
export async function viewsOf<View>(
  edge: OperatorEdge,
  keys: readonly OperationKey[],
  view: (payment: Payment, operation: string) => View | undefined,
): Promise<readonly View[]> {
  const entities = [...new Map(keys.map((key) => [key.entity, key])).values()]
  const rows = Map.groupBy(
    await readable(edge, edge.reader.decisions(entities, paymentDecisionsMax)),
    ({ entity }) => entity,
  )
  const archived = new Map(
    (await readable(edge, edge.journal.archived(entities))).map((payment) => [payment.entity, payment]),
  )
  const payments = new Map(
    entities.map(({ entity }) => [entity, foldPayment(rows.get(entity) ?? [], archived.get(entity))]),
  )
  return keys.flatMap(({ entity, operation }) => {
    const payment = payments.get(entity)
    return (payment && view(payment, operation)) ?? []
  })
}

/** @returns the payment as it is then. @throws {RefusalError} what the payment refused, or that it did not answer. */
export async function tellPayment(edge: OperatorEdge, place: OperationKey, command: PaymentCommand): Promise<Payment> {
  const { shard, entity } = place
  const answer = await askAt<PaymentAnswer>(edge, 'payment', { shard, entity }, 'settle', command)
  if (answer.kind === 'rejected') {
    const { rejection } = answer
    throw new RefusalError({ code: rejection.code, ...('param' in rejection && { param: rejection.param }) })
  }
  assert(answer.kind === 'payment', 'what two people decide is no merchant’s request', { kind: answer.kind })
  return answer.state
}

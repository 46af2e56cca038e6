/**
 * Operations whose outcome nobody knows, and what two people rule of them: an operator proposes with evidence, an approver
 * approves or refuses. The payment decides whether a ruling may be made; both words are in its journal and in the
 * operators' log.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { DecideResolution, ProposeResolution } from '../../../domain/payment/commands.ts'
import { findOperation, inDoubt } from '../../../domain/payment/derive.ts'
import type { RuledOutcome } from '../../../domain/payment/operations.ts'
import type { Operation, Payment } from '../../../domain/payment/state.ts'
import { assert } from '../../../runtime/assert.ts'
import { RefusalError } from '../../problem.ts'
import { act, recordReading } from '../actions.ts'
import { committedPayment, readable } from '../committed.ts'
import type { OperationKey, OperatorEdge } from '../deps.ts'
import { pageOf, placeOf, tellPayment, viewsOf } from '../operation-place.ts'
import { lookupDefault, NoQuery, OperationParams, ReasonBody, ResolveBody, UnknownsQuery } from '../schemas.ts'
import { type OperationView, operationView } from '../unknown-view.ts'

type OfOperation = { Params: Static<typeof OperationParams> }
type Deciding = OfOperation & { Body: Static<typeof ReasonBody> }

export function unknownRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get<{ Querystring: Static<typeof UnknownsQuery> }>(
    '/ops/v1/unknowns',
    { config: { access: 'read' }, schema: { querystring: UnknownsQuery } },
    async (request) => {
      const { limit = lookupDefault, after } = request.query
      await recordReading(edge, request, 'unknowns')
      const place = after === undefined ? undefined : operationPlace(after)
      const { keys, nextAfter } = pageOf(await readable(edge, edge.reader.inDoubt(place, limit + 1)), limit)
      return { unknowns: await viewsOf(edge, keys, stillInDoubt), next_after: nextAfter }
    },
  )

  app.post<OfOperation & { Body: Static<typeof ResolveBody> }>(
    '/ops/v1/unknowns/:operation/resolve',
    { config: { access: 'operate' }, schema: { params: OperationParams, querystring: NoQuery, body: ResolveBody } },
    async (request, reply) => {
      const place = operationPlace(request.params.operation)
      const { evidence, reason, psp_reference: pspReference } = request.body
      const { payment, operation } = await operationAt(edge, place)
      const outcome = ruledOutcome(request.body, payment, operation)
      const action = {
        ...{ kind: 'unknown.resolve', subject: operation.id, reason },
        parameters: { outcome: outcome.kind, evidence, ...(pspReference !== undefined && { pspReference }) },
      }
      const view = await act(edge, request, action, ({ name }) =>
        tell(edge, place, {
          ...{ type: 'ProposeResolution', operationId: operation.id, outcome, operator: name, evidence, reason },
        }),
      )
      return reply.code(202).send(view)
    },
  )

  const decide = (request: FastifyRequest<Deciding>, approve: boolean): Promise<OperationView> => {
    const place = operationPlace(request.params.operation)
    const { operation } = place
    const kind = approve ? 'unknown.approve' : 'unknown.reject'
    return act(edge, request, { kind, subject: operation, reason: request.body.reason }, ({ name }) =>
      tell(edge, place, { type: 'DecideResolution', operationId: operation, approver: name, approve }),
    )
  }
  const schema = { params: OperationParams, querystring: NoQuery, body: ReasonBody }
  app.post<Deciding>('/ops/v1/unknowns/:operation/approve', { config: { access: 'approve' }, schema }, (request) =>
    decide(request, true),
  )
  app.post<Deciding>('/ops/v1/unknowns/:operation/reject', { config: { access: 'review' }, schema }, (request) =>
    decide(request, false),
  )
}

/** One that has ended since it was listed is left out. */
function stillInDoubt(payment: Payment, id: string): OperationView | undefined {
  const operation = findOperation(payment, id)
  return operation === undefined || !inDoubt(operation) ? undefined : operationView(payment, operation)
}

/** @throws {RefusalError} where it cannot be an operation's id. */
function operationPlace(operation: string): OperationKey {
  return placeOf(operation, ['att', 'cap', 'void', 're'])
}

/** @throws {RefusalError} where there is none. */
async function operationAt(
  edge: OperatorEdge,
  place: OperationKey,
): Promise<{ readonly payment: Payment; readonly operation: Operation }> {
  const payment = (await committedPayment(edge, place))?.payment
  const operation = payment && findOperation(payment, place.operation)
  if (payment === undefined || operation === undefined) throw new RefusalError({ code: 'operation_unknown' })
  return { payment, operation }
}

/** What was not said is as the operation asked for it. @throws {RefusalError} */
function ruledOutcome(body: Static<typeof ResolveBody>, payment: Payment, operation: Operation): RuledOutcome {
  const { outcome, psp_reference: pspReference, amount, captured } = body
  if (outcome !== 'succeeded') {
    const param = amount !== undefined ? 'amount' : captured === undefined ? undefined : 'captured'
    if (param !== undefined) {
      throw new RefusalError({ code: 'parameter_invalid', param, message: `${param} belongs to a success.` })
    }
    if (outcome === 'absent') return { kind: 'absent' }
    const decline = { class: 'soft', code: 'generic_decline' } as const
    return { kind: 'declined', decline, ...(pspReference !== undefined && { pspReference }) }
  }
  if (pspReference === undefined) throw new RefusalError({ code: 'parameter_missing', param: 'psp_reference' })
  if (captured !== undefined && operation.kind !== 'authorize') {
    const message = 'captured is said of authorizations alone.'
    throw new RefusalError({ code: 'parameter_invalid', param: 'captured', message })
  }
  return {
    ...{ kind: 'succeeded', pspReference, currency: payment.currency },
    amountMinor: amount ?? operation.amountMinor,
    ...(captured !== undefined && { captured }),
  }
}

async function tell(
  edge: OperatorEdge,
  place: OperationKey,
  command: ProposeResolution | DecideResolution,
): Promise<OperationView> {
  const payment = await tellPayment(edge, place, command)
  const operation = findOperation(payment, place.operation)
  assert(operation !== undefined, 'what was ruled of is an operation', { operation: place.operation })
  return operationView(payment, operation)
}

/**
 * Captured money that nobody wanted any more, and what two people do about it: an operator proposes to give it back, an approver
 * agrees or refuses. The payment decides what there is to give back; both words are in its journal and in the operators' log.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { DecideCompensation, ProposeCompensation } from '../../../domain/payment/commands.ts'
import { compensableMinor } from '../../../domain/payment/derive.ts'
import type { Capture, Payment } from '../../../domain/payment/state.ts'
import { assert } from '../../../runtime/assert.ts'
import { act, recordReading } from '../actions.ts'
import { readable } from '../committed.ts'
import { type CompensationView, compensationView } from '../compensation-view.ts'
import type { OperationKey, OperatorEdge } from '../deps.ts'
import { pageOf, placeOf, tellPayment, viewsOf } from '../operation-place.ts'
import { CompensationsQuery, lookupDefault, NoQuery, OperationParams, ReasonBody } from '../schemas.ts'

type Deciding = { Params: Static<typeof OperationParams>; Body: Static<typeof ReasonBody> }

export function compensationRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get<{ Querystring: Static<typeof CompensationsQuery> }>(
    '/ops/v1/compensations',
    { config: { access: 'read' }, schema: { querystring: CompensationsQuery } },
    async (request) => {
      const { limit = lookupDefault, after } = request.query
      await recordReading(edge, request, 'compensations')
      const place = after === undefined ? undefined : captureAt(after)
      const { keys, nextAfter } = pageOf(await readable(edge, edge.reader.compensable(place, limit + 1)), limit)
      return { compensations: await viewsOf(edge, keys, stillThere), next_after: nextAfter }
    },
  )

  const schema = { params: OperationParams, querystring: NoQuery, body: ReasonBody }
  app.post<Deciding>(
    '/ops/v1/compensations/:operation/propose',
    { config: { access: 'operate' }, schema },
    async (request, reply) => {
      const place = captureAt(request.params.operation)
      const { operation: operationId } = place
      const { reason } = request.body
      const view = await act(
        edge,
        request,
        { kind: 'compensation.propose', subject: operationId, reason },
        ({ name }) => tell(edge, place, { type: 'ProposeCompensation', operationId, operator: name, reason }),
      )
      return reply.code(202).send(view)
    },
  )

  const decide = (request: FastifyRequest<Deciding>, approve: boolean): Promise<CompensationView> => {
    const place = captureAt(request.params.operation)
    const { operation: operationId } = place
    const kind = approve ? 'compensation.approve' : 'compensation.reject'
    return act(edge, request, { kind, subject: operationId, reason: request.body.reason }, ({ name }) =>
      tell(edge, place, { type: 'DecideCompensation', operationId, approver: name, approve }),
    )
  }
  app.post<Deciding>('/ops/v1/compensations/:operation/approve', { config: { access: 'approve' }, schema }, (request) =>
    decide(request, true),
  )
  app.post<Deciding>('/ops/v1/compensations/:operation/reject', { config: { access: 'review' }, schema }, (request) =>
    decide(request, false),
  )
}

/** @throws {RefusalError} where it cannot be a capture's id. */
function captureAt(operation: string): OperationKey {
  return placeOf(operation, ['cap'])
}

/** What has gone back since it was listed is left out. */
function stillThere(payment: Payment, id: string): CompensationView | undefined {
  const capture = captureOf(payment, id)
  return capture === undefined || compensableMinor(payment, capture) === 0
    ? undefined
    : compensationView(payment, capture)
}

async function tell(
  edge: OperatorEdge,
  place: OperationKey,
  command: ProposeCompensation | DecideCompensation,
): Promise<CompensationView> {
  const payment = await tellPayment(edge, place, command)
  const capture = captureOf(payment, place.operation)
  assert(capture !== undefined, 'what is compensated is a capture', { operation: place.operation })
  return compensationView(payment, capture)
}

function captureOf({ captures }: Payment, id: string): Capture | undefined {
  return captures.find((capture) => capture.id === id)
}

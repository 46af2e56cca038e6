/** The operators' log: who did what and why, and what became of it. Reading it is recorded in it. */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { ActionLogEntry } from '../../../domain/operator/action-log.ts'
import { dayOf, listActions, recordReading } from '../actions.ts'
import type { OperatorEdge } from '../deps.ts'
import { ActionsQuery, pageDefault } from '../schemas.ts'
import { iso } from '../views.ts'

export function auditRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get<{ Querystring: Static<typeof ActionsQuery> }>(
    '/ops/v1/actions',
    { config: { access: 'audit' }, schema: { querystring: ActionsQuery } },
    async (request) => {
      const { day = dayOf(edge.clock.now()), limit = pageDefault, after = '0' } = request.query
      await recordReading(edge, request, `actions:${day}`)
      const { entries, more } = await listActions(edge, day, Number(after), limit)
      return { day, entries: entries.map(entryView), next_after: more ? (entries.at(-1)?.seq ?? null) : null }
    },
  )
}

function entryView({ seq, at, event }: ActionLogEntry): object {
  const head = { seq, at: iso(at) }
  switch (event.type) {
    case 'ActionBegun': {
      const { id, operator, role, kind, subject, reason, parameters, requestId } = event
      return { ...head, type: 'begun', id, operator, role, kind, subject, reason, parameters, request_id: requestId }
    }
    case 'ActionEnded':
      return { ...head, type: 'ended', id: event.id, outcome: event.outcome, code: event.code ?? null }
    default:
      return { ...head, type: 'read', operator: event.operator, role: event.role, subject: event.subject }
  }
}

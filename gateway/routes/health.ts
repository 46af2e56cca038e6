/** `/livez`: the process answers. `/readyz`: it should be sent requests. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Edge } from '../deps.ts'
import { operation } from '../operation.ts'
import { closedObject, oneOf } from '../schema.ts'

const LiveSchema = closedObject({ status: oneOf('ok') }, { description: 'It is alive.' })
const ReadySchema = closedObject(
  { status: oneOf('ready', 'not_ready'), reasons: Type.Array(Type.String()) },
  { description: 'Whether it is ready, and why not.' },
)

export function healthRoutes(app: FastifyInstance, edge: Edge): void {
  app.get(
    '/livez',
    {
      schema: {
        ...operation('getLiveness', 'Service', 'Is the process alive', 'It answers, so it is.'),
        response: { 200: LiveSchema },
      },
    },
    () => ({ status: 'ok' }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        ...operation(
          'getReadiness',
          'Service',
          'Should the process be sent requests',
          '503 with the reasons while it should not: it is stopping, or cannot reach its journal.',
        ),
        response: { 200: ReadySchema, 503: ReadySchema },
      },
    },
    (_request, reply) => {
      const { ready, reasons } = edge.readiness()
      const all = edge.directory.stale ? [...reasons, 'configuration_unavailable'] : reasons
      const status = ready && !edge.directory.stale ? 'ready' : 'not_ready'
      return reply.code(status === 'ready' ? 200 : 503).send({ status, reasons: all })
    },
  )
}

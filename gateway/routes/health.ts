/** `/livez`: the process answers. `/readyz`: it should be sent requests. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Edge } from '../deps.ts'
import { closedObject, oneOf } from '../schema.ts'

const LiveSchema = closedObject({ status: oneOf('ok') })
const ReadySchema = closedObject({ status: oneOf('ready', 'not_ready'), reasons: Type.Array(Type.String()) })

export function healthRoutes(app: FastifyInstance, edge: Edge): void {
  app.get('/livez', { schema: { response: { 200: LiveSchema } } }, () => ({ status: 'ok' }))

  app.get('/readyz', { schema: { response: { 200: ReadySchema, 503: ReadySchema } } }, (_request, reply) => {
    const { ready, reasons } = edge.readiness()
    const all = edge.directory.stale ? [...reasons, 'configuration_unavailable'] : reasons
    const status = ready && !edge.directory.stale ? 'ready' : 'not_ready'
    return reply.code(status === 'ready' ? 200 : 503).send({ status, reasons: all })
  })
}

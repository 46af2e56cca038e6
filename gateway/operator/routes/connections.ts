/**
 * The register of PSP connections. A connection names the setting under which processes find its secret; the secret never
 * travels here. `served`: the running nodes have a connector of this name.
 */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import {
  type PspConnectionsAnswer,
  type PspConnectionsCommand,
  pspConnectionsName,
  type RegisteredConnection,
} from '../../../domain/operator/psp-connections.ts'
import { RefusalError } from '../../problem.ts'
import { act, ask } from '../actions.ts'
import type { OperatorEdge } from '../deps.ts'
import { AddConnectionBody, NoQuery } from '../schemas.ts'
import { iso } from '../views.ts'

export function connectionRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  const send = (trafficClass: 'read' | 'settle', command: PspConnectionsCommand) =>
    ask<PspConnectionsAnswer>(edge, 'psp_connections', pspConnectionsName, trafficClass, command)

  app.get('/ops/v1/psp-connections', { config: { access: 'read' }, schema: { querystring: NoQuery } }, async () => ({
    psp_connections: listed(edge, accepted(await send('read', { type: 'ReadPspConnections' }))),
  }))

  app.post<{ Body: Static<typeof AddConnectionBody> }>(
    '/ops/v1/psp-connections',
    { config: { access: 'operate' }, schema: { body: AddConnectionBody } },
    async (request, reply) => {
      const { name, psp, mode, secret_setting: secretSetting, reason } = request.body
      const action = { kind: 'psp_connection.add', subject: name, reason, parameters: { psp, mode, secretSetting } }
      const connections = await act(edge, request, action, async (operator) => {
        const connection = { name, psp, mode, secretSetting }
        return accepted(await send('settle', { type: 'AddPspConnection', connection, operator: operator.name, reason }))
      })
      return reply.code(201).send(listed(edge, connections).find((each) => each.name === name))
    },
  )
}

function accepted(answer: PspConnectionsAnswer): readonly RegisteredConnection[] {
  if (answer.kind === 'connections') return answer.connections
  const { rejection } = answer
  if (rejection.code === 'parameter_invalid') throw new RefusalError({ ...rejection, ...hints[rejection.param] })
  throw new RefusalError(rejection)
}

const hints: Readonly<Record<string, { readonly message: string }>> = {
  name: { message: 'name must be lower-case letters, digits, _ and -, and end with -test or -live, as its mode is.' },
  secret_setting: {
    message: 'secret_setting must name a setting of a file, with the mode in it: SHARDPAY_STRIPE_LIVE_SECRET_KEY_FILE.',
  },
}

export interface ConnectionView {
  readonly name: string
  readonly psp: string
  readonly mode: string
  readonly secret_setting: string | null
  readonly added_at: string | null
  readonly added_by: string | null
  readonly served: boolean
}

/** The registered ones, then those that nodes were started with without being registered. */
function listed(edge: OperatorEdge, registered: readonly RegisteredConnection[]): readonly ConnectionView[] {
  const served = edge.servedConnections?.() ?? []
  const rest = served.filter((name) => !registered.some((each) => each.name === name))
  return [
    ...registered.map(({ name, psp, mode, secretSetting, addedAt, addedBy }) => ({
      ...{ name, psp, mode, secret_setting: secretSetting, added_at: iso(addedAt), added_by: addedBy },
      served: served.includes(name),
    })),
    ...rest.map((name) => ({
      ...{ name, psp: name.split('-')[0] ?? '', mode: name.endsWith('-live') ? 'live' : 'test' },
      ...{ secret_setting: null, added_at: null, added_by: null, served: true },
    })),
  ]
}

/**
 * The register of PSP connections. A connection names the settings under which processes find its secrets; a secret never
 * travels here.
 */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import {
  type PspConnectionsAnswer,
  type PspConnectionSettings,
  type PspConnectionsCommand,
  pspConnectionsName,
  type RegisteredConnection,
} from '../../../domain/operator/psp-connections.ts'
import { RefusalError } from '../../problem.ts'
import { act, ask } from '../actions.ts'
import type { OperatorEdge } from '../deps.ts'
import { AddConnectionBody, ChangeConnectionBody, type ConnectionSettingsBody, NoQuery } from '../schemas.ts'
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
      const { name, psp, mode, reason } = request.body
      const settings = settingsOf(request.body)
      const action = { kind: 'psp_connection.add', subject: name, reason, parameters: { psp, mode, ...settings } }
      const connections = await act(edge, request, action, async (operator) => {
        const connection = { name, psp, mode, ...settings }
        return accepted(await send('settle', { type: 'AddPspConnection', connection, operator: operator.name, reason }))
      })
      return reply.code(201).send(listed(edge, connections).find((each) => each.name === name))
    },
  )

  app.put<{ Params: { name: string }; Body: Static<typeof ChangeConnectionBody> }>(
    '/ops/v1/psp-connections/:name',
    { config: { access: 'operate' }, schema: { body: ChangeConnectionBody } },
    async (request, reply) => {
      const { name } = request.params
      const { reason } = request.body
      const settings = settingsOf(request.body)
      const action = { kind: 'psp_connection.change', subject: name, reason, parameters: { ...settings } }
      const connections = await act(edge, request, action, async (operator) =>
        accepted(
          await send('settle', { type: 'ChangePspConnection', name, settings, operator: operator.name, reason }),
        ),
      )
      return reply.send(listed(edge, connections).find((each) => each.name === name))
    },
  )
}

function settingsOf(body: ConnectionSettingsBody): PspConnectionSettings {
  const { secret_setting, webhook_secret_setting, webhook_login_setting, merchant_account, url, multicapture } = body
  return {
    secretSetting: secret_setting,
    ...(webhook_secret_setting !== undefined && { webhookSecretSetting: webhook_secret_setting }),
    ...(webhook_login_setting !== undefined && { webhookLoginSetting: webhook_login_setting }),
    ...(merchant_account !== undefined && { merchantAccount: merchant_account }),
    ...(url !== undefined && { url }),
    ...(multicapture !== undefined && { multicapture }),
  }
}

function accepted(answer: PspConnectionsAnswer): readonly RegisteredConnection[] {
  if (answer.kind === 'connections') return answer.connections
  const { rejection } = answer
  if (rejection.code === 'parameter_invalid') throw new RefusalError({ ...rejection, ...hints[rejection.param] })
  throw new RefusalError(rejection)
}

const settingHint = {
  message: 'A setting names a file, with the mode in its name: SHARDPAY_STRIPE_LIVE_SECRET_KEY_FILE.',
}
const hints: Readonly<Record<string, { readonly message: string }>> = {
  name: { message: 'name must be lower-case letters, digits, _ and -, and end with -test or -live, as its mode is.' },
  secret_setting: settingHint,
  webhook_secret_setting: settingHint,
  webhook_login_setting: {
    message:
      'Webhooks of Adyen need a login beside the secret, those of Stripe have none; a setting names a file, with the mode in its name.',
  },
  merchant_account: {
    message:
      'A connection to Adyen needs the merchant account, and keeps it: another account is another connection. One to Stripe has none.',
  },
  multicapture: { message: 'Only a connection to Adyen can take several captures of one authorization.' },
  url: {
    message:
      'url is scheme, host and port, and stays as it is in live mode. A live connection to Adyen needs it: https://<prefix>-checkout-live.adyenpayments.com.',
  },
}

export interface ConnectionView {
  readonly name: string
  readonly psp: string
  readonly mode: string
  readonly secret_setting: string
  readonly webhook_secret_setting: string | null
  readonly webhook_login_setting: string | null
  readonly merchant_account: string | null
  readonly url: string | null
  readonly multicapture: boolean
  readonly added_at: string
  readonly added_by: string
  /** A running node has a connector of this name. */
  readonly served: boolean
}

function listed(edge: OperatorEdge, registered: readonly RegisteredConnection[]): readonly ConnectionView[] {
  const served = edge.servedConnections?.() ?? []
  return registered.map((each) => ({
    name: each.name,
    psp: each.psp,
    mode: each.mode,
    secret_setting: each.secretSetting,
    webhook_secret_setting: each.webhookSecretSetting ?? null,
    webhook_login_setting: each.webhookLoginSetting ?? null,
    merchant_account: each.merchantAccount ?? null,
    url: each.url ?? null,
    multicapture: each.multicapture ?? false,
    added_at: iso(each.addedAt),
    added_by: each.addedBy,
    served: served.includes(each.name),
  }))
}

/** `merchant …` and `psp-connection …`. */
import type { ConnectionView } from '../../gateway/operator/routes/connections.ts'
import type { MerchantView } from '../../gateway/operator/routes/merchants.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { plain, table } from './output.ts'

export async function listMerchants({ client, json, out }: CommandContext): Promise<void> {
  const answer = await client.get<{ merchants: readonly MerchantView[] }>('/merchants')
  if (json) return out(`${JSON.stringify(answer)}\n`)
  out(
    table(answer.merchants, [
      { title: 'merchant', of: ({ id }) => id },
      { title: 'status', of: ({ status }) => status },
      { title: 'rate tier', of: ({ rate_tier: tier }) => tier },
      { title: 'routes', of: ({ routes }) => routes.length, right: true },
      { title: 'working keys', of: ({ keys }) => workingKeys(keys), flexible: true },
      { title: 'name', of: ({ name }) => name.slice(0, 30) },
    ]),
  )
}

function workingKeys(keys: MerchantView['keys']): string {
  const working = keys.filter(({ revoked_at: revoked }) => revoked === null)
  return working.map(({ prefix }) => prefix).join(' ')
}

export async function createMerchant(
  context: CommandContext,
  id: string,
  options: {
    readonly name: string
    readonly rateTier?: string
    readonly route: readonly string[]
    readonly reason?: string
  },
): Promise<void> {
  const { client, json, out } = context
  const { name, rateTier, route } = options
  const merchant = await client.send<MerchantView>('POST', '/merchants', {
    ...{ id, name, routes: route.map(routeOf), reason: context.reason(options.reason) },
    ...(rateTier !== undefined && { rate_tier: rateTier }),
  })
  if (json) return out(`${JSON.stringify(merchant)}\n`)
  out(
    `${merchant.id} is ${merchant.status}, ${merchant.routes.length} routes; a key: shardpay merchant key add ${merchant.id} --mode test\n`,
  )
}

/** `stripe-test` or `stripe-live`: the mode is how a connection's name ends. */
function routeOf(connection: string): { readonly connection: string; readonly mode: string } {
  const mode = /-(test|live)$/.exec(connection)?.[1]
  if (mode !== undefined) return { connection, mode }
  throw new CliError(exitCodes.usage, `--route ${plain(connection)} does not say its mode`, {
    fix: 'a connection’s name ends with -test or -live',
  })
}

export async function changeMerchant(
  context: CommandContext,
  id: string,
  change: 'suspend' | 'resume',
  reason?: string,
): Promise<void> {
  const { client, json, out } = context
  const path = `/merchants/${encodeURIComponent(id)}/${change}`
  const merchant = await client.send<MerchantView>('POST', path, { reason: context.reason(reason) })
  out(json ? `${JSON.stringify(merchant)}\n` : `${merchant.id} is ${merchant.status}\n`)
}

export async function addKey(
  context: CommandContext,
  id: string,
  options: { readonly mode: string; readonly scope: readonly string[]; readonly reason?: string },
): Promise<void> {
  const { client, json, out, err } = context
  const { mode, scope } = options
  const path = `/merchants/${encodeURIComponent(id)}/keys`
  const key = await client.send<{ readonly secret: string; readonly id: string }>('POST', path, {
    ...{ mode, reason: context.reason(options.reason) },
    ...(scope.length > 0 && { scopes: scope }),
  })
  if (json) return out(`${JSON.stringify(key)}\n`)
  // the key alone on stdout, for pipes into a secret store
  err(`API key ${key.id}, shown this once and kept nowhere:\n`)
  out(`${key.secret}\n`)
}

export async function revokeKey(context: CommandContext, id: string, key: string, reason?: string): Promise<void> {
  const { client, json, out } = context
  const path = `/merchants/${encodeURIComponent(id)}/keys/${encodeURIComponent(key)}`
  const answer = await client.send<{ readonly prefix: string }>('DELETE', path, { reason: context.reason(reason) })
  out(json ? `${JSON.stringify(answer)}\n` : `${answer.prefix} is revoked; gateways refuse it within a second\n`)
}

export async function listConnections({ client, json, out }: CommandContext): Promise<void> {
  const answer = await client.get<{ psp_connections: readonly ConnectionView[] }>('/psp-connections')
  if (json) return out(`${JSON.stringify(answer)}\n`)
  out(
    table(answer.psp_connections, [
      { title: 'connection', of: ({ name }) => name },
      { title: 'psp', of: ({ psp }) => psp },
      { title: 'mode', of: ({ mode }) => mode },
      { title: 'served', of: ({ served }) => (served ? 'yes' : 'no') },
      { title: 'secret in the file that is named by', of: (each) => each.secret_setting, flexible: true },
    ]),
  )
}

export interface ConnectionOptions {
  readonly secretSetting: string
  readonly webhookSecretSetting?: string
  readonly webhookLoginSetting?: string
  readonly merchantAccount?: string
  readonly pspUrl?: string
  readonly multicapture?: boolean
  readonly reason?: string
}

export async function addConnection(
  context: CommandContext,
  name: string,
  options: ConnectionOptions & { readonly psp: string; readonly mode: string },
): Promise<void> {
  const { psp, mode } = options
  const body = { name, psp, mode, ...settingsOf(context, options) }
  showConnection(context, await context.client.send<ConnectionView>('POST', '/psp-connections', body), 'registered')
}

export async function changeConnection(
  context: CommandContext,
  name: string,
  options: ConnectionOptions,
): Promise<void> {
  const path = `/psp-connections/${encodeURIComponent(name)}`
  const body = settingsOf(context, options)
  showConnection(context, await context.client.send<ConnectionView>('PUT', path, body), 'changed')
}

function settingsOf(context: CommandContext, options: ConnectionOptions): object {
  const { webhookSecretSetting, webhookLoginSetting, merchantAccount, pspUrl: url, multicapture } = options
  return {
    secret_setting: options.secretSetting,
    ...(webhookSecretSetting !== undefined && { webhook_secret_setting: webhookSecretSetting }),
    ...(webhookLoginSetting !== undefined && { webhook_login_setting: webhookLoginSetting }),
    ...(merchantAccount !== undefined && { merchant_account: merchantAccount }),
    ...(url !== undefined && { url }),
    ...(multicapture !== undefined && { multicapture }),
    reason: context.reason(options.reason),
  }
}

function showConnection({ json, out }: CommandContext, connection: ConnectionView, done: string): void {
  if (json) return out(`${JSON.stringify(connection)}\n`)
  const { name, psp, mode, secret_setting, webhook_secret_setting } = connection
  const webhooks =
    webhook_secret_setting === null
      ? 'it takes no webhooks'
      : `webhooks for /webhooks/${psp}/${name} are checked with what ${webhook_secret_setting} names`
  out(
    `${name} is ${done} (${psp}, ${mode}); its secret is read from the file that ${secret_setting} names; ${webhooks}\n`,
  )
}

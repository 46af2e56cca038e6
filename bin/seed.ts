/**
 * Merchants and PSP connections of a development cluster: made where they are not there yet, through the same actors as all
 * others. The seed file is JSON: `{"merchants": [{"id": "mer_…", "name": …, "api_key": "sk_test_…", "rate_tier": "development"}],
 * "psp_connections": [{"name": "stripe-test", "psp": "stripe", "secret_setting": …, "url": …}]}`. Merchants' test payments
 * take the connections in this order.
 */
import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { MerchantAnswer } from '../actors/merchant-kind.ts'
import type { Router } from '../cluster/router.ts'
import { addressOfName } from '../domain/ids.ts'
import type { MerchantCommand } from '../domain/merchant/commands.ts'
import type { RouteRule } from '../domain/merchant/state.ts'
import {
  connectablePsps,
  type PspConnection,
  type PspConnectionsAnswer,
  type PspConnectionsCommand,
  pspConnectionsName,
} from '../domain/operator/psp-connections.ts'
import { apiKeyRecordOf } from '../gateway/api-key.ts'
import type { Clock } from '../runtime/clock.ts'
import { ConfigError } from '../runtime/config.ts'
import type { Random } from '../runtime/random.ts'

const closed = { additionalProperties: false }
const text = Type.String({ minLength: 1, maxLength: 250 })

const SeedSchema = Type.Object(
  {
    merchants: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: '^mer_[0-9A-Za-z_]{1,60}$' }),
          name: Type.String({ minLength: 1, maxLength: 200 }),
          api_key: Type.String({ pattern: '^sk_test_[0-9A-Za-z]{16,128}$' }),
          rate_tier: Type.Enum(['standard', 'high', 'development']),
        },
        closed,
      ),
      { maxItems: 100 },
    ),
    psp_connections: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: '-test$', maxLength: 63 }),
          psp: Type.Enum([...connectablePsps]),
          secret_setting: text,
          webhook_secret_setting: Type.Optional(text),
          webhook_login_setting: Type.Optional(text),
          merchant_account: Type.Optional(text),
          url: Type.Optional(text),
        },
        closed,
      ),
      { maxItems: 16 },
    ),
  },
  closed,
)

export type Seed = Static<typeof SeedSchema>

/** @throws {ConfigError} naming what is wrong, never a value: the file holds keys. */
export function readSeed(file: string): Seed {
  const refuse = (problem: string): never => {
    throw new ConfigError([{ variable: 'SHARDPAY_SEED_FILE', problem }])
  }
  let seed: unknown
  try {
    seed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return refuse(code === undefined ? 'names a file that is no JSON' : `names a file that cannot be read (${code})`)
  }
  if (Value.Check(SeedSchema, seed)) return seed
  const [first] = Value.Errors(SeedSchema, seed)
  return refuse(`names a file that is no seed (${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'})`)
}

export interface SeedOptions {
  readonly seed: Seed
  readonly router: Router
  readonly clock: Clock
  readonly random: Random
  readonly keySecret: Uint8Array
}

const audit = { operator: 'bin:server', reason: 'development seed' }

/** @throws where an actor refuses, such as a merchant of that id that is configured otherwise. */
export async function plantSeed(options: SeedOptions): Promise<void> {
  const { seed } = options
  for (const each of seed.psp_connections) await plantConnection(options, connectionOf(each))
  const routes = seed.psp_connections.map(({ name }) => ({ connection: name, mode: 'test' as const }))
  await Promise.all(seed.merchants.map((merchant) => plantMerchant(options, merchant, routes)))
}

async function plantMerchant(
  options: SeedOptions,
  { id, name, api_key, rate_tier }: Seed['merchants'][number],
  routes: readonly RouteRule[],
): Promise<void> {
  const create = { type: 'CreateMerchant', merchant: id, name, rateTier: rate_tier, routes, ...audit } as const
  const created = await askMerchant(options, create)
  // Made by an earlier start, when there were other connections.
  if (created === 'merchant_exists') {
    refuseAny(id, await askMerchant(options, { type: 'ChangeRoutes', merchant: id, routes, ...audit }))
  } else {
    refuseAny(id, created)
  }
  const key = apiKeyRecordOf(api_key, options.keySecret)
  refuseAny(id, await askMerchant(options, { type: 'AddApiKey', merchant: id, key, ...audit }))
}

async function plantConnection(options: SeedOptions, connection: PspConnection): Promise<void> {
  const { name, psp: _psp, mode: _mode, ...settings } = connection
  const added = await askConnections(options, { type: 'AddPspConnection', connection, ...audit })
  if (added !== 'psp_connection_exists') return refuseAny(name, added)
  // Made by an earlier start, when the simulator was elsewhere.
  refuseAny(name, await askConnections(options, { type: 'ChangePspConnection', name, settings, ...audit }))
}

function connectionOf(each: Seed['psp_connections'][number]): PspConnection {
  const { name, psp, secret_setting, webhook_secret_setting, webhook_login_setting, merchant_account, url } = each
  return {
    ...{ name, psp, mode: 'test', secretSetting: secret_setting },
    ...(webhook_secret_setting !== undefined && { webhookSecretSetting: webhook_secret_setting }),
    ...(webhook_login_setting !== undefined && { webhookLoginSetting: webhook_login_setting }),
    ...(merchant_account !== undefined && { merchantAccount: merchant_account }),
    ...(url !== undefined && { url }),
  }
}

const visibleWithinMs = 10_000
const visiblePollMs = 50

export interface SeedSight {
  readonly directory: {
    get(merchant: string): { readonly keys: readonly unknown[] } | undefined
    refresh(): Promise<void>
  }
  /** Of each node that runs, the names of the connections that it serves. */
  readonly served: () => readonly (readonly string[])[]
  readonly clock: Clock
}

/**
 * Resolves when the seed can be used: the merchants' keys work, and every node serves each connection.
 * @throws after ten seconds without.
 */
export async function seedVisible(seed: Seed, { directory, served, clock }: SeedSight): Promise<void> {
  const until = clock.monotonic() + visibleWithinMs
  for (;;) {
    const nodes = served()
    const isServed = (name: string): boolean => nodes.length > 0 && nodes.every((names) => names.includes(name))
    const missing = [
      ...seed.merchants.map(({ id }) => id).filter((id) => (directory.get(id)?.keys.length ?? 0) === 0),
      ...seed.psp_connections.map(({ name }) => name).filter((name) => !isServed(name)),
    ]
    if (missing.length === 0) return
    if (clock.monotonic() >= until) throw new Error(`what was seeded does not show up: ${missing.join(', ')}`)
    await new Promise<void>((resolve) => void clock.schedule(visiblePollMs, resolve))
    await directory.refresh()
  }
}

/** The code of its refusal, if it refused. */
async function askMerchant(options: SeedOptions, command: MerchantCommand): Promise<string | undefined> {
  const answer = await ask<MerchantAnswer>(options, 'merchant', command.merchant, command)
  return answer.kind === 'rejected' ? answer.rejection.code : undefined
}

async function askConnections(options: SeedOptions, command: PspConnectionsCommand): Promise<string | undefined> {
  const answer = await ask<PspConnectionsAnswer>(options, 'psp_connections', pspConnectionsName, command)
  return answer.kind === 'rejected' ? answer.rejection.code : undefined
}

function refuseAny(what: string, code: string | undefined): void {
  if (code !== undefined) throw new Error(`${what} could not be seeded: ${code}`)
}

async function ask<Answer>(
  { router, clock, random }: SeedOptions,
  kind: string,
  name: string,
  payload: object,
): Promise<Answer> {
  const until = clock.monotonic() + 10_000
  const routed = await router.route<Answer>({
    id: random.hex(16),
    ...addressOfName(name),
    kind,
    class: 'settle',
    bytes: 0,
    payload,
    deadline: until,
    waitUntil: until,
    attach: true,
  })
  if (routed.kind === 'unavailable') throw new Error(`${name} could not be seeded: ${routed.reason}`)
  return routed.answer
}

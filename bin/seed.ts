/**
 * Merchants of a development cluster: created where they are not there yet, through the same actors as all others.
 * The seed file is JSON: `{"merchants": [{"id": "mer_…", "name": …, "api_key": "sk_test_…", "rate_tier": "development"}]}`.
 */
import { readFileSync } from 'node:fs'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { MerchantAnswer } from '../actors/merchant-kind.ts'
import type { Router } from '../cluster/router.ts'
import { addressOfName } from '../domain/ids.ts'
import type { MerchantCommand } from '../domain/merchant/commands.ts'
import { apiKeyRecordOf } from '../gateway/api-key.ts'
import type { Clock } from '../runtime/clock.ts'
import { ConfigError } from '../runtime/config.ts'
import type { Random } from '../runtime/random.ts'

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
        { additionalProperties: false },
      ),
      { maxItems: 100 },
    ),
  },
  { additionalProperties: false },
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
  /** PSP connection that the merchants' test payments take. */
  readonly connection: string
}

/**
 * Resolves when the directory shows these merchants, so that their keys work.
 * @throws after ten seconds without them.
 */
export async function seedsVisible(
  directory: SeedDirectory,
  merchants: readonly string[],
  clock: Clock,
): Promise<void> {
  const until = clock.monotonic() + visibleWithinMs
  for (;;) {
    const missing = merchants.filter(
      (merchant) => directory.get(merchant)?.keys.length === 0 || !directory.get(merchant),
    )
    if (missing.length === 0) return
    if (clock.monotonic() >= until) throw new Error(`seeded merchants do not show up: ${missing.join(', ')}`)
    await new Promise<void>((resolve) => void clock.schedule(visiblePollMs, resolve))
    await directory.refresh()
  }
}

const visibleWithinMs = 10_000
const visiblePollMs = 100

interface SeedDirectory {
  get(merchant: string): { readonly keys: readonly unknown[] } | undefined
  refresh(): Promise<void>
}

/** @throws where a merchant's actor refuses, such as a merchant of that id that is configured otherwise. */
export async function seedMerchants(options: SeedOptions): Promise<void> {
  const audit = { operator: 'bin:server', reason: 'development seed' }
  for (const { id, name, api_key, rate_tier } of options.seed.merchants) {
    const routes = [{ connection: options.connection, mode: 'test' as const }]
    await send(options, { type: 'CreateMerchant', merchant: id, name, rateTier: rate_tier, routes, ...audit })
    const key = apiKeyRecordOf(api_key, options.keySecret)
    await send(options, { type: 'AddApiKey', merchant: id, key, ...audit })
  }
}

async function send({ router, clock, random }: SeedOptions, command: MerchantCommand): Promise<void> {
  const until = clock.monotonic() + 10_000
  const answer = await router.route<MerchantAnswer>({
    id: random.hex(16),
    ...addressOfName(command.merchant),
    kind: 'merchant',
    class: 'settle',
    bytes: 0,
    payload: command,
    deadline: until,
    waitUntil: until,
    attach: true,
  })
  if (answer.kind === 'unavailable')
    throw new Error(`merchant ${command.merchant} could not be seeded: ${answer.reason}`)
  if (answer.answer.kind === 'rejected') {
    throw new Error(`merchant ${command.merchant} could not be seeded: ${answer.answer.rejection.code}`)
  }
}

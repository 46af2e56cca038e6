/**
 * The secrets of a development cluster: made once, kept between starts, also with `--fresh`, so that an API key in
 * somebody's shell history keeps working. Files of mode 0600 in a directory of mode 0700; never printed, but the test API
 * keys of the two merchants, which are for printing.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../../runtime/random.ts'
import { writeAtomically } from './atomic-file.ts'
import { StartError } from './start-error.ts'

export interface SeedMerchant {
  readonly id: string
  readonly name: string
  readonly api_key: string
  readonly rate_tier: 'development'
}

/** For the operators' API of this cluster. */
export interface OperatorToken {
  readonly role: 'operator' | 'approver'
  readonly name: string
  readonly token: string
}

export interface Secrets {
  readonly idKeyFile: string
  readonly keySecretFile: string
  readonly stripeSecretKeyFile: string
  readonly seedFile: string
  readonly operatorTokensFile: string
  readonly operatorTokens: readonly OperatorToken[]
  readonly merchants: readonly SeedMerchant[]
  /** The id key was made by this start: no data kept from before belongs to it. */
  readonly isNew: boolean
}

/** @throws {StartError} where a file is there and does not hold what it should: it is never overwritten. */
export async function loadSecrets(directory: string, random: Random): Promise<Secrets> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(directory, name)
  const hexKey = /^[0-9a-f]{64}$/
  const idKey = await keep(path('id_key'), hexKey, () => random.hex(32))
  await keep(path('key_secret'), hexKey, () => random.hex(32))
  await keep(path('stripe_test_secret_key'), /^sk_test_[0-9a-z]+$/, () => `sk_test_simulated${random.hex(12)}`)
  const seed = await keep(path('merchants.json'), /^\{/, () => newSeed(random))
  const tokens = await keep(path('operator_tokens.json'), /^\[/, () => newOperatorTokens(random))
  return {
    idKeyFile: path('id_key'),
    keySecretFile: path('key_secret'),
    stripeSecretKeyFile: path('stripe_test_secret_key'),
    seedFile: path('merchants.json'),
    operatorTokensFile: path('operator_tokens.json'),
    operatorTokens: parseOperatorTokens(path('operator_tokens.json'), tokens.text),
    merchants: parseSeed(path('merchants.json'), seed.text),
    isNew: idKey.isNew,
  }
}

function newSeed(random: Random): string {
  const merchant = (id: string, name: string): SeedMerchant => ({
    id,
    name,
    api_key: `sk_test_${random.hex(24)}`,
    rate_tier: 'development',
  })
  const merchants = [merchant('mer_devBooks', 'Books & Beans'), merchant('mer_devBikes', 'Bikes & Bits')]
  return `${JSON.stringify({ merchants }, null, 2)}\n`
}

function newOperatorTokens(random: Random): string {
  const token = (role: OperatorToken['role'], name: string): OperatorToken => ({
    role,
    name,
    token: `op_dev_${random.hex(24)}`,
  })
  return `${JSON.stringify([token('operator', 'dev'), token('approver', 'ann'), token('approver', 'ben')], null, 2)}\n`
}

async function keep(path: string, valid: RegExp, make: () => string): Promise<{ text: string; isNew: boolean }> {
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (kept === undefined) {
    const text = make()
    await writeAtomically(path, text)
    return { text, isNew: true }
  }
  if (!valid.test(kept.trim())) throw damaged(path)
  return { text: kept, isNew: false }
}

function parseSeed(path: string, text: string): readonly SeedMerchant[] {
  let seed: { merchants?: unknown }
  try {
    seed = JSON.parse(text) as { merchants?: unknown }
  } catch {
    throw damaged(path)
  }
  const { merchants } = seed
  const isMerchant = (each: unknown): each is SeedMerchant => {
    const { id, api_key } = (each ?? {}) as { id?: unknown; api_key?: unknown }
    return typeof id === 'string' && typeof api_key === 'string'
  }
  if (!Array.isArray(merchants) || merchants.length === 0 || !merchants.every(isMerchant)) throw damaged(path)
  return merchants
}

function parseOperatorTokens(path: string, text: string): readonly OperatorToken[] {
  let tokens: unknown
  try {
    tokens = JSON.parse(text)
  } catch {
    throw damaged(path)
  }
  const isToken = (each: unknown): each is OperatorToken => {
    const { role, name, token } = (each ?? {}) as { role?: unknown; name?: unknown; token?: unknown }
    return typeof role === 'string' && typeof name === 'string' && typeof token === 'string'
  }
  if (!Array.isArray(tokens) || !tokens.every(isToken)) throw damaged(path)
  return tokens
}

function damaged(path: string): StartError {
  return new StartError(
    'configuration_invalid',
    `${path} is damaged: put it back from a copy, or delete .shardpay and all development data with it`,
  )
}

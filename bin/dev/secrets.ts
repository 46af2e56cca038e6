/**
 * The secrets of a development cluster: made once, kept between starts, also with `--fresh`, so that an API key in
 * somebody's shell history keeps working. Files of mode 0600 in a directory of mode 0700; never printed, but the test API
 * keys of the two merchants, which are for printing. From them the seed of every start is written.
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
  /** Of the PSP connections: setting → file. */
  readonly psp: Readonly<Record<keyof typeof pspSettings, string>>
  /** What the simulated PSPs sign their webhooks with and log in with, and the file that tells them. */
  readonly webhooks: {
    readonly stripeSecret: string
    readonly adyenHmacKey: string
    readonly adyenLogin: string
    readonly endpointsFile: string
  }
  readonly seedFile: string
  readonly operatorTokensFile: string
  readonly operatorTokens: readonly OperatorToken[]
  readonly merchants: readonly SeedMerchant[]
  /** The id key was made by this start: no data kept from before belongs to it. */
  readonly isNew: boolean
}

/** Names of the settings under which servers find the secrets of their PSP connections. */
export const pspSettings = {
  stripeKey: 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE',
  stripeWebhooks: 'SHARDPAY_STRIPE_TEST_WEBHOOK_SECRET_FILE',
  adyenKey: 'SHARDPAY_ADYEN_TEST_API_KEY_FILE',
  adyenWebhooks: 'SHARDPAY_ADYEN_TEST_HMAC_KEYS_FILE',
  adyenLogin: 'SHARDPAY_ADYEN_TEST_WEBHOOK_LOGIN_FILE',
} as const

/** @throws {StartError} where a file is there and does not hold what it should: it is never overwritten. */
export async function loadSecrets(directory: string, random: Random): Promise<Secrets> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(directory, name)
  const hexKey = /^[0-9a-f]{64}$/
  const idKey = await keep(path('id_key'), hexKey, () => random.hex(32))
  await keep(path('key_secret'), hexKey, () => random.hex(32))
  await keep(path('stripe_test_secret_key'), /^sk_test_[0-9a-z]+$/, () => `sk_test_simulated${random.hex(12)}`)
  const stripeSecret = await keep(path('stripe_test_webhook_secret'), /^whsec_/, () => `whsec_${random.hex(24)}`)
  await keep(path('adyen_test_api_key'), /^[!-~]+$/, () => `simulated_${random.hex(24)}`)
  const adyenHmacKey = await keep(path('adyen_test_hmac_keys'), hexKey, () => random.hex(32))
  const adyenLogin = await keep(path('adyen_test_webhook_login'), /^[^:]+:.+$/, () => `adyen:${random.hex(16)}`)
  const merchants = await keep(path('merchants.json'), /^\{/, () => newMerchants(random))
  const tokens = await keep(path('operator_tokens.json'), /^\[/, () => newOperatorTokens(random))
  return {
    idKeyFile: path('id_key'),
    keySecretFile: path('key_secret'),
    psp: {
      stripeKey: path('stripe_test_secret_key'),
      stripeWebhooks: path('stripe_test_webhook_secret'),
      adyenKey: path('adyen_test_api_key'),
      adyenWebhooks: path('adyen_test_hmac_keys'),
      adyenLogin: path('adyen_test_webhook_login'),
    },
    webhooks: {
      stripeSecret: stripeSecret.text.trim(),
      adyenHmacKey: adyenHmacKey.text.trim(),
      adyenLogin: adyenLogin.text.trim(),
      endpointsFile: path('simulator_webhooks.json'),
    },
    seedFile: path('seed.json'),
    operatorTokensFile: path('operator_tokens.json'),
    operatorTokens: parseOperatorTokens(path('operator_tokens.json'), tokens.text),
    merchants: parseMerchants(path('merchants.json'), merchants.text),
    isNew: idKey.isNew,
  }
}

function newMerchants(random: Random): string {
  const merchant = (id: string, name: string): SeedMerchant => ({
    id,
    name,
    api_key: `sk_test_${random.hex(24)}`,
    rate_tier: 'development',
  })
  const merchants = [merchant('mer_devBooks', 'Books & Beans'), merchant('mer_devBikes', 'Bikes & Bits')]
  return `${JSON.stringify({ merchants }, null, 2)}\n`
}

/** What the servers make at their start: written anew each time, because the simulator may be elsewhere. */
export async function writeSeed({ seedFile, merchants }: Secrets, simulatorUrl: string): Promise<void> {
  const { stripeKey, stripeWebhooks, adyenKey, adyenWebhooks, adyenLogin } = pspSettings
  const stripe = {
    ...{ name: 'stripe-test', psp: 'stripe', url: simulatorUrl },
    ...{ secret_setting: stripeKey, webhook_secret_setting: stripeWebhooks },
  }
  const adyen = {
    ...{ name: 'adyen-test', psp: 'adyen', url: simulatorUrl, merchant_account: simulatedMerchantAccount },
    ...{ secret_setting: adyenKey, webhook_secret_setting: adyenWebhooks, webhook_login_setting: adyenLogin },
  }
  await writeAtomically(seedFile, `${JSON.stringify({ merchants, psp_connections: [stripe, adyen] }, null, 2)}\n`)
}

/** Where the simulated PSPs push what happens, as the simulator reads it; written anew each time, as the seed is. */
export async function writeWebhookEndpoints({ webhooks }: Secrets, merchantUrl: string): Promise<void> {
  const { stripeSecret, adyenHmacKey, adyenLogin, endpointsFile } = webhooks
  const stripe = { psp: 'stripe', url: `${merchantUrl}/webhooks/stripe/stripe-test`, secrets: [stripeSecret] }
  const adyen = {
    ...{ psp: 'adyen', url: `${merchantUrl}/webhooks/adyen/adyen-test`, login: adyenLogin },
    ...{ hmac_keys: [adyenHmacKey], merchant_account: simulatedMerchantAccount },
  }
  await writeAtomically(endpointsFile, `${JSON.stringify({ endpoints: [stripe, adyen] }, null, 2)}\n`)
}

const simulatedMerchantAccount = 'ShardpayDevECOM'

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

function parseMerchants(path: string, text: string): readonly SeedMerchant[] {
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

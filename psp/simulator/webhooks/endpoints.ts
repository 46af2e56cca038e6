/**
 * Where webhooks go, as `POST /_admin/webhooks`, `--webhooks` and SHARDPAY_SIMULATOR_WEBHOOKS configure it. An endpoint is
 * known by its `id` (default: PSP and address), so that what it is owed follows it to another address. Secrets stay in
 * memory: the book names endpoints, never what they are signed with.
 */
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type FaultRule, faultRulesProblem, FaultRules } from './faults.ts'
import type { Psp } from './ports.ts'

const text = (): ReturnType<typeof Type.String> => Type.String({ minLength: 1, maxLength: 255 })
const common = { id: Type.Optional(text()), url: Type.String({ pattern: '^https?://', maxLength: 2000 }) }

const StripeEndpointShape = Type.Object(
  { ...common, psp: Type.Literal('stripe'), secrets: Type.Array(text(), { minItems: 1, maxItems: 10 }) },
  { additionalProperties: false },
)
const AdyenEndpointShape = Type.Object(
  {
    ...common,
    psp: Type.Literal('adyen'),
    /** `user:password` */
    login: Type.Optional(Type.String({ pattern: '^[^:]+:', maxLength: 255 })),
    /** 32 bytes each. */
    hmac_keys: Type.Optional(Type.Array(Type.String({ pattern: '^[0-9A-Fa-f]{64}$' }), { minItems: 1, maxItems: 10 })),
    /** Absent: of all. */
    merchant_account: Type.Optional(text()),
  },
  { additionalProperties: false },
)
const Config = Type.Object(
  {
    endpoints: Type.Optional(Type.Array(Type.Union([StripeEndpointShape, AdyenEndpointShape]), { maxItems: 20 })),
    /** Divides the waits between attempts. */
    time_scale: Type.Optional(Type.Number({ minimum: 1, maximum: 1_000_000 })),
    rules: Type.Optional(FaultRules),
  },
  { additionalProperties: false },
)

interface EndpointCommon {
  readonly id: string
  readonly url: string
}

export interface StripeEndpoint extends EndpointCommon {
  readonly psp: 'stripe'
  readonly secrets: readonly string[]
}

export interface AdyenEndpoint extends EndpointCommon {
  readonly psp: 'adyen'
  readonly login?: string
  readonly hmac_keys?: readonly string[]
  readonly merchant_account?: string
}

export type Endpoint = StripeEndpoint | AdyenEndpoint

/** An endpoint as the book has it. */
export interface KnownEndpoint {
  readonly id: string
  readonly psp: Psp
  readonly url: string
  readonly merchant_account?: string
}

/** Members that are absent stay as they are. */
export interface WebhookConfig {
  readonly endpoints?: readonly Endpoint[]
  readonly time_scale?: number
  readonly rules?: readonly FaultRule[]
}

export type ParsedConfig = { readonly config: WebhookConfig } | { readonly problem: string }

export function parseWebhookConfig(value: unknown): ParsedConfig {
  if (!Value.Check(Config, value)) return { problem: problemOf(value) }
  const { endpoints: given, ...rest } = value as Omit<WebhookConfig, 'endpoints'> & {
    readonly endpoints?: readonly (Endpoint & { readonly id?: string })[]
  }
  const endpoints = given?.map((endpoint) => ({ ...endpoint, id: endpoint.id ?? `${endpoint.psp} ${endpoint.url}` }))
  if (endpoints?.some(({ url }) => URL.parse(url) === null)) return { problem: '/endpoints: a url is no address' }
  if (endpoints !== undefined && new Set(endpoints.map(({ id }) => id)).size < endpoints.length)
    return { problem: '/endpoints: two have the same id' }
  const problem = faultRulesProblem(rest.rules ?? [])
  if (problem !== undefined) return { problem }
  return { config: { ...rest, ...(endpoints === undefined ? {} : { endpoints }) } }
}

/** JSON text, or the name of a file that holds it. */
export function readWebhookConfig(textOrFile: string): ParsedConfig {
  try {
    const json = textOrFile.trimStart().startsWith('{') ? textOrFile : readFileSync(textOrFile, 'utf8')
    return parseWebhookConfig(JSON.parse(json))
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'not JSON' }
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Names the place of the problem, never the value there: it may be a secret. */
function problemOf(value: unknown): string {
  const [first] = Value.Errors(Config, value)
  if (first === undefined) return 'not a configuration of webhooks'
  return `${first.instancePath === '' ? 'body' : first.instancePath} ${first.message}`
}

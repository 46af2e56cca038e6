/**
 * The document of the merchants' API, OpenAPI 3.1, from the schemas of the routes: what the validator and the serializers
 * enforce is what the document says. Pure: from routes to text.
 */
import type { FastifySchema, RouteOptions } from 'fastify'
import { httpLimits } from '../runtime/limits.ts'
import { apiVersions, currentApiVersion } from './api-version.ts'
import { EventSchema } from './event-schema.ts'
import { type ErrorCode, errorTable } from './errors.ts'
import { type Example, examples } from './openapi-examples.ts'
import {
  AttemptSchema,
  CaptureSchema,
  DisputeSchema,
  PaymentSchema,
  PendingPaymentSchema,
  PendingRefundSchema,
  RefundSchema,
} from './payment-schema.ts'
import { ProblemSchema } from './problem-schema.ts'
import { BalanceSchema, LedgerAccountSchema, LedgerEntrySchema } from './read-schema.ts'
import { expandableKeyword } from './schema.ts'

type Json = { [key: string]: unknown }

/** Schemas with a name of their own: wherever one stands, the document has a reference. */
const components: Readonly<Record<string, object>> = {
  Payment: PaymentSchema,
  PendingPayment: PendingPaymentSchema,
  Refund: RefundSchema,
  PendingRefund: PendingRefundSchema,
  Attempt: AttemptSchema,
  Capture: CaptureSchema,
  Dispute: DisputeSchema,
  Event: EventSchema,
  Balance: BalanceSchema,
  LedgerAccount: LedgerAccountSchema,
  LedgerEntry: LedgerEntrySchema,
  Problem: ProblemSchema,
}

export const documentHead = {
  openapi: '3.1.0',
  info: {
    title: 'Shardpay',
    version: currentApiVersion,
    description: [
      'Payments by card and wallet. JSON in and out, amounts in minor units, ids with a prefix that says what they name.',
      '',
      '**Repeating is safe.** Every POST carries an idempotency key. The same request with the same key is done once; its ' +
        'final answer (201, 402, 424) is repeated byte for byte for 30 days, with `Idempotent-Replayed: true`. After a ' +
        'lost answer, a timeout or a 503: send it again, with the same key.',
      '',
      '**Versions.** A key is pinned to the version it was made under; `Api-Version` asks for another for one request. The ' +
        'answer’s `Api-Version` says which one it is in.',
      '',
      '**Expanding.** What belongs to an object is named by its id. `expand[]=refunds` in the query of a read, or ' +
        '`"expand": ["refunds"]` in the body of a POST, puts the objects in place of the ids.',
      '',
      '**Lists** are pages, newest first. Ids of items are cursors, and so is `next_page`, which is given back as `page`. Lists ' +
        'across payments, balances and the ledger follow what was decided by milliseconds: `as_of` says as of when they are.',
      '',
      '**Errors** are RFC 9457 problems with an `error` object inside; decide on `error.code`.',
    ].join('\n'),
  },
  tags: [
    { name: 'Payments', description: 'Create, read, confirm, capture, cancel.' },
    { name: 'Refunds', description: 'Give money back.' },
    { name: 'Disputes', description: 'Money that shoppers claim back.' },
    { name: 'Ledger', description: 'Balances and books: what every amount did.' },
    { name: 'Service', description: 'Whether this process runs and can be sent requests. No key is asked for.' },
  ],
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: '`Authorization: Bearer sk_test_…` or `sk_live_…`.' },
      basic: {
        type: 'http',
        scheme: 'basic',
        description: 'The key as the user, no password, as Stripe’s clients do it.',
      },
    },
  },
} as const

/** What the generator is told of a route: its schemas, and all the answers and headers that no schema has. */
export function documentedSchema(schema: FastifySchema, route: Pick<RouteOptions, 'config'>): FastifySchema {
  const { scope, projected = false, errors = [] } = route.config ?? {}
  if (scope === undefined) return schema
  const writes = schema.body !== undefined
  const given = (schema.response ?? {}) as Record<string, object>
  const response: Record<string, object> = {}
  for (const [status, body] of Object.entries(given)) {
    response[status] = { ...body, description: successes[status] ?? 'Done.', headers: answerHeaders(writes, projected) }
  }
  const isTagged = !writes && !projected
  if (isTagged) response['304'] = { type: 'null', description: 'The version that `If-None-Match` names is the newest.' }
  for (const [status, codes] of byStatus(errors)) {
    response[status] = {
      description: codes.map((code) => `\`${code}\``).join(', '),
      headers: problemHeaders(status),
      content: { 'application/problem+json': { schema: ProblemSchema } },
    }
  }
  return {
    ...schema,
    headers: requestHeaders(writes, isTagged),
    response,
    security: [{ bearer: [] }, { basic: [] }],
    description: `${schema.description ?? ''}\n\nThe key needs the scope \`${scope}\`.`,
  }
}

const successes: Readonly<Record<string, string>> = {
  200: 'As it is now.',
  201: 'Done: the outcome is known, and it is what was asked for.',
  202: 'Accepted: the outcome is open, and somebody is asking for it. Ask again after `next_poll_after` seconds.',
}

function byStatus(errors: readonly ErrorCode[]): [string, ErrorCode[]][] {
  const statuses = new Map<string, ErrorCode[]>()
  for (const code of errors) {
    const status = String(errorTable[code].status)
    statuses.set(status, [...(statuses.get(status) ?? []), code])
  }
  return [...statuses].sort(([a], [b]) => Number(a) - Number(b))
}

const text = (description: string): Json => ({ type: 'string', description })

function requestHeaders(writes: boolean, isTagged: boolean): Json {
  const version = {
    'Api-Version': { type: 'string', enum: [...apiVersions], description: 'Default: the version of the key.' },
  }
  const ofRead = { 'If-None-Match': text('The `ETag` of an earlier answer: 304 if nothing changed since.') }
  const ofWrite = {
    'Idempotency-Key': {
      type: 'string',
      minLength: 1,
      maxLength: httpLimits.idempotencyKeyCharactersMax,
      description:
        'Visible ASCII, one per intention. Needed, unless the body has `idempotency_key`; `X-Idempotency-Key` means the same.',
    },
    Prefer: text(
      `\`wait=20\`: how many seconds, ${httpLimits.waitMs.min / 1_000} to ${httpLimits.waitMs.max / 1_000}, to wait for ` +
        `a final outcome (default ${httpLimits.waitDefaultMs / 1_000}), also for that of an earlier request with the same key.`,
    ),
  }
  return { type: 'object', properties: { ...(writes ? ofWrite : {}), ...(isTagged ? ofRead : {}), ...version } }
}

function answerHeaders(writes: boolean, projected: boolean): Json {
  return {
    'Request-Id': text('Name of this request, for support.'),
    'Api-Version': text('The version that the answer is in.'),
    ...(projected ? {} : { ETag: text('Version of the payment.') }),
    ...rateHeaders,
    ...(writes
      ? {
          'Idempotency-Key': text('The key as it was understood.'),
          'Idempotent-Replayed': text('`true` where this is the answer of an earlier request with the same key.'),
          Location: text('Where the object can be read.'),
        }
      : {}),
  }
}

const rateHeaders: Json = {
  'RateLimit-Limit': text('Requests that a full bucket holds.'),
  'RateLimit-Remaining': text('Requests that are left in it.'),
  'RateLimit-Reset': text('Seconds until it is full again.'),
}

function problemHeaders(status: string): Json {
  const says = {
    '409': { 'Retry-After': text('Seconds, where another request with the key is being worked on.') },
    '429': { 'Retry-After': text('Seconds until the next request is let through.'), ...rateHeaders },
    '503': { 'Retry-After': text('Seconds until repeating it makes sense.') },
  }[status]
  return { 'Request-Id': text('Name of this request, for support; in the body too.'), ...says }
}

/** The finished document: named schemas as references, examples where they belong. */
export function finished(document: Json): Json {
  const schemas: Json = {}
  for (const [name, schema] of Object.entries(components)) schemas[name] = resolved(plain(schema), name)
  const paths = resolved(plain(document['paths']), undefined) as Record<string, Record<string, Json>>
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) addExamples(operation, examples)
  }
  return { ...document, paths, components: { ...(document['components'] as Json), schemas } }
}

const names: ReadonlyMap<string, string> = new Map(
  Object.entries(components).map(([name, schema]) => [canonical(schema), name]),
)

/** Replaces what has a name, but for the schema that is being written under that name. */
function resolved(value: unknown, except: string | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item, undefined))
  if (typeof value !== 'object' || value === null) return value
  const schema = value as Json
  const expands = schema[expandableKeyword]
  if (typeof expands === 'string') {
    const types = schema['type'] as readonly string[]
    return {
      ...(schema['description'] === undefined ? {} : { description: schema['description'] }),
      anyOf: [
        { type: 'string' },
        { $ref: `#/components/schemas/${expands}` },
        ...(types.includes('null') ? [{ type: 'null' }] : []),
      ],
    }
  }
  const name = names.get(canonical(schema))
  if (name !== undefined && name !== except) return { $ref: `#/components/schemas/${name}` }
  return Object.fromEntries(Object.entries(schema).map(([key, inner]) => [key, resolved(inner, undefined)]))
}

/** Equal for schemas that say the same, whatever text the place that uses them adds. */
function canonical(schema: object): string {
  const { description: _place, headers: _added, ...rest } = schema as Json
  return JSON.stringify(rest)
}

/** A copy without what JSON does not have. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function addExamples(operation: Json, all: readonly Example[]): void {
  for (const { name, operationId, summary, request, status, response } of all) {
    if (operationId !== operation['operationId']) continue
    if (request.body !== undefined) put(operation['requestBody'], name, { summary, value: request.body })
    if (response !== undefined) put((operation['responses'] as Json)[status], name, { summary, value: response })
  }
}

function put(holder: unknown, name: string, example: Json): void {
  const content = (holder as { content?: Record<string, Json> } | undefined)?.content ?? {}
  for (const media of Object.values(content))
    media['examples'] = { ...(media['examples'] as Json | undefined), [name]: example }
}

/** Merchants and their API keys, as operators make and change them. A key's secret is shown once, here, and kept nowhere. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { MerchantAnswer } from '../../../domain/merchant/answers.ts'
import type { MerchantCommand, MerchantRejection } from '../../../domain/merchant/commands.ts'
import type { LimitName, PaymentLimits } from '../../../domain/merchant/limits.ts'
import type { ApiKey, MerchantConfiguration, RouteRule } from '../../../domain/merchant/state.ts'
import { newApiKey } from '../../api-key.ts'
import { RefusalError } from '../../problem.ts'
import { act, ask } from '../actions.ts'
import type { OperatorEdge } from '../deps.ts'
import {
  ChangeLimitsBody,
  CreateKeyBody,
  CreateMerchantBody,
  IdParams,
  KeyParams,
  NoQuery,
  ReasonBody,
  type RouteRuleSchema,
} from '../schemas.ts'
import { iso } from '../views.ts'

const config = { access: 'operate' } as const

type OfMerchant = { Params: Static<typeof IdParams> }

export function merchantRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get('/ops/v1/merchants', { config: { access: 'read' }, schema: { querystring: NoQuery } }, () => {
    if (edge.directory.stale) throw new RefusalError({ code: 'service_unavailable' })
    return { merchants: edge.directory.all.map(merchantView) }
  })

  app.get<OfMerchant>(
    '/ops/v1/merchants/:id',
    { config: { access: 'read' }, schema: { params: IdParams, querystring: NoQuery } },
    (request) => {
      if (edge.directory.stale) throw new RefusalError({ code: 'service_unavailable' })
      const merchant = edge.directory.get(request.params.id)
      if (merchant === undefined) throw new RefusalError({ code: 'merchant_not_found' })
      return merchantView(merchant)
    },
  )

  app.post<{ Body: Static<typeof CreateMerchantBody> }>(
    '/ops/v1/merchants',
    { config, schema: { body: CreateMerchantBody } },
    async (request, reply) => {
      const { id, name, rate_tier: rateTier = 'standard', routes = [], reason } = request.body
      const action = { kind: 'merchant.create', subject: id, reason, parameters: { rateTier, routes: routes.length } }
      const merchant = await change(edge, request, action, (audit) => ({
        ...{ type: 'CreateMerchant', merchant: id, name, rateTier, routes: routes.map(routeOf) },
        ...audit,
      }))
      return reply.code(201).send(merchantView(merchant))
    },
  )

  for (const [name, type] of [
    ['suspend', 'SuspendMerchant'],
    ['resume', 'ResumeMerchant'],
  ] as const) {
    app.post<OfMerchant & { Body: Static<typeof ReasonBody> }>(
      `/ops/v1/merchants/:id/${name}`,
      { config, schema: { params: IdParams, body: ReasonBody } },
      async (request) => {
        const { id } = request.params
        const action = { kind: `merchant.${name}`, subject: merchantId(id), reason: request.body.reason }
        return merchantView(await change(edge, request, action, (audit) => ({ type, merchant: id, ...audit })))
      },
    )
  }

  app.post<OfMerchant & { Body: Static<typeof ChangeLimitsBody> }>(
    '/ops/v1/merchants/:id/limits',
    { config, schema: { params: IdParams, body: ChangeLimitsBody } },
    async (request) => {
      const { id } = request.params
      const { mode, set = {}, clear = [], reason } = request.body
      const currency = request.body.currency.toUpperCase()
      const action = {
        ...{ kind: 'merchant.limits', subject: merchantId(id), reason },
        parameters: { mode, currency, ...set, ...(clear.length > 0 && { clear: clear.join(' ') }) },
      }
      const merchant = await change(edge, request, action, (audit) => ({
        ...{ type: 'ChangeLimits', merchant: id, mode, currency, set, clear },
        ...audit,
      }))
      return merchantView(merchant)
    },
  )

  app.post<OfMerchant & { Body: Static<typeof CreateKeyBody> }>(
    '/ops/v1/merchants/:id/keys',
    { config, schema: { params: IdParams, body: CreateKeyBody } },
    async (request, reply) => {
      const { id } = request.params
      const { mode, scopes, reason } = request.body
      const { secret, record } = newApiKey(mode, edge.random, edge.keySecret)
      const key = scopes === undefined ? record : { ...record, scopes }
      const action = {
        ...{ kind: 'merchant.key.add', subject: merchantId(id), reason },
        parameters: { mode, keyId: key.id },
      }
      await change(edge, request, action, (audit) => ({ type: 'AddApiKey', merchant: id, key, ...audit }))
      const { id: keyId, prefix, scopes: permitted } = key
      return reply.code(201).send({ merchant: id, id: keyId, prefix, mode, scopes: permitted, secret })
    },
  )

  app.delete<{ Params: Static<typeof KeyParams>; Body: Static<typeof ReasonBody> }>(
    '/ops/v1/merchants/:id/keys/:key',
    { config, schema: { params: KeyParams, body: ReasonBody } },
    async (request) => {
      const { id, key: wanted } = request.params
      const key = workingKey(edge, merchantId(id), wanted)
      const action = {
        ...{ kind: 'merchant.key.revoke', subject: id, reason: request.body.reason },
        parameters: { keyId: key.id },
      }
      await change(edge, request, action, (audit) => ({ type: 'RevokeApiKey', merchant: id, keyId: key.id, ...audit }))
      return { merchant: id, id: key.id, prefix: key.prefix, revoked: true }
    },
  )
}

async function change(
  edge: OperatorEdge,
  request: FastifyRequest,
  action: Parameters<typeof act>[2],
  command: (audit: { readonly operator: string; readonly reason: string }) => MerchantCommand,
): Promise<MerchantConfiguration> {
  return act(edge, request, action, async ({ name }) => {
    const payload = command({ operator: name, reason: action.reason })
    const answer = await ask<MerchantAnswer>(edge, 'merchant', payload.merchant, 'settle', payload)
    if (answer.kind === 'rejected') throw refusalOf(answer.rejection)
    return answer.configuration
  })
}

function refusalOf(rejection: MerchantRejection): RefusalError {
  switch (rejection.code) {
    case 'merchant_unknown':
      return new RefusalError({ code: 'merchant_not_found' })
    case 'parameter_invalid':
      return new RefusalError({ code: 'parameter_invalid', param: rejection.param })
    case 'limits_contradictory': {
      const { code, limit, above } = rejection
      return new RefusalError({ code, param: limit, message: `${limit} would be greater than ${above}.` })
    }
    case 'api_key_limit_reached':
      return new RefusalError({ code: rejection.code, limit: rejection.limit })
    default:
      return new RefusalError({ code: rejection.code })
  }
}

/** An id that none can have is not asked for. */
function merchantId(id: string): string {
  if (!/^mer_[0-9A-Za-z_]{1,60}$/.test(id)) throw new RefusalError({ code: 'merchant_not_found' })
  return id
}

/** By its id, or by what people see of it: `sk_test_ab12`, with or without the dots behind it. */
function workingKey(edge: OperatorEdge, merchant: string, wanted: string): ApiKey {
  if (edge.directory.stale) throw new RefusalError({ code: 'service_unavailable' })
  const configuration = edge.directory.get(merchant)
  if (configuration === undefined) throw new RefusalError({ code: 'merchant_not_found' })
  const prefix = wanted.replace(/…$|\.{3}$/, '')
  const found = configuration.keys.filter(
    (key) => key.revokedAt === undefined && (key.id === wanted || key.prefix.replace('…', '') === prefix),
  )
  const [key] = found
  if (key === undefined) throw new RefusalError({ code: 'api_key_unknown' })
  if (found.length > 1) throw new RefusalError({ code: 'api_key_ambiguous' })
  return key
}

function routeOf(rule: Static<typeof RouteRuleSchema>): RouteRule {
  const { connection, mode, currencies, methods, amount_min: min, amount_max: max, weight } = rule
  return {
    connection,
    mode,
    ...(currencies !== undefined && { currencies }),
    ...(methods !== undefined && { methods }),
    ...(min !== undefined && { amountMinorMin: min }),
    ...(max !== undefined && { amountMinorMax: max }),
    ...(weight !== undefined && { weight }),
  }
}

export interface MerchantView {
  readonly id: string
  readonly name: string
  readonly status: 'active' | 'suspended'
  readonly version: number
  readonly rate_tier: string
  readonly routes: readonly object[]
  /** By mode and currency; null: not limited. */
  readonly limits: readonly ({ readonly mode: string; readonly currency: string } & Readonly<
    Record<LimitName, number | null>
  >)[]
  readonly keys: readonly {
    readonly id: string
    readonly prefix: string
    readonly mode: string
    readonly scopes: readonly string[]
    readonly created_at: string
    readonly revoked_at: string | null
  }[]
}

function merchantView(merchant: MerchantConfiguration): MerchantView {
  const { id, name, status, version, rateTier, routes, limits, keys } = merchant
  return {
    ...{ id, name, status, version, rate_tier: rateTier },
    routes: routes.map(({ connection, mode, currencies, methods, amountMinorMin, amountMinorMax, weight }) => ({
      ...{ connection, mode, currencies: currencies ?? null, methods: methods ?? null, weight: weight ?? null },
      ...{ amount_min: amountMinorMin ?? null, amount_max: amountMinorMax ?? null },
    })),
    limits: limits.toSorted(byModeAndCurrency).map(({ mode, currency, values }) => ({
      ...{ mode, currency, max_amount: values.max_amount ?? null },
      ...{ hourly_amount: values.hourly_amount ?? null, hourly_count: values.hourly_count ?? null },
      ...{ daily_amount: values.daily_amount ?? null, daily_count: values.daily_count ?? null },
    })),
    keys: keys.map((key) => ({
      ...{ id: key.id, prefix: key.prefix, mode: key.mode, scopes: key.scopes },
      created_at: iso(key.createdAt),
      revoked_at: key.revokedAt === undefined ? null : iso(key.revokedAt),
    })),
  }
}

function byModeAndCurrency(a: PaymentLimits, b: PaymentLimits): number {
  return `${a.mode} ${a.currency}` < `${b.mode} ${b.currency}` ? -1 : 1
}

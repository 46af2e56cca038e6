/** What requests of the operators' API look like: closed, so that a field that does not exist is refused. */
import { type Static, Type } from 'typebox'
import { routeWeightMax } from '../../domain/merchant/commands.ts'
import { actionLogLimits } from '../../domain/operator/action-log.ts'
import { limitNames } from '../../domain/merchant/limits.ts'
import { connectablePsps } from '../../domain/operator/psp-connections.ts'
import { allScopes } from '../api-key.ts'
import { paymentMethodTypes } from '../payment-schema.ts'
import { closedObject, oneOf } from '../schema.ts'

/** Why: kept for ever with who and what. Text without control characters, not blank. */
export const Reason = Type.String({
  minLength: 1,
  maxLength: actionLogLimits.reasonCharactersMax,
  pattern: '^(?=.*\\S)[^\\p{Cc}]*$',
})

const NodeName = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,23}$' })
const MerchantId = Type.String({ pattern: '^mer_[0-9A-Za-z_]{1,60}$' })

export const NodeParams = closedObject({ node: Type.String({ maxLength: 64 }) })
export const ShardParams = closedObject({ shard: Type.String({ maxLength: 8 }) })
export const IdParams = closedObject({ id: Type.String({ maxLength: 128 }) })
export const EntityParams = closedObject({ entity: Type.String({ maxLength: 128 }) })
export const KeyParams = closedObject({ id: Type.String({ maxLength: 128 }), key: Type.String({ maxLength: 64 }) })

export const ReasonBody = closedObject({ reason: Reason })
export const MoveBody = closedObject({ to: NodeName, reason: Reason })
export const PinBody = closedObject({ node: NodeName, reason: Reason })
export const RebalancingBody = closedObject({ on: Type.Boolean(), reason: Reason })

export const Mode = oneOf('test', 'live')

export const RouteRuleSchema = closedObject({
  connection: Type.String({ minLength: 1, maxLength: 63 }),
  mode: Mode,
  currencies: Type.Optional(Type.Array(Type.String({ maxLength: 3 }), { maxItems: 200 })),
  methods: Type.Optional(Type.Array(oneOf(...paymentMethodTypes), { maxItems: paymentMethodTypes.length })),
  amount_min: Type.Optional(Type.Integer({ minimum: 1 })),
  amount_max: Type.Optional(Type.Integer({ minimum: 1 })),
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: routeWeightMax })),
})

export const CreateMerchantBody = closedObject({
  id: MerchantId,
  name: Type.String({ minLength: 1, maxLength: 200 }),
  rate_tier: Type.Optional(oneOf('standard', 'high', 'development')),
  routes: Type.Optional(Type.Array(RouteRuleSchema, { maxItems: 128 })),
  reason: Reason,
})

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

/** What is in neither stays as it is. */
export const ChangeLimitsBody = closedObject({
  mode: Mode,
  currency: Type.String({ pattern: '^[A-Za-z]{3}$' }),
  set: Type.Optional(
    closedObject({
      ...{ max_amount: limit, hourly_amount: limit, hourly_count: limit, daily_amount: limit, daily_count: limit },
    }),
  ),
  clear: Type.Optional(Type.Array(oneOf(...limitNames), { maxItems: limitNames.length, uniqueItems: true })),
  reason: Reason,
})

export const CreateKeyBody = closedObject({
  mode: Mode,
  scopes: Type.Optional(
    Type.Array(oneOf(...allScopes), { minItems: 1, maxItems: allScopes.length, uniqueItems: true }),
  ),
  reason: Reason,
})

const SecretSetting = Type.String({ minLength: 1, maxLength: 100 })
const connectionSettings = {
  secret_setting: SecretSetting,
  webhook_secret_setting: Type.Optional(SecretSetting),
  webhook_login_setting: Type.Optional(SecretSetting),
  merchant_account: Type.Optional(Type.String({ minLength: 1, maxLength: 80 })),
  url: Type.Optional(Type.String({ minLength: 1, maxLength: 250 })),
  multicapture: Type.Optional(Type.Boolean()),
}

export const AddConnectionBody = closedObject({
  name: Type.String({ minLength: 1, maxLength: 63 }),
  psp: oneOf(...connectablePsps),
  mode: Mode,
  ...connectionSettings,
  reason: Reason,
})

/** What is left out is taken away. */
export const ChangeConnectionBody = closedObject({ ...connectionSettings, reason: Reason })
export type ConnectionSettingsBody = Omit<Static<typeof ChangeConnectionBody>, 'reason'>

const digits = (charactersMax: number) => Type.String({ pattern: `^[0-9]{1,${charactersMax}}$` })

/** `limit` is the query reader's number; `after` names a position or sequence. */
export const PageQuery = closedObject({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  after: Type.Optional(digits(15)),
})

export const ActionsQuery = closedObject({
  day: Type.Optional(Type.String({ pattern: '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  after: Type.Optional(digits(9)),
})

const ofPayment = '_[0-9a-hjkmnp-tv-z]{26}_[1-9][0-9]{0,3}$'
const operationForm = `^(?:att|cap|void|re)${ofPayment}`
const captureForm = `^cap${ofPayment}`

export const OperationParams = closedObject({ operation: Type.String({ maxLength: 64 }) })

const lookupPage = Type.Optional(Type.Integer({ minimum: 1, maximum: 200 }))

export const UnknownsQuery = closedObject({
  limit: lookupPage,
  after: Type.Optional(Type.String({ pattern: operationForm })),
})

export const CompensationsQuery = closedObject({
  limit: lookupPage,
  after: Type.Optional(Type.String({ pattern: captureForm })),
})

export const NoticesQuery = closedObject({
  status: Type.Optional(oneOf('received', 'delivered', 'orphaned', 'kept')),
  payment: Type.Optional(Type.String({ maxLength: 64 })),
  limit: lookupPage,
  after: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}-[0-9a-f]{32}$' })),
})

/** What an operator says became of an operation, and what proves it. */
export const ResolveBody = closedObject({
  outcome: oneOf('succeeded', 'declined', 'absent'),
  psp_reference: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]{1,255}$' })),
  amount: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  captured: Type.Optional(Type.Boolean()),
  evidence: Reason,
  reason: Reason,
})

/** Whether there is such a day, month, zone or account is the ledger's to say. */
const Day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' })
const TimeZone = Type.String({ minLength: 1, maxLength: 64 })

export const TrialBalanceQuery = closedObject({
  day: Type.Optional(Day),
  time_zone: Type.Optional(TimeZone),
  merchant: Type.Optional(MerchantId),
})

export const LedgerExportQuery = closedObject({
  from: Day,
  to: Day,
  time_zone: Type.Optional(TimeZone),
  account: Type.Optional(Type.String({ maxLength: 64 })),
  merchant: Type.Optional(MerchantId),
})

export const ClosePeriodBody = closedObject({
  month: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}$' }),
  time_zone: TimeZone,
  reason: Reason,
})

export const lookupDefault = 50

export const NoQuery = closedObject({})

export const pageDefault = 200

/**
 * What queries of lists may carry, and what they mean to the read side. Unknown, repeated and mistyped parameters are
 * refused by the schemas; nothing is dropped.
 */
import { type Static, type TProperties, Type } from 'typebox'
import { httpLimits } from '../runtime/limits.ts'
import { paymentStatuses } from './payment-schema.ts'
import type { ItemFilter, PartFilter, PaymentFilter } from './read-port.ts'
import { ExpandQuery } from './request-schema.ts'
import { closedObject, oneOf } from './schema.ts'

const idOf = (what: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: httpLimits.cursorCharactersMax, description: what }))
const second = (what: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: httpLimits.unixSecondsMax,
      description: `Created ${what} this time. Unix seconds.`,
    }),
  )

const limit = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: httpLimits.listLimit.max, default: httpLimits.listLimit.default }),
  ),
}
const nextPage = {
  page: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: httpLimits.cursorCharactersMax,
      description:
        'The `next_page` of an answer, with all else as it was asked for there. Instead of `starting_after` and `ending_before`.',
    }),
  ),
}
export const pageParameters = {
  ...limit,
  starting_after: idOf('Id of an item: only what follows it, which is older.'),
  ending_before: idOf('Id of an item: only what comes before it, which is newer.'),
  ...nextPage,
}

const created = {
  'created[gte]': second('at or after'),
  'created[gt]': second('after'),
  'created[lte]': second('at or before'),
  'created[lt]': second('before'),
}
const currency = {
  currency: Type.Optional(Type.String({ pattern: '^[A-Za-z]{3}$', description: 'ISO 4217, in any case.' })),
}
const ofPayment = { payment: Type.Optional(Type.String({ description: 'Only those of the payment with this id.' })) }
const expand = ExpandQuery.properties

export const PaymentsQuery = closedObject({
  status: Type.Optional(oneOf(...paymentStatuses)),
  ...created,
  ...currency,
  merchant_reference: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000]*$', description: 'Your own name for it.' }),
  ),
  psp: Type.Optional(
    Type.String({ pattern: '^[a-z0-9_-]{1,63}$', description: 'The PSP of its newest attempt, such as `stripe`.' }),
  ),
  ...pageParameters,
  ...expand,
} satisfies TProperties)
export type PaymentsQuery = Static<typeof PaymentsQuery>

export const RefundsQuery = closedObject({ ...ofPayment, ...created, ...currency, ...pageParameters, ...expand })
export type RefundsQuery = Static<typeof RefundsQuery>

export const DisputesQuery = closedObject({ ...ofPayment, ...created, ...currency, ...pageParameters })
export type DisputesQuery = Static<typeof DisputesQuery>

export const SearchQuery = closedObject({
  query: Type.String({
    minLength: 1,
    maxLength: httpLimits.searchCharactersMax,
    description: 'Terms that must all hold, such as `status:captured amount>=1000`.',
  }),
  ...limit,
  ...nextPage,
  ...expand,
})
export type SearchQuery = Static<typeof SearchQuery>

export const EntriesQuery = closedObject(pageParameters)
export type EntriesQuery = Static<typeof EntriesQuery>

type Created = Partial<Record<keyof typeof created, number>>

export function paymentFilterOf(query: PaymentsQuery): PaymentFilter {
  return {
    ...itemFilterOf(query),
    ...(query.status === undefined ? {} : { status: query.status }),
    ...(query.merchant_reference === undefined ? {} : { merchantReference: query.merchant_reference }),
    ...(query.psp === undefined ? {} : { psp: query.psp }),
  }
}

export function partFilterOf(query: DisputesQuery): PartFilter {
  return { ...itemFilterOf(query), ...(query.payment === undefined ? {} : { payment: query.payment }) }
}

function itemFilterOf(query: Created & { readonly currency?: string }): ItemFilter {
  return {
    ...createdBetween({
      from: [query['created[gte]'], after(query['created[gt]'])],
      before: [query['created[lt]'], after(query['created[lte]'])],
    }),
    ...(query.currency === undefined ? {} : { currency: query.currency.toUpperCase() }),
  }
}

/** `created` is shown in whole seconds, so a bound is the beginning of one: of the given second, or of the next. */
export function createdBetween(bounds: {
  readonly from: readonly (number | undefined)[]
  readonly before: readonly (number | undefined)[]
}): ItemFilter {
  const given = (seconds: readonly (number | undefined)[]): number[] => seconds.filter((each) => each !== undefined)
  const from = given(bounds.from)
  const before = given(bounds.before)
  return {
    ...(from.length === 0 ? {} : { createdFrom: Math.max(...from) * 1_000 }),
    ...(before.length === 0 ? {} : { createdBefore: Math.min(...before) * 1_000 }),
  }
}

export function after(second: number | undefined): number | undefined {
  return second === undefined ? undefined : second + 1
}

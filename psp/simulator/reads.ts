/** Stripe's GET calls: one object, lists with cursors (newest first), search by metadata, the balance. */
import { renderDispute } from './disputes.ts'
import { invalidParameter, notFound } from './failure.ts'
import { cut, list, newestFirst, readPage, readWindow } from './paging.ts'
import type { Parameters } from './parameters.ts'
import { type ChargeRecord, type DisputeRecord, type IntentRecord, type RefundRecord } from './records.ts'
import { type JsonObject, type RenderContext, renderCharge, renderIntent, renderRefund } from './render.ts'
import type { CurrencyBalance, StripeLedger } from './reports/stripe-ledger.ts'
import { renderPayout } from './reports/stripe-payouts.ts'
import { renderReportRun } from './reports/stripe-runs.ts'
import { type EventReads, listEvents, readEvent } from './stripe-events-reads.ts'
import type { World } from './world.ts'

export interface ReadCall {
  readonly world: World
  readonly eventReads: EventReads
  readonly ledger: StripeLedger
  readonly parameters: Parameters
  /** Unix seconds. */
  readonly now: number
}

/** The answer of a path, or undefined where there is no such path. */
export function read(path: string, call: ReadCall): JsonObject | undefined {
  switch (path) {
    case '/v1/payment_intents':
      return listIntents(call)
    case '/v1/payment_intents/search':
      return searchIntents(call)
    case '/v1/charges':
      return listCharges(call)
    case '/v1/refunds':
      return listRefunds(call)
    case '/v1/disputes':
      return listDisputes(call)
    case '/v1/events':
      return listEvents(call.parameters, call.eventReads)
    case '/v1/payouts':
      return listPayouts(call)
    case '/v1/reporting/report_runs':
      return listReportRuns(call)
    case '/v1/balance':
      return balance(call)
  }
  const [, collection, id] =
    /^\/v1\/(payment_intents|charges|refunds|disputes|events|payouts|reporting\/report_runs)\/([A-Za-z0-9_]+)$/.exec(
      path,
    ) ?? []
  if (collection === undefined || id === undefined) return undefined
  const context = contextOf(call)
  switch (collection) {
    case 'payment_intents':
      call.parameters.text('client_secret')
      call.parameters.finish()
      return renderIntent(call.world.intent(id) ?? refuse('payment_intent', id, 'intent'), context)
    case 'charges':
      call.parameters.finish()
      return renderCharge(call.world.charge(id) ?? refuse('charge', id, 'charge'), context)
    case 'events':
      call.parameters.finish()
      return readEvent(id, call.eventReads)
    case 'disputes':
      call.parameters.finish()
      return renderDispute(call.world.dispute(id) ?? refuse('dispute', id, 'dispute'), context)
    case 'payouts':
      call.parameters.finish()
      return renderPayout(
        [...call.ledger.payouts()].find((payout) => payout.id === id) ?? refuse('payout', id, 'payout'),
      )
    case 'reporting/report_runs':
      call.parameters.finish()
      return renderReportRun(call.world.reportRun(id) ?? refuse('report_run', id, 'report_run'))
    default:
      call.parameters.finish()
      return renderRefund(call.world.refund(id) ?? refuse('refund', id, 'refund'), context)
  }
}

function refuse(what: string, id: string, param: string): never {
  throw notFound(what, id, param)
}

function contextOf({ parameters, world, now }: ReadCall): RenderContext {
  return {
    at: now,
    // In a list the paths start with `data.`; the objects are rendered one by one.
    expand: parameters.list('expand').map((path) => path.replace(/^data\./, '')),
    charge: (id) => world.charge(id),
    intent: (id) => world.intent(id),
    refundsOf: (charge) => world.refundsOf(charge),
  }
}

function listIntents(call: ReadCall): JsonObject {
  const window = readWindow(call.parameters)
  const context = contextOf(call)
  const page = readPage(call.parameters)
  call.parameters.finish()
  const matching = newestFirst(call.world.intents()).filter((intent) => window(intent.created))
  return list('/v1/payment_intents', cut(matching, page), (intent: IntentRecord) => renderIntent(intent, context))
}

function listCharges(call: ReadCall): JsonObject {
  const intent = call.parameters.text('payment_intent')
  const window = readWindow(call.parameters)
  const context = contextOf(call)
  const page = readPage(call.parameters)
  call.parameters.finish()
  const all = intent === undefined ? newestFirst(call.world.charges()) : [...call.world.chargesOf(intent)].reverse()
  const matching = all.filter((charge) => window(charge.created))
  return list('/v1/charges', cut(matching, page), (charge: ChargeRecord) => renderCharge(charge, context))
}

function listRefunds(call: ReadCall): JsonObject {
  const { parameters, world } = call
  const intent = parameters.text('payment_intent')
  const charge = parameters.text('charge')
  const window = readWindow(parameters)
  const context = contextOf(call)
  const page = readPage(parameters)
  parameters.finish()
  const charges = charge === undefined ? world.chargesOf(intent ?? '').map(({ id }) => id) : [charge]
  const all =
    intent === undefined && charge === undefined
      ? newestFirst(world.refunds())
      : newestFirst(charges.flatMap((id) => world.refundsOf(id)))
  const matching = all.filter((refund) => window(refund.created) && (intent === undefined || refund.intent === intent))
  return list('/v1/refunds', cut(matching, page), (refund: RefundRecord) => renderRefund(refund, context))
}

function listDisputes(call: ReadCall): JsonObject {
  const { parameters, world } = call
  const intent = parameters.text('payment_intent')
  const charge = parameters.text('charge')
  const window = readWindow(parameters)
  const context = contextOf(call)
  const page = readPage(parameters)
  parameters.finish()
  const matching = newestFirst(world.disputes())
    .filter((each) => window(each.created))
    .filter(
      (each) => (intent === undefined || each.intent === intent) && (charge === undefined || each.charge === charge),
    )
  return list('/v1/disputes', cut(matching, page), (dispute: DisputeRecord) => renderDispute(dispute, context))
}

function listPayouts({ parameters, ledger }: ReadCall): JsonObject {
  const window = readWindow(parameters)
  const status = parameters.oneOf('status', ['pending', 'in_transit', 'paid', 'failed', 'canceled'])
  parameters.list('expand')
  const page = readPage(parameters)
  parameters.finish()
  const matching = newestFirst(ledger.payouts()).filter(({ at }) => window(at) && (status ?? 'paid') === 'paid')
  return list('/v1/payouts', cut(matching, page), renderPayout)
}

function listReportRuns({ parameters, world }: ReadCall): JsonObject {
  const window = readWindow(parameters)
  parameters.list('expand')
  const page = readPage(parameters)
  parameters.finish()
  const matching = newestFirst(world.reportRuns()).filter(({ created }) => window(created))
  return list('/v1/reporting/report_runs', cut(matching, page), renderReportRun)
}

function searchIntents(call: ReadCall): JsonObject {
  const { parameters, world } = call
  const query = parameters.required('query')
  const clauses = query
    .split(/ and /i)
    .map((clause) => /^\s*metadata\[(['"])(.+?)\1\]\s*:\s*(['"])(.*?)\3\s*$/.exec(clause))
  const context = contextOf(call)
  const limit = parameters.integer('limit') ?? 10
  const skip = Number(parameters.text('page') ?? '0')
  parameters.finish()
  let found: readonly IntentRecord[] | undefined
  for (const clause of clauses) {
    const [, , name, , value] = clause ?? []
    if (name === undefined || value === undefined) {
      throw invalidParameter('query_invalid', "This simulator searches by metadata['name']:'value' alone.", 'query')
    }
    found =
      found === undefined
        ? world.intentsWithMetadata(name, value)
        : found.filter((intent) => intent.metadata[name] === value)
  }
  const matching = [...(found ?? [])].reverse()
  const data = matching.slice(skip, skip + limit)
  const more = matching.length > skip + limit
  return {
    object: 'search_result',
    data: data.map((intent) => renderIntent(intent, context)),
    has_more: more,
    next_page: more ? String(skip + limit) : null,
    url: '/v1/payment_intents/search',
  }
}

/** What no payout has had yet, per currency, fees taken off. */
function balance({ parameters, ledger }: ReadCall): JsonObject {
  parameters.finish()
  const balances = ledger.balances()
  const amounts = (of: (each: CurrencyBalance) => bigint): JsonObject[] =>
    balances.map((each) => {
      const amount = Number(of(each))
      return { amount, currency: each.currency, source_types: { card: amount } }
    })
  return {
    object: 'balance',
    available: amounts(({ available }) => available),
    livemode: false,
    pending: amounts(({ pending }) => pending),
  }
}

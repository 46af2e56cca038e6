/**
 * The books of all merchants: trial balance as of a day's end, clearing accounts and their age, export, and the close of
 * months. Days are those of the time zone that the first close has set, or of the one that is asked for. Every look is
 * recorded in the operators' log.
 */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { accounts, chartOfAccounts, isAccount } from '../../../domain/ledger/chart.ts'
import {
  bookedBefore,
  type ClosedTotal,
  type LedgerClosesAnswer,
  type LedgerClosesCommand,
  ledgerClosesName,
  type PeriodClose,
} from '../../../domain/ledger/closes.ts'
import { dayAt, endOfDay, endOfMonth, isDay, isMonth, isTimeZone, startOfDay } from '../../../domain/ledger/day.ts'
import type { Account } from '../../../domain/ledger/transfer.ts'
import { type TrialBalance, trialBalances } from '../../../domain/ledger/trial-balance.ts'
import { RefusalError } from '../../problem.ts'
import { act, ask, recordReading } from '../actions.ts'
import { readable } from '../committed.ts'
import type { OperatorEdge } from '../deps.ts'
import { ClosePeriodBody, LedgerExportQuery, NoQuery, TrialBalanceQuery } from '../schemas.ts'
import { iso } from '../views.ts'
import { csvOf } from './ledger-csv.ts'

type Closes = Extract<LedgerClosesAnswer, { kind: 'closes' }>

const config = { access: 'audit' } as const
const clearingAccounts = accounts.filter((account) => chartOfAccounts[account].clearing)
const dayMs = 86_400_000

export function ledgerRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  const readCloses = (): Promise<Closes> => tell(edge, 'read', { type: 'ReadCloses' })

  app.get<{ Querystring: Static<typeof TrialBalanceQuery> }>(
    '/ops/v1/ledger/trial-balance',
    { config, schema: { querystring: TrialBalanceQuery } },
    async (request) => {
      const { merchant } = request.query
      await recordReading(edge, request, 'ledger')
      const { timeZone: set, closes } = await readCloses()
      const timeZone = zoneOf(request.query.time_zone ?? set)
      const day = dayOf('day', request.query.day ?? dayAt(edge.clock.now(), timeZone))
      const before = endOfDay(day, timeZone)
      const asOf = await knownUntil(edge)
      const balances = trialBalances(await readable(edge, edge.ledger.sums(bookedBefore(before, closes), merchant)))
      return {
        ...{ day, time_zone: timeZone, before: iso(before), as_of: asOf },
        closed: closes.some(({ until }) => until >= before),
        balances: balances.map(balanceView),
      }
    },
  )

  app.get('/ops/v1/ledger/clearing', { config, schema: { querystring: NoQuery } }, async (request) => {
    await recordReading(edge, request, 'ledger')
    const now = edge.clock.now()
    const asOf = await knownUntil(edge)
    const open = await readable(edge, edge.ledger.open(clearingAccounts))
    return {
      as_of: asOf,
      accounts: open
        .toSorted((a, b) => a.since - b.since)
        .map(({ account, live, currency, connection, balance, since }) => ({
          ...{ account, mode: modeOf(live), currency, connection, balance_minor: String(balance) },
          ...{ since: iso(since), age_days: Math.max(0, Math.floor((now - since) / dayMs)) },
        })),
    }
  })

  app.get<{ Querystring: Static<typeof LedgerExportQuery> }>(
    '/ops/v1/ledger/export',
    { config, schema: { querystring: LedgerExportQuery } },
    async (request, reply) => {
      const { from, to, account, merchant, time_zone: asked } = request.query
      const { timeZone: set, closes } = await readCloses()
      const timeZone = zoneOf(asked ?? set)
      const begins = startOfDay(dayOf('from', from), timeZone)
      const ends = endOfDay(dayOf('to', to), timeZone)
      if (ends < begins) throw new RefusalError({ code: 'parameter_invalid', param: 'to' })
      if (account !== undefined && !isAccount(account)) {
        throw new RefusalError({ code: 'parameter_invalid', param: 'account' })
      }
      await recordReading(edge, request, 'ledger export')
      const entries = edge.ledger.entries({
        ...{ from: bookedBefore(begins, closes), to: bookedBefore(ends, closes) },
        ...(account !== undefined && { account }),
        ...(merchant !== undefined && { merchant }),
      })
      const file = csvOf(entries, (error) => edge.log.warn({ component: 'operator', error }, 'an export was cut short'))
      return reply
        .type('text/csv; charset=utf-8; header=present')
        .header('content-disposition', `attachment; filename="ledger-${from}-${to}.csv"`)
        .send(file)
    },
  )

  app.get('/ops/v1/ledger/closes', { config, schema: { querystring: NoQuery } }, async () => {
    const { timeZone, closes } = await readCloses()
    return { time_zone: timeZone ?? null, closes: closes.map(closeView) }
  })

  app.post<{ Body: Static<typeof ClosePeriodBody> }>(
    '/ops/v1/ledger/closes',
    { config: { access: 'operate' }, schema: { querystring: NoQuery, body: ClosePeriodBody } },
    async (request, reply) => {
      const { month, time_zone, reason } = request.body
      if (!isMonth(month)) throw new RefusalError({ code: 'parameter_invalid', param: 'month' })
      const timeZone = zoneOf(time_zone)
      const action = { kind: 'ledger.close', subject: month, reason, parameters: { timeZone } }
      const { closes } = await act(edge, request, action, async ({ name }) => {
        const before = endOfMonth(month, timeZone)
        const { positions, behindSince } = await readable(edge, edge.ledger.state())
        if (behindSince !== undefined && behindSince < before) throw new RefusalError({ code: 'ledger_behind' })
        const sums = await readable(edge, edge.ledger.sums({ before, positions }))
        const totals = trialBalances(sums).flatMap(totalsOf)
        return tell(edge, 'settle', {
          ...{ type: 'ClosePeriod', month, timeZone, positions, totals, operator: name, reason },
        })
      })
      const close = closes.find((each) => each.month === month)
      return reply.code(201).send(close === undefined ? null : closeView(close))
    },
  )
}

/** @throws {RefusalError} */
async function tell(
  edge: OperatorEdge,
  trafficClass: 'read' | 'settle',
  command: LedgerClosesCommand,
): Promise<Closes> {
  const answer = await ask<LedgerClosesAnswer>(edge, 'ledger_closes', ledgerClosesName, trafficClass, command)
  if (answer.kind === 'closes') return answer
  const { rejection } = answer
  throw new RefusalError({ code: rejection.code, ...('param' in rejection && { param: rejection.param }) })
}

/** Everything decided before then is in the books; unix ms. */
async function knownUntil(edge: OperatorEdge): Promise<number> {
  const now = edge.clock.now()
  const { behindSince } = await readable(edge, edge.ledger.state())
  return Math.min(now, behindSince ?? now)
}

function zoneOf(timeZone = 'UTC'): string {
  if (isTimeZone(timeZone)) return timeZone
  throw new RefusalError({ code: 'parameter_invalid', param: 'time_zone' })
}

function dayOf(param: string, day: string): string {
  if (isDay(day)) return day
  throw new RefusalError({ code: 'parameter_invalid', param })
}

function modeOf(live: boolean): 'live' | 'test' {
  return live ? 'live' : 'test'
}

function totalsOf({ live, currency, lines }: TrialBalance): ClosedTotal[] {
  return lines.map(({ account, debit, credit }) => ({
    ...{ live, currency, account, debitMinor: String(debit), creditMinor: String(credit) },
  }))
}

/** Sums as text: they have no limit. */
export interface BalanceView {
  readonly mode: 'live' | 'test'
  readonly currency: string
  readonly lines: readonly {
    readonly account: Account
    readonly type: string
    readonly clearing: boolean
    readonly debit_minor: string
    readonly credit_minor: string
    readonly contrary: boolean
  }[]
  readonly debit_minor: string
  readonly credit_minor: string
  readonly balanced: boolean
}

function balanceView({ live, currency, lines, debit, credit, isBalanced }: TrialBalance): BalanceView {
  return {
    ...{ mode: modeOf(live), currency },
    lines: lines.map(({ debit: lineDebit, credit: lineCredit, ...line }) => ({
      ...line,
      ...{ debit_minor: String(lineDebit), credit_minor: String(lineCredit) },
    })),
    ...{ debit_minor: String(debit), credit_minor: String(credit), balanced: isBalanced },
  }
}

function closeView({ month, until, closedAt, closedBy, totals }: PeriodClose): object {
  return {
    ...{ month, until: iso(until), closed_at: iso(closedAt), closed_by: closedBy },
    totals: totals.map(({ live, currency, account, debitMinor, creditMinor }) => ({
      ...{ mode: modeOf(live), currency, account, debit_minor: debitMinor, credit_minor: creditMinor },
    })),
  }
}

/** The controls of reports: days and batches that end now, and what is to be wrong with reports that are made from now on. */
import type { FastifyInstance } from 'fastify'
import type { AdyenEngine } from '../adyen/engine.ts'
import type { AdyenBatch } from '../adyen/records.ts'
import type { Engine } from '../engine.ts'
import type { World } from '../world.ts'
import type { AdyenLedger } from './adyen-ledger.ts'
import { adyenLinesOf, fileNameOf } from './adyen-report.ts'
import { type Drift, type InjectedDrift, parseDrift } from './drift.ts'
import type { StripeLedger } from './stripe-ledger.ts'
import { linesOf } from './stripe-report.ts'

export interface ReportControlsOptions {
  readonly engine: Pick<Engine, 'endDay'>
  readonly adyen: Pick<AdyenEngine, 'closeBatches'>
  readonly world: World
  readonly ledgers: { readonly stripe: StripeLedger; readonly adyen: AdyenLedger }
  readonly drift: DriftControl
}

/** What is to be wrong with reports that are made now; not kept over a restart, while each report keeps its own. */
export class DriftControl {
  current: Drift | null = null
}

/** @param admin serves under `/_admin`, for this machine alone */
export function addReportControls(
  admin: FastifyInstance,
  { engine, adyen, world, ledgers, drift }: ReportControlsOptions,
): void {
  admin.post('/stripe/end_day', () => {
    const { end, payouts } = engine.endDay()
    return { available_until: end, payouts }
  })

  admin.post('/adyen/close_batch', () => ({ batches: adyen.closeBatches().map(summaryOf) }))

  admin.get('/reports/drift', () => ({ ...rulesOf(drift), injected: [...injectedDrift(world, ledgers)] }))
  admin.post('/reports/drift', (request, reply) => {
    const parsed = parseDrift(request.body)
    if ('problem' in parsed) return reply.code(400).send({ error: parsed.problem })
    drift.current = parsed.drift
    return reply.send(rulesOf(drift))
  })
  admin.delete('/reports/drift', () => {
    drift.current = null
    return rulesOf(drift)
  })
}

function summaryOf({ merchantAccount, number, balances }: AdyenBatch): object {
  return { merchant_account: merchantAccount, number, file: fileNameOf({ number }), balances }
}

function rulesOf({ current }: DriftControl): object {
  return current ?? { seed: 1, rules: [] }
}

/** All that is wrong with the reports that were made so far. */
function injectedDrift(world: World, ledgers: ReportControlsOptions['ledgers']): readonly InjectedDrift[] {
  const injected: InjectedDrift[] = []
  const tell = (each: InjectedDrift): void => void injected.push(each)
  for (const run of world.reportRuns()) if (run.drift !== null) drain(linesOf(run, ledgers.stripe, tell))
  for (const batch of ledgers.adyen.batches()) if (batch.record.drift !== null) drain(adyenLinesOf(batch, tell))
  return injected
}

function drain(lines: Iterable<unknown>): void {
  for (const _ of lines) continue
}

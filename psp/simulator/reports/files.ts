/**
 * Where the PSPs' reports are fetched: Stripe's at `/v1/files/<file>/contents` with a secret key, Adyen's under
 * `/reports/download/MerchantAccount/<account>/` with an API key or a report user's Basic credentials. A file is made as it is
 * read, and is the same every time.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { authenticate as authenticateAtAdyen } from '../adyen/edge.ts'
import { AdyenFailure } from '../adyen/failure.ts'
import { notFound, StripeFailure } from '../failure.ts'
import { sendJson } from '../faulty-reply.ts'
import { authenticate as authenticateAtStripe, errorBody } from '../stripe-edge.ts'
import type { World } from '../world.ts'
import type { AdyenLedger } from './adyen-ledger.ts'
import { adyenFileOf, adyenReportPath, batchNumberOf, fileNameOf } from './adyen-report.ts'
import type { StripeLedger } from './stripe-ledger.ts'
import { fileOf } from './stripe-report.ts'

export interface ReportFilesOptions {
  readonly world: World
  readonly stripe: StripeLedger
  readonly adyen: AdyenLedger
}

export function addReportFiles(app: FastifyInstance, { world, stripe, adyen }: ReportFilesOptions): void {
  app.get<{ Params: { file: string } }>('/v1/files/:file/contents', (request, reply) => {
    try {
      authenticateAtStripe(request)
      const { file } = request.params
      const run = world.reportRunOfFile(file)
      if (run === undefined || run.succeededAt === null) throw notFound('file', file, 'file')
      return sendCsv(reply, fileOf(run, stripe), `${run.reportType}-${file}.csv`)
    } catch (failure) {
      if (failure instanceof StripeFailure) return sendJson(reply, failure.status, errorBody(failure.fields))
      throw failure
    }
  })

  app.get<{ Params: { account: string; file: string } }>(`${adyenReportPath}:account/:file`, (request, reply) => {
    try {
      authenticateAtAdyen(request)
    } catch (failure) {
      if (failure instanceof AdyenFailure) return sendJson(reply, failure.error.status, JSON.stringify(failure.error))
      throw failure
    }
    const { account, file } = request.params
    const batch = adyen.batch(account, batchNumberOf(file) ?? 0)
    if (batch === undefined) return reply.code(404).type('text/plain').send('There is no such report.')
    return sendCsv(reply, adyenFileOf(batch), fileNameOf(batch.record))
  })
}

function sendCsv(reply: FastifyReply, file: Iterable<string>, name: string): FastifyReply {
  return reply
    .type('text/csv; charset=utf-8')
    .header('content-disposition', `attachment; filename="${name}"`)
    .send(Readable.from(file))
}

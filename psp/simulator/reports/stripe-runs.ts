/** Stripe's report runs: what a request for one must say, and how one is shown. What a run lists is settled when it is made. */
import type { Call, Execution } from '../execution.ts'
import { invalidParameter } from '../failure.ts'
import type { Parameters } from '../parameters.ts'
import type { ReportParameters, ReportRunRecord } from '../records.ts'
import type { Json, JsonObject } from '../render.ts'
import { bytesOf } from './csv.ts'
import { localTimes } from './local-time.ts'
import { stripeCategories } from './stripe-movements.ts'
import { fileOf, hasColumn, stripeReportTypes } from './stripe-report.ts'

export function createReportRun(call: Call): Execution {
  const { parameters, ids, now, publicUrl, ledger, drift } = call
  const reportType = parameters.required('report_type')
  if (!stripeReportTypes.includes(reportType)) {
    throw invalidParameter(undefined, `This simulator makes ${stripeReportTypes.join(', ')} alone.`, 'report_type')
  }
  const asked = readParameters(parameters.nested('parameters'), reportType)
  const expand = parameters.list('expand')
  parameters.finish()
  checkInterval(asked, ledger.availableUntil)
  const file = ids.next('file')
  const pending: ReportRunRecord = {
    kind: 'report_run',
    id: ids.next('frr'),
    created: now,
    reportType,
    parameters: asked,
    succeededAt: null,
    file: { id: file, url: `${publicUrl}/v1/files/${file}/contents`, size: 0 },
    dayCount: ledger.dayCount,
    drift,
  }
  const run = { ...pending, file: { ...pending.file, size: bytesOf(fileOf(pending, ledger)) } }
  return { status: 200, id: run.id, expand, records: [run], effects: [] }
}

function readParameters(parameters: Parameters, reportType: string): ReportParameters {
  const columns = parameters.list('columns')
  for (const column of columns) {
    if (!hasColumn(reportType, column)) {
      throw invalidParameter(undefined, `No such column: '${column}'`, 'parameters[columns]')
    }
  }
  const timezone = parameters.text('timezone') ?? null
  if (timezone !== null && localTimes(timezone) === undefined) {
    throw invalidParameter(undefined, `No such time zone: '${timezone}'`, 'parameters[timezone]')
  }
  parameters.required('interval_start')
  parameters.required('interval_end')
  return {
    intervalStart: parameters.integer('interval_start') ?? 0,
    intervalEnd: parameters.integer('interval_end') ?? 0,
    columns: columns.length === 0 ? null : columns,
    currency: parameters.text('currency')?.toLowerCase() ?? null,
    reportingCategory: parameters.oneOf('reporting_category', stripeCategories) ?? null,
    timezone,
  }
}

function checkInterval({ intervalStart, intervalEnd }: ReportParameters, availableUntil: number): void {
  if (intervalStart >= intervalEnd) {
    throw invalidParameter(undefined, 'interval_start is not before interval_end.', 'parameters[interval_start]')
  }
  if (intervalEnd > availableUntil) {
    const message = `interval_end is after data_available_end, which is ${availableUntil}.`
    throw invalidParameter(undefined, message, 'parameters[interval_end]')
  }
}

export function renderReportRun(run: ReportRunRecord): JsonObject {
  const { intervalStart, intervalEnd, columns, currency, reportingCategory, timezone } = run.parameters
  return {
    id: run.id,
    object: 'reporting.report_run',
    created: run.created,
    error: null,
    livemode: false,
    parameters: {
      ...(columns === null ? {} : { columns }),
      ...(currency === null ? {} : { currency }),
      interval_end: intervalEnd,
      interval_start: intervalStart,
      ...(reportingCategory === null ? {} : { reporting_category: reportingCategory }),
      ...(timezone === null ? {} : { timezone }),
    },
    report_type: run.reportType,
    result: run.succeededAt === null ? null : renderFile(run),
    status: run.succeededAt === null ? 'pending' : 'succeeded',
    succeeded_at: run.succeededAt,
  }
}

function renderFile({ file, succeededAt, reportType }: ReportRunRecord): Json {
  return {
    id: file.id,
    object: 'file',
    created: succeededAt,
    expires_at: null,
    filename: `${reportType}-${file.id}.csv`,
    links: { object: 'list', data: [], has_more: false, url: `/v1/file_links?file=${file.id}` },
    purpose: 'finance_report_run',
    size: file.size,
    title: null,
    type: 'csv',
    url: file.url,
  }
}

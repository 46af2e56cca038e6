/**
 * What clients were told of one payment against what its decisions say: nothing acknowledged is lost, every answer is a
 * state of the journal, one key has one answer, and nobody is ever shown the past.
 */
import type { KeyObject } from 'node:crypto'
import type { OperationName } from '../history.ts'
import type { ClientOperation } from './client-operations.ts'
import type { CheckCode } from './findings.ts'
import { derivedId } from './ids.ts'
import type { Report } from './operations.ts'
import type { PaymentLife } from './payment-life.ts'

/** Requests as the journal calls them. */
const journaledAs: Readonly<Record<Exclude<OperationName, 'read'>, string>> = {
  create: 'create',
  capture: 'capture',
  refund: 'refund',
  void: 'cancel',
}

/** Final outcomes: a repeat is answered with the same bytes. */
const finalStatuses = new Set([201, 402, 424])

export function checkTold(
  payment: string,
  told: readonly ClientOperation[],
  life: PaymentLife | undefined,
  idKey: KeyObject | undefined,
  report: Report,
): void {
  const acknowledged = told.filter(({ type }) => type === 'ok')
  for (const each of acknowledged) {
    if (each.f === 'create' && idKey !== undefined && each.key !== null) {
      const derived = derivedId(idKey, each.merchant, each.mode, each.key)
      if (derived !== payment) report('id_not_derived', `operation ${each.i}: the key ${each.key} leads to ${derived}`)
    }
    if (life === undefined)
      report('lost_payment', `operation ${each.i}: ${each.f} was answered with ${each.status ?? 'nothing'}`)
    else checkAnswer(each, life, report)
  }
  checkKeys(acknowledged, report)
  checkOrder(acknowledged, report)
}

function checkAnswer(each: ClientOperation, life: PaymentLife, report: Report): void {
  const about = `operation ${each.i} (${each.f}, ${each.status ?? 'no status'})`
  if (each.f !== 'read') {
    const request = life.requests.get(each.key ?? '')
    const lost: CheckCode = each.f === 'create' ? 'lost_payment' : 'lost_operation'
    if (request?.operation !== journaledAs[each.f]) {
      return report(
        lost,
        `${about}: the journal has ${request?.operation ?? 'nothing'} under the key ${String(each.key)}`,
      )
    }
    if (each.status === 201 && (each.f === 'capture' || each.f === 'refund')) {
      const operation = life.operations.get(request.operationId ?? '')
      if (operation?.succeeded !== true) {
        return report(lost, `${about}: ${request.operationId ?? 'no operation'} is ${operation?.state ?? 'not there'}`)
      }
    }
    if (each.version !== undefined && each.version < request.seq) {
      report('told_state_unreachable', `${about}: version ${each.version} is older than its request’s ${request.seq}`)
    }
  }
  checkValue(each, about, life, report)
}

function checkValue({ value, version }: ClientOperation, about: string, life: PaymentLife, report: Report): void {
  if (value?.object === 'refund') {
    const refund = life.operations.get(value.id)
    if (
      refund?.kind !== 'refund' ||
      refund.amountMinor !== value.amount ||
      (value.status === 'succeeded' && !refund.succeeded)
    ) {
      const journaled = refund === undefined ? 'not there' : `${refund.amountMinor}, ${refund.state}`
      report(
        'told_state_unreachable',
        `${about}: ${value.id} was told as ${value.amount}, ${value.status} and is ${journaled}`,
      )
    }
    return
  }
  if (version !== undefined && !life.views.has(version)) {
    return report('told_state_unreachable', `${about}: version ${version} of ${life.seq} is not in the journal`)
  }
  if (value === undefined) return
  const matches = (view: { status: string; authorized: number; captured: number; refunded: number }): boolean =>
    view.status === value.status &&
    view.authorized === value.authorized &&
    view.captured === value.captured &&
    view.refunded === value.refunded
  const candidates = version === undefined ? [...life.views.values()] : [life.views.get(version)]
  if (candidates.some((view) => view !== undefined && matches(view))) return
  const journaled =
    version === undefined ? 'no version is that' : `the journal has ${JSON.stringify(life.views.get(version))}`
  report(
    'told_state_unreachable',
    `${about}: told ${JSON.stringify(value)} at version ${version ?? 'unknown'}; ${journaled}`,
  )
}

/** Keys are one name space within a payment. */
function checkKeys(acknowledged: readonly ClientOperation[], report: Report): void {
  const byKey = Map.groupBy(
    acknowledged.filter(({ key }) => key !== null),
    ({ key }) => key,
  )
  for (const [key, operations] of byKey) {
    const bodies = new Set(operations.map(({ body }) => body))
    if (bodies.size > 1)
      report('reused_key_accepted', `${bodies.size} different requests were accepted under ${String(key)}`)
    const finals = operations.filter(({ status }) => finalStatuses.has(status ?? 0))
    const answers = new Set(finals.map(({ status, resp }) => `${status} ${resp ?? ''}`))
    if (answers.size > 1 && bodies.size === 1) {
      report('replay_differs', `${answers.size} different final answers to ${String(key)}: ${[...answers].join(', ')}`)
    }
  }
}

/** Replays tell of the decision that concluded the first request, which is the past, and say so. */
function checkOrder(acknowledged: readonly ClientOperation[], report: Report): void {
  const seen = acknowledged.filter(({ version, replayed }) => version !== undefined && replayed !== true)
  const byStart = seen.toSorted((a, b) => a.startNs - b.startNs)
  const byEnd = seen.toSorted((a, b) => (a.endNs ?? Infinity) - (b.endNs ?? Infinity))
  const lastRead = new Map<string, number>()
  let ended = 0
  let newest: ClientOperation | undefined
  for (const each of byStart) {
    for (let next = byEnd[ended]; next !== undefined && (next.endNs ?? Infinity) < each.startNs; next = byEnd[ended]) {
      if ((next.version ?? 0) > (newest?.version ?? 0)) newest = next
      if (next.f === 'read') lastRead.set(next.proc, Math.max(lastRead.get(next.proc) ?? 0, next.version ?? 0))
      ended += 1
    }
    const version = each.version ?? 0
    const before = lastRead.get(each.proc) ?? 0
    if (each.f === 'read' && version < before) {
      report(
        'read_went_back',
        `${each.proc} read version ${before}, then ${version} at ${each.gateway} (operation ${each.i})`,
      )
    } else if (newest !== undefined && version < (newest.version ?? 0)) {
      const detail = `operation ${each.i} at ${each.gateway} shows version ${version} after operation ${newest.i} had shown ${newest.version ?? 0}`
      report('answer_went_back', detail)
    }
  }
}

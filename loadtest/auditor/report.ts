/** What an audit says: `pass`, `fail` (an invariant is broken) or `unknown` (it could not be judged, which is no pass). */
import type { OperationName } from '../history.ts'
import { type CheckCode, checks, type Finding } from './findings.ts'

export interface AuditReport {
  readonly result: 'pass' | 'fail' | 'unknown'
  readonly findings: readonly Finding[]
  /** How often each check failed; exact, also where fewer findings are kept. */
  readonly counts: Readonly<Partial<Record<CheckCode, number>>>
  /** Why the result is `unknown`, or would be. */
  readonly unknowns: readonly string[]
  readonly seen: {
    readonly operations: number
    readonly acknowledged: number
    readonly payments: number
    readonly rows: number
    readonly shards: number
    readonly effects: number
  }
  /** Requests that got no answer at first, by what they were, and whether they had been done then. */
  readonly honesty: Readonly<Partial<Record<OperationName, { readonly applied: number; readonly notApplied: number }>>>
  /** Operations under way in each fault's window. */
  readonly coverage: readonly {
    readonly name: string
    readonly inFlight: number
    readonly atLeast: number
  }[]
  /** Payments that are not done, by what they wait for. */
  readonly open: { readonly timer: number; readonly person: number; readonly tail: number }
  /** Minor units by currency, the journal's and the PSP's. */
  readonly money: Readonly<Record<string, Money>>
  readonly tookMs: number
}

export interface Money {
  captured: number
  refunded: number
  pspCaptured: number
  pspRefunded: number
}

/** The report for people. */
export function describeReport(report: AuditReport): string {
  const { seen, counts, findings, unknowns, honesty, coverage, open } = report
  const lines = [
    `${report.result}: ${seen.operations} operations (${seen.acknowledged} acknowledged), ${seen.payments} payments, ` +
      `${seen.rows} journal rows in ${seen.shards} shards, ${seen.effects} effects at the PSP, in ${Math.round(report.tookMs)} ms`,
  ]
  for (const [code, count] of Object.entries(counts) as [CheckCode, number][]) {
    lines.push(`  ${code} (${count}): ${checks[code]}`)
    for (const finding of findings.filter((each) => each.code === code)) {
      lines.push(`    ${finding.payment ?? `shard ${finding.shard ?? '?'}`}: ${finding.detail}`)
      for (const line of finding.story ?? []) lines.push(`      | ${line}`)
    }
  }
  for (const reason of unknowns) lines.push(`  unknown: ${reason}`)
  for (const [f, { applied, notApplied }] of Object.entries(honesty)) {
    lines.push(`  ${f} of unknown outcome: ${applied} applied, ${notApplied} not`)
  }
  for (const { name, inFlight } of coverage) lines.push(`  ${name}: ${inFlight} operations in flight`)
  if (open.timer + open.person + open.tail > 0) {
    lines.push(
      `  open: ${open.timer} with a timer, ${open.person} waiting for a person, ${open.tail} newer than the timers' cursor`,
    )
  }
  for (const [currency, money] of Object.entries(report.money)) {
    const { captured, refunded, pspCaptured, pspRefunded } = money
    lines.push(`  ${currency}: captured ${captured} (PSP ${pspCaptured}), refunded ${refunded} (PSP ${pspRefunded})`)
  }
  return lines.join('\n')
}

/** What names things in a line: cells as they are, and our own ids where they stand in one. */
import { addressOfPayment, parseOperationId } from '../../domain/ids.ts'
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'
import type { LineReferences } from './row.ts'

/** A reference as it is, or null for an empty cell. Nothing is trimmed: a reference with a blank is another one. */
export function readReference(cell: string, line: number, column: string): string | null {
  if (cell === '') return null
  const { referenceCharactersMax: max } = reportLimits
  if (cell.length > max) {
    throw new ReportRefused('too_long', `is a reference of more than ${max} characters`, { line, column })
  }
  return cell
}

export function readRequired(cell: string, line: number, column: string): string {
  const reference = readReference(cell, line, column)
  if (reference === null) throw new ReportRefused('blank', 'is empty', { line, column })
  return reference
}

/** Our ids: the first candidate that is an operation's, and the payment that is named, or that the operation belongs to. */
export function ourIds(
  payment: string | null,
  ...operations: readonly (string | null)[]
): Pick<LineReferences, 'operation' | 'payment'> {
  const named = payment !== null && addressOfPayment(payment) !== undefined ? payment : null
  for (const candidate of operations) {
    const parsed = candidate === null ? undefined : parseOperationId(candidate)
    if (parsed !== undefined) return { operation: candidate, payment: named ?? parsed.paymentId }
  }
  return { operation: null, payment: named }
}

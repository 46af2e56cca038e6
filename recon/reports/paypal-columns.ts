/** Columns and event codes of PayPal's settlement report. */
import type { ColumnRules } from './columns.ts'
import type { LineKind } from './row.ts'

const required = [
  'CH',
  'Transaction ID',
  'Transaction Event Code',
  'Transaction Completion Date',
  'Transaction Debit or Credit',
  'Gross Transaction Amount',
  'Gross Transaction Currency',
  'Fee Debit or Credit',
  'Fee Amount',
  'Fee Currency',
] as const

const optional = [
  'Invoice ID',
  'PayPal Reference ID',
  'PayPal Reference ID Type',
  'Custom Field',
  'Credit Transactional Fee',
  'Credit Promotional Fee',
] as const

export const payPalColumnsRead = [...required, ...optional] as const
export type PayPalColumn = (typeof payPalColumnsRead)[number]

export const payPalColumnRules: ColumnRules = {
  required,
  optional,
  unread: [
    'Transaction Initiation Date',
    'Consumer ID',
    'Payment Tracking ID',
    'Store ID',
    'Bank Reference ID',
    'Credit Term',
  ],
  soundsLikeMoney: /amount|currency|fee|gross|net|tax|debit|credit|balance/i,
}

/** Codes that mean something else than the rest of their group. */
const codes: ReadonlyMap<string, LineKind> = new Map<string, LineKind>([
  ['T1106', 'settled_reversed'],
  ['T1107', 'refunded'],
  ['T1108', 'fee'],
  ['T1109', 'fee'],
  ['T1110', 'reserve_taken'],
  ['T1111', 'reserve_released'],
  ['T1200', 'adjustment'],
  ['T1201', 'chargeback'],
  ['T1202', 'chargeback_reversed'],
  ['T1203', 'adjustment'],
  ['T1204', 'adjustment'],
  ['T1205', 'adjustment'],
  ['T1207', 'second_chargeback'],
  ['T1208', 'chargeback_reversed'],
  ['T1900', 'adjustment'],
  ['T2101', 'reserve_taken'],
  ['T2102', 'reserve_released'],
  ['T2103', 'reserve_taken'],
  ['T2104', 'reserve_released'],
  ['T2105', 'reserve_taken'],
  ['T2106', 'reserve_released'],
  ['T2107', 'reserve_taken'],
  ['T2108', 'reserve_released'],
])

const groups: ReadonlyMap<string, LineKind> = new Map<string, LineKind>([
  ['T00', 'settled'],
  ['T01', 'fee'],
  ['T02', 'conversion'],
  ['T04', 'payout'],
])

/** @param code `Tnnnn` */
export function payPalKind(code: string): LineKind {
  return codes.get(code) ?? (/^T\d{4}$/.test(code) ? groups.get(code.slice(0, 3)) : undefined) ?? 'unknown'
}

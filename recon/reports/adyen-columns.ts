/** Columns and types of Adyen's settlement details report. */
import type { ColumnRules } from './columns.ts'
import type { LineKind } from './row.ts'

const required = [
  'Merchant Account',
  'Psp Reference',
  'Merchant Reference',
  'Creation Date',
  'TimeZone',
  'Type',
  'Modification Reference',
  'Gross Currency',
  'Gross Debit (GC)',
  'Gross Credit (GC)',
  'Exchange Rate',
  'Net Currency',
  'Net Debit (NC)',
  'Net Credit (NC)',
  'Commission (NC)',
  'Markup (NC)',
  'Scheme Fees (NC)',
  'Interchange (NC)',
  'Batch Number',
] as const

const optional = ['Modification Merchant Reference', 'Booking Date', 'Booking Date TimeZone'] as const

export const adyenColumnsRead = [...required, ...optional] as const
export type AdyenColumn = (typeof adyenColumnsRead)[number]

export const adyenColumnRules: ColumnRules = {
  required,
  optional,
  unread: [
    'Company Account',
    'Payment Method',
    'Payment Method Variant',
    'Reserved4',
    'Reserved5',
    'Reserved6',
    'Reserved7',
    'Reserved8',
    'Reserved9',
    'Reserved10',
    'Metadata',
    'Balance Currency',
    'Net Debit (BC)',
    'Net Credit (BC)',
    // totals of columns that are read
    'Payment Fees (NC)',
    'Gross Fees (NC)',
    // part of what the net check would find missing
    'DCC Markup (NC)',
    'Advanced (NC)',
    'Advancement Code',
    'Funds Destination',
    'Balance Platform Debit',
    'Balance Platform Credit',
    'Shopper Country',
    'Clearing Network',
    'Merchant Order Reference',
    'Dispute Reference',
    'ARN',
    'Settlement Flow',
    'Authorisation Code',
  ],
  soundsLikeMoney: /\((?:NC|GC|BC)\)|amount|currency|fee|gross|net|tax|debit|credit|markup|commission/i,
}

const kinds: ReadonlyMap<string, LineKind> = new Map<string, LineKind>([
  ['Settled', 'settled'],
  ['SettledInInstallments', 'settled'],
  ['SettledReversed', 'settled_reversed'],
  ['Refunded', 'refunded'],
  ['RefundedReversed', 'refund_reversed'],
  ['Chargeback', 'chargeback'],
  ['ChargebackReversed', 'chargeback_reversed'],
  ['SecondChargeback', 'second_chargeback'],
  ['PaymentCost', 'fee'],
  ['Fee', 'fee'],
  ['MiscCosts', 'fee'],
  ['InvoiceDeduction', 'fee'],
  ['MerchantPayout', 'payout'],
  ['InternalCompanyPayout', 'payout'],
  ['BankInstructionReturned', 'payout_reversed'],
  ['Balancetransfer', 'carried_over'],
  ['ManualCorrected', 'adjustment'],
  ['MatchedStatement', 'adjustment'],
])

/** Their names do not say whether money goes into the reserve or comes out of it. */
const reserves: ReadonlySet<string> = new Set(['DepositCorrection', 'ReserveAdjustment'])

/** Of the batch: they name no payment. All other types that are known do. */
export const batchTypes: ReadonlySet<string> = new Set([
  'Fee',
  'MiscCosts',
  'InvoiceDeduction',
  'MerchantPayout',
  'InternalCompanyPayout',
  'BankInstructionReturned',
  'Balancetransfer',
  'ManualCorrected',
  'MatchedStatement',
  'DepositCorrection',
  'ReserveAdjustment',
])

/** @param net signed */
export function lineKindOf(type: string, net: bigint): LineKind {
  if (reserves.has(type)) return net < 0n ? 'reserve_taken' : 'reserve_released'
  return kinds.get(type) ?? 'unknown'
}

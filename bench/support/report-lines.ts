/** A file of so many lines of a report of Stripe's, and what they add up to; the same whenever it is made. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { once } from 'node:events'

/** What reconciliation reads, as a report run is asked for it, and all that Stripe documents beside. */
export const coreColumns: readonly string[] = [
  ...['balance_transaction_id', 'created_utc', 'available_on_utc', 'currency', 'gross', 'fee', 'net'],
  ...['reporting_category', 'source_id', 'charge_id', 'payment_intent_id', 'automatic_payout_id'],
  ...['payment_metadata[payment_id]', 'payment_metadata[operation_id]'],
]

export interface ReportFile {
  readonly bytes: number
  /** Net by currency, minor units. */
  readonly net: Readonly<Record<string, string>>
}

const currencies = ['eur', 'usd', 'jpy', 'gbp'] as const
const day0 = Date.UTC(2026, 0, 1)

/** @param columns what is not known of stays empty */
export async function writeReport(path: string, columns: readonly string[], lines: number): Promise<ReportFile> {
  const file = createWriteStream(path)
  const net = new Map<string, bigint>()
  let bytes = 0
  let text = `${columns.join(',')}\r\n`
  const flush = async (): Promise<void> => {
    bytes += Buffer.byteLength(text)
    if (!file.write(text)) await once(file, 'drain')
    text = ''
  }
  for (let index = 0; index < lines; index += 1) {
    const { cells, netMinor, currency } = lineOf(index)
    net.set(currency, (net.get(currency) ?? 0n) + BigInt(netMinor))
    text += `${columns.map((column) => cells[column] ?? '').join(',')}\r\n`
    if (text.length > 1 << 20) await flush()
  }
  await flush()
  file.end()
  await finished(file)
  return { bytes, net: Object.fromEntries([...net].map(([currency, sum]) => [currency.toUpperCase(), String(sum)])) }
}

interface Line {
  readonly cells: Readonly<Record<string, string>>
  readonly netMinor: number
  readonly currency: string
}

function lineOf(index: number): Line {
  const currency = currencies[index % currencies.length] ?? 'eur'
  const decimals = currency === 'jpy' ? 0 : 2
  const grossMinor = 1_000 + (index % 49_000)
  const fee = Math.round(grossMinor / 40)
  const amount = (minor: number): string => (minor / 10 ** decimals).toFixed(decimals)
  const at = new Date(day0 + ((index * 7_919) % 86_400) * 1000).toISOString().slice(0, 19).replace('T', ' ')
  const id = String(index).padStart(16, '0')
  const entity = `${String(index).padStart(25, '0')}0`
  const cells = {
    balance_transaction_id: `txn_1QwErTyU${id}`,
    created: at,
    created_utc: at,
    available_on: '2026-01-03 00:00:00',
    available_on_utc: '2026-01-03 00:00:00',
    currency,
    gross: amount(grossMinor),
    fee: amount(fee),
    net: amount(grossMinor - fee),
    reporting_category: 'charge',
    source_id: `ch_3QwErTyU${id}`,
    charge_id: `ch_3QwErTyU${id}`,
    payment_intent_id: `pi_3QwErTyU${id}`,
    automatic_payout_id: 'po_1QwErTyUiOpAsDfGhJkLzXcV',
    'payment_metadata[payment_id]': `pay_${entity}`,
    'payment_metadata[operation_id]': `att_${entity}_1`,
    description: index % 10 === 0 ? `"order ${index}, with a comma"` : `order ${index}`,
    customer_facing_amount: amount(grossMinor),
    customer_facing_currency: currency,
    payment_method_type: 'card',
    is_link: 'false',
    card_brand: 'Visa',
    card_funding: 'credit',
    card_country: 'US',
    statement_descriptor: 'SHARDPAY',
  }
  return { cells, netMinor: grossMinor - fee, currency }
}

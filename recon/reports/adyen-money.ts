/** The amounts of a line of Adyen's settlement details report, and that they agree with each other. */
import type { AdyenColumn } from './adyen-columns.ts'
import { type Currencies, type CurrencyUnit, readDecimal, readRate, readUnsigned } from './amounts.ts'
import { ReportRefused } from './errors.ts'
import type { LineFees, ParsedRow } from './row.ts'

/** The cell of a column; empty where the file has no such column. */
export type CellOf = (column: AdyenColumn) => string

/**
 * Costs and lines of the batch have a net amount alone: gross is what that and the fees make.
 * @param isKnown whether the type is one whose amounts have to be there and agree
 */
export function readMoney(
  cell: CellOf,
  line: number,
  currencies: Currencies,
  isKnown: boolean,
): Pick<ParsedRow, 'gross' | 'fees' | 'net' | 'exchangeRate'> {
  const hasGross = cell('Gross Debit (GC)') !== '' || cell('Gross Credit (GC)') !== ''
  const netColumn = cell('Net Currency') === '' && !isKnown ? 'Gross Currency' : 'Net Currency'
  const unit = currencies.unit(cell(netColumn), line, netColumn)
  const netMinor = sideOf(cell, unit, line, 'Net Debit (NC)', 'Net Credit (NC)')
  if (isKnown && netMinor === undefined && !hasGross) {
    throw new ReportRefused('blank', 'is empty, as all other amounts', { line, column: 'Net Credit (NC)' })
  }
  const net = { minor: netMinor ?? 0n, currency: unit.code }
  const fees = feesOf(cell, unit, line)
  const rate = cell('Exchange Rate')
  if (rate !== '') readRate(rate, line, 'Exchange Rate')
  const rest = { fees, net, exchangeRate: rate === '' ? null : rate }
  if (!hasGross) return { gross: { minor: net.minor + fees.total, currency: unit.code }, ...rest }
  const grossUnit = currencies.unit(cell('Gross Currency'), line, 'Gross Currency')
  const gross = sideOf(cell, grossUnit, line, 'Gross Debit (GC)', 'Gross Credit (GC)') ?? 0n
  if (isKnown) checkNet({ gross, grossUnit, settled: net.minor + fees.total, unit, rate, line })
  return { gross: { minor: gross, currency: grossUnit.code }, ...rest }
}

/** @returns signed; undefined where both cells are empty */
function sideOf(
  cell: CellOf,
  unit: CurrencyUnit,
  line: number,
  debitColumn: AdyenColumn,
  creditColumn: AdyenColumn,
): bigint | undefined {
  const [debit, credit] = [cell(debitColumn), cell(creditColumn)]
  if (debit !== '' && credit !== '') {
    throw new ReportRefused('amount', 'has an amount, and so has the debit column', { line, column: creditColumn })
  }
  if (debit !== '') return -readUnsigned(debit, unit, line, debitColumn)
  return credit === '' ? undefined : readUnsigned(credit, unit, line, creditColumn)
}

function feesOf(cell: CellOf, unit: CurrencyUnit, line: number): LineFees {
  const part = (column: AdyenColumn): bigint => {
    const written = cell(column)
    return written === '' ? 0n : readDecimal(written, unit, line, column)
  }
  const commission = part('Commission (NC)')
  const markup = part('Markup (NC)')
  const scheme = part('Scheme Fees (NC)')
  const interchange = part('Interchange (NC)')
  return { total: commission + markup + scheme + interchange, interchange, scheme, markup, commission, tax: null }
}

interface NetCheck {
  readonly gross: bigint
  readonly grossUnit: CurrencyUnit
  /** Net and fees together: gross in the net currency. */
  readonly settled: bigint
  readonly unit: CurrencyUnit
  /** Empty where there is none. */
  readonly rate: string
  readonly line: number
}

/** Exact where nothing was converted; else up to one minor unit off, and what the rate's last decimal leaves open. */
function checkNet({ gross, grossUnit, settled, unit, rate, line }: NetCheck): void {
  const isSame = grossUnit.code === unit.code
  if (isSame && gross === settled) return
  if (rate === '' && !isSame) throw new ReportRefused('blank', 'is empty', { line, column: 'Exchange Rate' })
  const { scaled, scale } = rate === '' ? { scaled: 1n, scale: 1n } : readRate(rate, line, 'Exchange Rate')
  const isConverted = !isSame || scaled !== scale
  // all in 10^-n of minor units of both currencies, so that nothing is divided
  const grossScale = 10n ** BigInt(grossUnit.exponent)
  const netScale = 10n ** BigInt(unit.exponent)
  const off = settled * scale * grossScale - gross * scaled * netScale
  const tolerance = scale * grossScale + ((gross < 0n ? -gross : gross) * netScale) / 2n
  if (isConverted && off <= tolerance && -off <= tolerance) return
  const rule = 'is not gross by the exchange rate less the fees'
  throw new ReportRefused('net_mismatch', rule, { line, column: 'Net Credit (NC)' })
}

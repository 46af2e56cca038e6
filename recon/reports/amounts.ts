/**
 * Amounts as reports write them, as minor units of ISO 4217; exact or refused, never rounded and never through a float.
 *
 * A decimal is an optional minus, digits without leading zeros, and after a dot at most as many decimals as ISO or the PSP
 * counts the currency in. So `1,234.56`, `1.234,56`, `1e3`, `-0`, `+1`, ` 1` and three decimals of a euro are refused, and so
 * is what our minor units (5.50 ISK) or the PSP's own (1.50 MGA at Stripe) cannot hold.
 */
import { currencyExponent, isKnownCurrency } from '../../domain/money/currency.ts'
import { type PspWithExponents, pspExponent } from '../../domain/money/psp-exponents.ts'
import { ReportRefused } from './errors.ts'

/** A currency as one source of reports counts in it. */
export interface CurrencyUnit {
  /** ISO 4217, upper case. */
  readonly code: string
  readonly exponent: number
  /** Decimals that an amount may have. */
  readonly decimalsMax: number
  /** Amounts are multiples of this many of our minor units. */
  readonly step: number
}

/** Where a cell stands, for its refusal; made only where it is refused. */
export interface CellPlace {
  readonly line: number
  readonly column: string
}

/** Looks currencies up as a source writes them; each once. */
export class Currencies {
  readonly #psp: PspWithExponents | undefined
  readonly #isLowerTaken: boolean
  readonly #units = new Map<string, CurrencyUnit>()

  /**
   * @param psp whose minor units amounts must fit; undefined: ISO's alone
   * @param isLowerTaken whether codes may be in lower case
   */
  constructor(psp: PspWithExponents | undefined, isLowerTaken: boolean) {
    this.#psp = psp
    this.#isLowerTaken = isLowerTaken
  }

  unit(written: string, line: number, column: string): CurrencyUnit {
    const known = this.#units.get(written)
    if (known !== undefined) return known
    if (written === '') throw new ReportRefused('blank', 'is empty', { line, column })
    const code = this.#isLowerTaken && /^[A-Za-z]{3}$/.test(written) ? written.toUpperCase() : written
    const unit = unitOf(code, this.#psp)
    if (unit === undefined) {
      const whose = this.#psp === undefined ? '' : ', or none that the PSP has'
      throw new ReportRefused('currency', `is no currency of ISO 4217${whose}`, { line, column })
    }
    this.#units.set(unit.code, unit)
    if (this.#isLowerTaken) this.#units.set(unit.code.toLowerCase(), unit)
    return unit
  }
}

function unitOf(code: string, psp: PspWithExponents | undefined): CurrencyUnit | undefined {
  if (!isKnownCurrency(code)) return undefined
  const exponent = currencyExponent(code)
  const theirs = psp === undefined ? exponent : pspExponent(psp, code)
  if (theirs === undefined) return undefined
  // a copy: a piece of the file would stay in memory with the text that was cut out of it
  const own = Buffer.from(code).toString()
  return { code: own, exponent, decimalsMax: Math.max(exponent, theirs), step: 10 ** Math.max(exponent - theirs, 0) }
}

/** A decimal of major units, signed. */
export function readDecimal(cell: string, unit: CurrencyUnit, line: number, column: string): bigint {
  return BigInt(parseDecimal(cell, unit) ?? refuseAmount(cell, unit, { line, column }, 'signed'))
}

/** A decimal of major units without a sign. */
export function readUnsigned(cell: string, unit: CurrencyUnit, line: number, column: string): bigint {
  const value = parseDecimal(cell, unit)
  return BigInt(value === undefined || value < 0 ? refuseAmount(cell, unit, { line, column }, 'unsigned') : value)
}

/** An unsigned whole number with two decimals implied, whatever the currency has. */
export function readImplied(cell: string, unit: CurrencyUnit, line: number, column: string): bigint {
  const place = { line, column }
  if (cell === '') throw new ReportRefused('blank', 'is empty', place)
  const hundredths = /^(?:0|[1-9]\d{0,15})$/.test(cell) ? BigInt(cell) : undefined
  const scaled = hundredths === undefined ? undefined : hundredths * 10n ** BigInt(unit.exponent)
  if (scaled === undefined || scaled % 100n !== 0n || scaled / 100n > BigInt(Number.MAX_SAFE_INTEGER)) {
    const rule = `is not a whole number of hundredths that ${unit.code} can have, without sign, dot or grouping`
    throw new ReportRefused('amount', rule, place)
  }
  return scaled / 100n
}

function refuseAmount(cell: string, { code, decimalsMax }: CurrencyUnit, place: CellPlace, sign: string): never {
  if (cell === '') throw new ReportRefused('blank', 'is empty', place)
  const decimals = decimalsMax === 0 ? 'no decimals' : `at most ${decimalsMax} decimals after a dot`
  const rule = `is no ${sign} amount of ${code}: digits without grouping or leading zeros, ${decimals}, no minus zero`
  throw new ReportRefused('amount', rule, place)
}

const zero = 0x30
const nine = 0x39

/**
 * Whole numbers below 2^53 alone, so arithmetic is exact.
 * @returns minor units of ours, or undefined where the text is no such amount
 */
function parseDecimal(cell: string, { exponent, decimalsMax, step }: CurrencyUnit): number | undefined {
  const isNegative = cell.charCodeAt(0) === 0x2d
  const first = isNegative ? 1 : 0
  const { length } = cell
  let digits = 0
  let dot = -1
  for (let index = first; index < length; index += 1) {
    const character = cell.charCodeAt(index)
    if (character >= zero && character <= nine) {
      digits = digits * 10 + (character - zero)
      if (digits > Number.MAX_SAFE_INTEGER) return undefined
    } else if (character === 0x2e && dot === -1) dot = index
    else return undefined
  }
  const wholeEnd = dot === -1 ? length : dot
  const decimals = dot === -1 ? 0 : length - dot - 1
  if (wholeEnd === first || (dot !== -1 && decimals === 0) || decimals > decimalsMax) return undefined
  if (cell.charCodeAt(first) === zero && wholeEnd > first + 1) return undefined
  let minor = digits
  if (decimals <= exponent) minor *= 10 ** (exponent - decimals)
  else {
    const surplus = 10 ** (decimals - exponent)
    if (minor % surplus !== 0) return undefined
    minor /= surplus
  }
  if (minor > Number.MAX_SAFE_INTEGER || minor % step !== 0) return undefined
  if (!isNegative) return minor
  return minor === 0 ? undefined : -minor
}

const ratePattern = /^(\d{1,12})(?:\.(\d{1,15}))?$/

/** A decimal above zero as numerator over a power of ten. */
export function readRate(
  cell: string,
  line: number,
  column: string,
): { readonly scaled: bigint; readonly scale: bigint } {
  const [, whole = '', fraction = ''] = ratePattern.exec(cell) ?? []
  const scaled = BigInt(whole + fraction)
  if (scaled === 0n) {
    throw new ReportRefused('exchange_rate', 'is no decimal above zero', { line, column })
  }
  return { scaled, scale: 10n ** BigInt(fraction.length) }
}

/**
 * Currencies and amounts. An amount is an integer of minor units with its currency; how many minor units make one major
 * unit (10^exponent) comes from the ISO 4217 list checked in here and never from `Intl`, whose digits are what is usual
 * on a price tag (0 for HUF, IDR, COP) and not what money is counted in.
 *
 * Guarantees: every helper is exact (no float is ever involved) and answers one currency's exponent only from this table.
 * Leaves to others: what a PSP calls a minor unit (`psp-exponents.ts`); sums of amounts, which are `bigint`.
 *
 * Permanent: an exponent never changes, and a code leaves the table only if no journal can hold it. A withdrawn currency
 * that payments have used stays, so that they can be refunded.
 */
import { assert, AssertionFailure } from '../../runtime/assert.ts'

/**
 * ISO 4217 list one as of November 2026, fund codes included. Left out on purpose: precious metals, bond market units,
 * special drawing rights and accounting units (XAG XAU XPD XPT XBA XBB XBC XBD XDR XSU XUA XAD), the codes for tests and
 * for no currency (XTS, XXX), and currencies withdrawn before this table began (ANG, BGN, CUC, ZWL and older).
 */
const codesByExponent: readonly (readonly [exponent: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [
    2,
    `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
     COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
     JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
     NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
     THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG`,
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
]

const exponents: ReadonlyMap<string, number> = new Map(
  codesByExponent.flatMap(([exponent, codes]) => codes.split(/\s+/).map((code) => [code, exponent] as const)),
)

/** Every currency that an amount can have: ISO 4217 codes, upper case, sorted. */
export const currencyCodes: readonly string[] = [...exponents.keys()].sort()

/** Whether `code` is a currency of the table: three upper-case letters; nothing else is folded into one. */
export function isKnownCurrency(code: string): boolean {
  return exponents.has(code)
}

/** How many decimals the currency's major unit has: 2 for EUR, 0 for JPY. Throws for a code that is not in the table. */
export function currencyExponent(code: string): number {
  const exponent = exponents.get(code)
  // The code itself stays out of the message: an unknown one may be anything a stranger sent.
  if (exponent === undefined) throw new AssertionFailure('a currency is in the ISO 4217 table', { length: code.length })
  return exponent
}

/** Digits that a card message has for an amount (ISO 8583, field 4). */
const amountDigitsMax = 12

/**
 * The largest single amount of a currency, in minor units: what fits 12 digits with at least two decimals (some PSPs
 * count ISK and UGX, which have none, in hundredths). 9,999,999,999.99 EUR; 9,999,999,999 JPY; 999,999,999.999 KWD.
 */
export function amountMinorMax(currency: string): number {
  return 10 ** (amountDigitsMax - Math.max(0, 2 - currencyExponent(currency))) - 1
}

/** Whether `amountMinor` can be one amount of a known currency: a whole number from 1 to {@link amountMinorMax}. */
export function isAmountMinor(amountMinor: number, currency: string): boolean {
  return (
    isKnownCurrency(currency) &&
    Number.isSafeInteger(amountMinor) &&
    amountMinor >= 1 &&
    amountMinor <= amountMinorMax(currency)
  )
}

/** Asserts what {@link isAmountMinor} tells. For amounts that were validated before; outside values are asked, not asserted. */
export function assertAmountMinor(amountMinor: number, currency: string): void {
  const max = amountMinorMax(currency)
  assert(Number.isSafeInteger(amountMinor), 'an amount is a whole number of minor units', { amountMinor, currency })
  assert(amountMinor >= 1, 'an amount is above zero', { amountMinor, currency })
  assert(amountMinor <= max, 'an amount is within the maximum of its currency', { amountMinor, currency, max })
}

/**
 * Minor units as a decimal of major units with all of the currency's decimals: 1234 EUR is `12.34`, -5 KWD is `-0.005`.
 * Takes sums (`bigint`) and negative values too.
 */
export function toDecimalString(amountMinor: number | bigint, currency: string): string {
  const exponent = currencyExponent(currency)
  if (typeof amountMinor === 'number') {
    assert(Number.isSafeInteger(amountMinor), 'an amount is a whole number of minor units', { amountMinor, currency })
  }
  const value = BigInt(amountMinor)
  const digits = (value < 0n ? -value : value).toString().padStart(exponent + 1, '0')
  const whole = digits.slice(0, digits.length - exponent)
  const fraction = exponent === 0 ? '' : `.${digits.slice(digits.length - exponent)}`
  return `${value < 0n ? '-' : ''}${whole}${fraction}`
}

const decimalPattern = /^(-?)(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,4}))?$/

/**
 * A decimal of major units as minor units, or undefined where the text is not exactly that: an optional minus, digits
 * without leading zeros or grouping, at most the currency's decimals after a dot. `-0`, exponents, other digits, blanks
 * and a number beyond the safe integers are refused. Negative values are taken: reports have them.
 */
export function parseDecimal(text: string, currency: string): number | undefined {
  const exponent = currencyExponent(currency)
  const match = decimalPattern.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = ''] = match
  if (fraction.length > exponent) return undefined
  const magnitude = BigInt(whole + fraction.padEnd(exponent, '0'))
  if (magnitude > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  if (sign === '') return Number(magnitude)
  return magnitude === 0n ? undefined : -Number(magnitude)
}

/**
 * What each PSP calls a minor unit where it differs from ISO 4217, and the exact conversion both ways.
 *
 * Guarantees: a conversion is exact or refused, never rounded; converting to a PSP and back gives the same amount.
 * Leaves to others: whether the PSP takes the currency on this account, its smallest and largest charge, the spelling
 * of the code on the wire.
 */
import { assert, unreachable } from '../../runtime/assert.ts'
import { currencyExponent, isKnownCurrency } from './currency.ts'

/** PSPs whose minor units are known here. */
export type PspWithExponents = 'stripe' | 'adyen'

interface PspUnit {
  /** Decimals of the PSP's minor unit. */
  readonly exponent: number
  /** The PSP takes only multiples of this many of its own minor units. */
  readonly step: number
}

/**
 * Stripe counts in ISO minor units with these exceptions:
 * - MGA in whole ariary (its fifth parts are not decimal, ISO says 2);
 * - ISK and UGX, which have no decimals, are sent with two that must be 00;
 * - three-decimal currencies end in 0;
 * - all else that has not two decimals is no currency of Stripe's: IQD, LYD, UYI, CLF, UYW. Fund codes neither.
 */
const stripeUnits: ReadonlyMap<string, PspUnit> = new Map([
  ...sharing('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF', { exponent: 0, step: 1 }),
  ...sharing('BHD JOD KWD OMR TND', { exponent: 3, step: 10 }),
  ...sharing('ISK UGX', { exponent: 2, step: 100 }),
])
const fundCodes: ReadonlySet<string> = new Set(['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW'])

/** Adyen counts in ISO minor units but for these four, where its own list of currencies is leading. */
const adyenUnits: ReadonlyMap<string, PspUnit> = new Map([
  ...sharing('CVE IDR', { exponent: 0, step: 1 }),
  ...sharing('CLP ISK', { exponent: 2, step: 1 }),
])

function sharing(codes: string, unit: PspUnit): [string, PspUnit][] {
  return codes.split(' ').map((code) => [code, unit])
}

function unitOf(psp: PspWithExponents, currency: string): PspUnit | undefined {
  const isoExponent = currencyExponent(currency)
  switch (psp) {
    case 'stripe': {
      const unit = stripeUnits.get(currency)
      if (unit !== undefined) return unit
      return isoExponent === 2 && !fundCodes.has(currency) ? { exponent: 2, step: 1 } : undefined
    }
    case 'adyen':
      return fundCodes.has(currency) ? undefined : (adyenUnits.get(currency) ?? { exponent: isoExponent, step: 1 })
    default:
      return unreachable(psp)
  }
}

/**
 * How many decimals the PSP's minor unit of a currency has: 2 for ISK at Stripe, where ISO has none. Undefined where the
 * code is unknown to us, or the PSP has no such currency.
 */
export function pspExponent(psp: PspWithExponents, currency: string): number | undefined {
  return isKnownCurrency(currency) ? unitOf(psp, currency)?.exponent : undefined
}

/** `amount` × 10^`digits` as a safe integer, or undefined where it is not one. */
function shiftDecimals(amount: number, digits: number): number | undefined {
  const factor = 10 ** Math.abs(digits)
  const shifted = digits >= 0 ? amount * factor : amount % factor === 0 ? amount / factor : undefined
  return shifted !== undefined && Number.isSafeInteger(shifted) ? shifted : undefined
}

/**
 * Our minor units as the PSP's, or undefined where the PSP cannot represent the amount (10.005 KWD or 1.50 MGA at
 * Stripe) or does not know the currency.
 */
export function toPspMinor(psp: PspWithExponents, amountMinor: number, currency: string): number | undefined {
  assert(Number.isSafeInteger(amountMinor), 'an amount is a whole number of minor units', { amountMinor, currency })
  const unit = unitOf(psp, currency)
  if (unit === undefined) return undefined
  const shifted = shiftDecimals(amountMinor, unit.exponent - currencyExponent(currency))
  return shifted !== undefined && shifted % unit.step === 0 ? shifted : undefined
}

/**
 * The PSP's minor units as ours, or undefined where ours cannot hold the value (5.50 ISK), it is no whole number, or the
 * currency is unknown to us or to the PSP. Values are taken as the PSP says them: its own rule on steps is not applied.
 */
export function fromPspMinor(psp: PspWithExponents, pspMinor: number, currency: string): number | undefined {
  if (!Number.isSafeInteger(pspMinor) || !isKnownCurrency(currency)) return undefined
  const unit = unitOf(psp, currency)
  if (unit === undefined) return undefined
  return shiftDecimals(pspMinor, currencyExponent(currency) - unit.exponent)
}

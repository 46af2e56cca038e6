/**
 * A PSP's minor units as decimals of major units, exactly. The decimals are each PSP's own, written down here once more:
 * the witness does not count with the table of those whom it judges.
 */

/** Of currencies that do not have two. */
const stripeDecimals: ReadonlyMap<string, number> = new Map([
  ...sharing('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF', 0),
  ...sharing('BHD JOD KWD OMR TND', 3),
])

const adyenDecimals: ReadonlyMap<string, number> = new Map([
  ...sharing('BIF CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF', 0),
  ...sharing('BHD IQD JOD KWD LYD OMR TND', 3),
])

function sharing(codes: string, decimals: number): [string, number][] {
  return codes.split(' ').map((code) => [code, decimals])
}

/** How many decimals the PSP's minor unit of a currency has; the code in upper or lower case. */
export function decimalsOf(psp: 'stripe' | 'adyen', currency: string): number {
  return (psp === 'stripe' ? stripeDecimals : adyenDecimals).get(currency.toUpperCase()) ?? 2
}

/** 1234 with two decimals is `12.34`, -5 with three `-0.005`, 1234 with none `1234`. */
export function toDecimal(minor: number | bigint, decimals: number): string {
  const value = BigInt(minor)
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = decimals === 0 ? '' : `.${digits.slice(-decimals)}`
  return `${value < 0n ? '-' : ''}${whole}${fraction}`
}

/** Sums that footers of PayPal's settlement report have to say. */
import { ReportRefused } from './errors.ts'

/** All without a sign, minor units. */
export interface Footer {
  readonly currency: string
  readonly grossCredits: bigint
  readonly grossDebits: bigint
  readonly feeCredits: bigint
  readonly feeDebits: bigint
}

type Sums = { -readonly [Key in Exclude<keyof Footer, 'currency'>]: bigint }

/** Of a section, or of the report. */
export class FooterSums {
  readonly #sums = new Map<string, Sums>()
  readonly #verified = new Set<string>()
  #lines = 0

  get lines(): number {
    return this.#lines
  }

  /** @param gross signed. @param fee above zero where charged */
  addLine(currency: string, gross: bigint, fee: bigint): void {
    const sums = this.#of(currency)
    if (gross > 0n) sums.grossCredits += gross
    else sums.grossDebits -= gross
    if (fee > 0n) sums.feeDebits += fee
    else sums.feeCredits -= fee
    this.#lines += 1
  }

  add(section: FooterSums): void {
    for (const [currency, theirs] of section.#sums) {
      const sums = this.#of(currency)
      sums.grossCredits += theirs.grossCredits
      sums.grossDebits += theirs.grossDebits
      sums.feeCredits += theirs.feeCredits
      sums.feeDebits += theirs.feeDebits
    }
    this.#lines += section.#lines
  }

  /** A footer is right, and the only one of its currency. */
  verify({ currency, ...said }: Footer, line: number): undefined {
    const sums = this.#of(currency)
    if (this.#verified.has(currency)) {
      throw new ReportRefused('structure', `is the second footer of ${currency}`, { line })
    }
    for (const name of ['grossCredits', 'grossDebits', 'feeCredits', 'feeDebits'] as const) {
      if (said[name] === sums[name]) continue
      const words = name.replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`)
      const rule = `${words} in ${currency} are not what the lines add up to`
      throw new ReportRefused('control_total', rule, { line, column: `footer: ${words}` })
    }
    this.#verified.add(currency)
    return undefined
  }

  /** Every currency that has lines has had a footer. */
  verifyAll(line: number): void {
    for (const currency of this.#sums.keys()) {
      if (this.#verified.has(currency)) continue
      throw new ReportRefused('control_total', `there is no footer of ${currency}, which has lines`, { line })
    }
  }

  #of(currency: string): Sums {
    let sums = this.#sums.get(currency)
    if (sums === undefined) {
      sums = { grossCredits: 0n, grossDebits: 0n, feeCredits: 0n, feeDebits: 0n }
      this.#sums.set(currency, sums)
    }
    return sums
  }
}

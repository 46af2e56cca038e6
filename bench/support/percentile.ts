/** Exact percentiles of all samples of a run (nearest rank); nothing is sketched or averaged away. */

export class Samples {
  #values: Float64Array
  #count = 0

  constructor(capacity = 4096) {
    this.#values = new Float64Array(capacity)
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count] = value
    this.#count += 1
  }

  get count(): number {
    return this.#count
  }

  /** The smallest sample that at least this share (above 0, at most 1) of all samples do not exceed; NaN without samples. */
  percentile(share: number): number {
    const sorted = this.#values.slice(0, this.#count).sort()
    return sorted[Math.max(0, Math.ceil(share * this.#count) - 1)] ?? Number.NaN
  }
}

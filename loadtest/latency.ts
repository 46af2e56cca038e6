/** Latencies in Node's own HDR histogram: constant memory, three significant digits, percentiles that are not averages. */
import { createHistogram } from 'node:perf_hooks'

export interface LatencySummary {
  readonly count: number
  /** Milliseconds. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const highestNs = 600_000_000_000

export class Latency {
  readonly #histogram = createHistogram({ lowest: 1, highest: highestNs, figures: 3 })

  record(ns: number): void {
    this.#histogram.record(Math.min(highestNs, Math.max(1, Math.round(ns))))
  }

  summary(): LatencySummary {
    const { count, max } = this.#histogram
    const ms = (ns: number): number => (count === 0 ? 0 : Math.round(ns / 1e4) / 100)
    const at = (percentile: number): number => ms(this.#histogram.percentile(percentile))
    return { count, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: ms(max) }
  }
}

export function describeLatency({ count, p50, p90, p99, p999, max }: LatencySummary): string {
  return `${count} (ms: p50 ${p50}, p90 ${p90}, p99 ${p99}, p99.9 ${p999}, max ${max})`
}

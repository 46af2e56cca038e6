/**
 * Metrics in Prometheus' form, one registry per process part, so that tests and several nodes in one process keep
 * theirs apart. Own names start with `pay_`. A label has few values: ids of merchants, payments and entities are
 * refused, because each value is a time series for ever.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { assert } from './assert.ts'

/** Seconds, 5 ms to 10 s: the buckets OpenTelemetry advises. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const
/** Rows per flush, envelopes per frame. */
export const sizeBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000] as const

export interface MetricOptions<Label extends string> {
  /** Without the prefix: `journal_fenced_total`. Counters end in `_total`, durations in `_seconds`. */
  readonly name: string
  readonly help: string
  readonly labels?: readonly Label[]
}

export interface HistogramOptions<Label extends string> extends MetricOptions<Label> {
  readonly buckets: readonly number[]
}

export interface GaugeOptions<Label extends string> extends MetricOptions<Label> {
  /** Called at each scrape to set the value; must return fast. */
  readonly collect?: (gauge: Gauge<Label>) => void
}

export interface Metrics {
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>
  gauge<Label extends string = never>(options: GaugeOptions<Label>): Gauge<Label>
  histogram<Label extends string = never>(options: HistogramOptions<Label>): Histogram<Label>
  /** The exposition, as `/metrics` answers it. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  /** CPU, memory, event loop and garbage collection of this process; once per process. */
  readonly ofProcess?: boolean
}

const manyValued: ReadonlySet<string> = new Set([
  'merchant',
  'payment',
  'entity',
  'operation_id',
  'request_id',
  'key',
  'customer',
  'url',
  'path',
])

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  if (options.ofProcess === true) collectDefaultMetrics({ register: registry })

  function common<Label extends string>({ name, help, labels = [] }: MetricOptions<Label>) {
    assert(/^[a-z]+(?:_[a-z]+)*$/.test(name), 'a metric is named in snake case, without the prefix', { name })
    for (const label of labels) assert(!manyValued.has(label), 'a label has few values', { name, label })
    return { name: `pay_${name}`, help, labelNames: labels, registers: [registry] }
  }

  return {
    counter(options) {
      assert(options.name.endsWith('_total'), 'a counter ends in _total', { name: options.name })
      return new Counter(common(options))
    },
    gauge(options) {
      const { collect } = options
      return new Gauge({
        ...common(options),
        ...(collect && {
          collect() {
            collect(this)
          },
        }),
      })
    },
    histogram: (options) => new Histogram({ ...common(options), buckets: [...options.buckets] }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

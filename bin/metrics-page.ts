/** docs/metrics.md, made from what the parts of a process register. Nothing is measured, nothing collected. */
import type { ClusterRouter } from '../cluster/cluster-router.ts'
import type { Links } from '../cluster/link.ts'
import type { OwnerTable } from '../cluster/owners.ts'
import type { Host } from '../actors/host.ts'
import type { Velocity } from '../actors/velocity.ts'
import { gatewayMetrics } from '../gateway/metrics.ts'
import { createMetrics, type MetricOptions, type Metrics } from '../runtime/metrics.ts'
import { createClusterMetrics } from './cluster-metrics.ts'
import { createLedgerMetrics } from './ledger-keeper.ts'
import { createBreakerMetric, createNodeMetrics } from './node-metrics.ts'

export interface MetricRow {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  readonly help: string
}

/** What registers metrics, under the name of who has them. A part that is new has to be added; a test misses its names. */
const parts: readonly (readonly [who: string, register: (metrics: Metrics) => void])[] = [
  [
    'Every process',
    (metrics) => {
      const cluster = createClusterMetrics(metrics)
      cluster.observeTls(() => 0)
      cluster.observe(unread<{ owners: OwnerTable; links: Links; router: ClusterRouter }>())
    },
  ],
  [
    'Nodes',
    (metrics) => {
      const node = createNodeMetrics(metrics)
      node.observe(unread<Host>(), unread)
      node.observeVelocity(unread<Velocity>())
      createBreakerMetric(metrics)
    },
  ],
  ['Gateways', (metrics) => void gatewayMetrics(metrics)],
  ['Operators', (metrics) => void createLedgerMetrics(metrics)],
]

export function metricsOf(register: (metrics: Metrics) => void): MetricRow[] {
  const rows: MetricRow[] = []
  const real = createMetrics()
  const seen = (kind: MetricRow['kind'], { name, help, labels = [] }: MetricOptions<string>): void =>
    void rows.push({ name: `pay_${name}`, kind, labels, help })
  register({
    ...real,
    counter(options) {
      seen('counter', options)
      return real.counter(options)
    },
    gauge(options) {
      seen('gauge', options)
      return real.gauge(options)
    },
    histogram(options) {
      seen('histogram', options)
      return real.histogram(options)
    },
  })
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function metricsPage(): string {
  const sections = parts.map(([who, register]) => `## ${who}\n\n${table(metricsOf(register))}`)
  return `# Metrics

<!-- Written by \`npm run docs\` from what the code registers (bin/metrics-page.ts); a test fails where the two differ. -->

Every process answers \`GET /metrics\` on its operators' port (\`SHARDPAY_OPERATOR_PORT\`) in Prometheus' form, beside
\`/livez\` and \`/readyz\`. Names and labels are a contract: they are added, not changed. No label holds the id of a
merchant, payment or request, because each value is a time series for ever. Durations are in seconds, sizes in bytes.
A gauge that says "since the start" counts from zero in each incarnation. CPU, memory, event loop and garbage collection
of the process are there under the names of prom-client (\`process_…\`, \`nodejs_…\`).

${sections.join('\n\n')}
`
}

function table(rows: readonly MetricRow[]): string {
  const lines = rows.map(({ name, kind, labels, help }) => {
    const names = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${kind} | ${names} | ${help.replaceAll('|', '\\|')} |`
  })
  return ['| name | kind | labels | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

/** Stands for a part that is read at a scrape only; reading it here is an error. */
function unread<Part extends object>(): Part {
  return new Proxy({} as Part, {
    get() {
      throw new Error('a page of metrics reads none')
    },
  })
}

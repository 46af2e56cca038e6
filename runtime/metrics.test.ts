import { expect, test } from 'vitest'
import { AssertionFailure } from './assert.ts'
import { createMetrics, durationBuckets } from './metrics.ts'

test('names carry the prefix, and values appear in the exposition', async () => {
  const metrics = createMetrics()
  const payments = metrics.counter({ name: 'payments_total', help: 'payments', labels: ['state'] })
  payments.inc({ state: 'captured' }, 2)
  metrics.gauge({ name: 'actor_active', help: 'live actors', collect: (gauge) => gauge.set(42) })
  const duration = metrics.histogram({ name: 'journal_append_seconds', help: 'appends', buckets: durationBuckets })
  duration.observe(0.004)
  const text = await metrics.text()
  expect(text).toContain('pay_payments_total{state="captured"} 2')
  expect(text).toContain('pay_actor_active 42')
  expect(text).toContain('pay_journal_append_seconds_bucket{le="0.005"} 1')
})

test('two registries share nothing', async () => {
  const [a, b] = [createMetrics(), createMetrics()]
  a.counter({ name: 'shed_total', help: 'refused for load' }).inc()
  b.counter({ name: 'shed_total', help: 'refused for load' })
  expect(await a.text()).toContain('pay_shed_total 1')
  expect(await b.text()).toContain('pay_shed_total 0')
})

test('a label with unbounded values is refused', () => {
  const metrics = createMetrics()
  expect(() => metrics.counter({ name: 'x_total', help: 'x', labels: ['merchant'] })).toThrow(AssertionFailure)
})

test('a counter must end in _total, and no name carries the prefix itself', () => {
  const metrics = createMetrics()
  expect(() => metrics.counter({ name: 'payments', help: 'x' })).toThrow(AssertionFailure)
  expect(() => metrics.gauge({ name: 'Pay_x', help: 'x' })).toThrow(AssertionFailure)
})

test('the metrics of the process are there where they are asked for', async () => {
  expect(await createMetrics({ ofProcess: true }).text()).toContain('nodejs_eventloop_lag_seconds')
  expect(await createMetrics().text()).not.toContain('nodejs_')
})

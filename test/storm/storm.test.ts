/**
 * A storm of misbehaving PSPs over a real cluster: requests that time out before or after their effect, server errors with and
 * without one, webhooks that come twice, late, early, out of order or not at first, and a node killed in the middle. When the
 * schedule of unknown outcomes has run out, every payment is what the PSPs' book proves, or a person has been asked.
 *
 * How many payments: test/support/scale.ts. The seed is printed; `SHARDPAY_SEED` repeats the journeys.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest'
import { describeReport } from '../../loadtest/auditor/report.ts'
import { scaled } from '../support/scale.ts'
import { StormCluster } from './support/cluster.ts'
import { Storm } from './support/storm.ts'

const seed = Number(process.env['SHARDPAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const payments = scaled('stormPayments')
const patienceMs = 2_000
/** Journeys per second. */
const rate = 20
/** Of the whole test: what the payments take at that rate on a busy machine, and the end of every schedule. */
const withinMs = 1_200_000 + (payments / rate) * 4_000

/** 10 % time out, 5 % are server errors, in equal parts with and without an effect; a 500 is kept for its key, a 503 is not. */
const misbehaviour = [
  { action: 'latency', latency_ms: { kind: 'uniform', min: 5, max: 60 } },
  { action: 'timeout_before', probability: 0.05 },
  { action: 'timeout_after', probability: 0.05 },
  { action: 'error_500_before', probability: 0.0125 },
  { action: 'error_500_after', probability: 0.0125 },
  { action: 'error_500_before', probability: 0.0125, status: 503 },
  { action: 'error_500_after', probability: 0.0125, status: 503 },
]

/** Lost attempts are repeated: a thousandth of the PSP's waits, three days in four minutes. */
const webhookTimeScale = 1_000
const webhookMisbehaviour = [
  { action: 'duplicate', probability: 0.2 },
  { action: 'before_answer', probability: 0.1 },
  { action: 'reorder', probability: 0.5, window_ms: 2_000 },
  { action: 'lose', probability: 0.05 },
]

let cluster: StormCluster

beforeAll(async () => {
  cluster = await StormCluster.start({ nodes: 2, patienceMs })
  await cluster.behave(misbehaviour)
  await cluster.webhooks(webhookTimeScale, webhookMisbehaviour)
})

afterAll(() => cluster.stop())

test(
  `after a storm over both PSPs every payment is what their book proves, or with a person (${payments} payments)`,
  async () => {
    process.stdout.write(`seed ${seed}\n`)
    onTestFailed(() => void process.stdout.write(`${cluster.output}\n`))
    const storm = new Storm(cluster, { seed, rate })
    try {
      await storm.progress(payments / 2, withinMs)
      await storm.fault('kill -9 of a node', 1, () => cluster.killNode('node-1'))
      await storm.progress(payments, withinMs)
      const { report, proof, webhooks } = await storm.aftermath()
      process.stdout.write(`${describeReport(report)}\n`)
      process.stdout.write(`${JSON.stringify({ wrongs: proof.wrongs, counts: proof.counts, webhooks }, null, 2)}\n`)
      expect(proof.found).toEqual([])
      expect(report.findings).toEqual([])
      expect(report.result).toBe('pass')
      expect(report.seen.payments).toBeGreaterThanOrEqual(payments)
    } finally {
      await storm.close()
    }
  },
  withinMs,
)

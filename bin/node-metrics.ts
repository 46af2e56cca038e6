/** What a node tells of itself: its host, its journal, its calls to PSPs. Names are part of the operators' contract. */
import type { EffectObserver } from '../actors/effect-runner.ts'
import type { Host, HostTrouble } from '../actors/host.ts'
import type { Velocity } from '../actors/velocity.ts'
import type { Delivery } from '../domain/inbox/commands.ts'
import type { MoveRecord, TakeoverRecord } from '../cluster/status.ts'
import type { JournalStats } from '../persistence/postgres-journal.ts'
import type { BreakerState } from '../psp/resilience.ts'
import { durationBuckets, type Metrics } from '../runtime/metrics.ts'

const moveBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const

export interface NodeMetrics {
  readonly called: EffectObserver['called']
  noticeHandedOver(connection: string, delivery: Delivery['kind'], ms: number): void
  trouble(what: HostTrouble): void
  shardUncertain(): void
  /** Reads what the parts count by themselves, at each scrape. */
  moved(record: MoveRecord): void
  takenOver(record: TakeoverRecord): void
  /** What was accepted lately was read from the read side, or could not be. */
  acceptedRead(outcome: 'read' | 'failed'): void
  observeVelocity(velocity: Pick<Velocity, 'counters' | 'uncounted'>): void
  observe(host: Host, journal: () => Readonly<JournalStats>): void
}

const breakerValues: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 0.5, open: 1 }

export function createBreakerMetric(metrics: Metrics): (connection: string, state: BreakerState) => void {
  const breakers = metrics.gauge({
    name: 'psp_breaker_open',
    help: 'Whether nothing is sent over a PSP connection of this node: 1 open, 0.5 one call tries, 0 closed.',
    labels: ['connection'],
  })
  return (connection, state) => breakers.set({ connection }, breakerValues[state])
}

export function createNodeMetrics(metrics: Metrics): NodeMetrics {
  const calls = metrics.counter({
    name: 'psp_requests_total',
    help: 'Calls to PSPs, by what became of them.',
    labels: ['connection', 'op', 'step', 'outcome'],
  })
  const callSeconds = metrics.histogram({
    name: 'psp_request_seconds',
    help: 'Time from releasing a call to its outcome.',
    labels: ['connection', 'op'],
    buckets: durationBuckets,
  })
  const notices = metrics.counter({
    name: 'webhook_deliveries_total',
    help: "PSPs' messages handed over to their payments, by what became of them; those not delivered are handed over again.",
    labels: ['connection', 'delivery'],
  })
  const noticeSeconds = metrics.histogram({
    name: 'webhook_delivery_seconds',
    help: "Time from releasing a PSP's message to its payment's answer.",
    labels: ['connection'],
    buckets: durationBuckets,
  })
  const troubles = metrics.counter({
    name: 'host_trouble_total',
    help: 'What should not happen in the actor host: see the log for each.',
    labels: ['what'],
  })
  const commitUnknown = metrics.counter({
    name: 'commit_unknown_total',
    help: 'Shards whose last commit had an unknown outcome and were acquired anew.',
  })
  const blackout = metrics.histogram({
    name: 'shard_move_blackout_seconds',
    help: "Planned moves of a shard: from the old owner's last admission to the new owner's first, as the old owner saw it.",
    labels: ['reason'],
    buckets: moveBuckets,
  })
  const takeover = metrics.histogram({
    name: 'takeover_seconds',
    help: 'Shards taken from dead incarnations: from the decision to serving.',
    buckets: durationBuckets,
  })
  const acceptedReads = metrics.counter({
    name: 'limit_reads_total',
    help: "Times that what was accepted lately was read for merchants' limits, after a start or because a node could not be heard.",
    labels: ['outcome'],
  })
  return {
    acceptedRead: (outcome) => acceptedReads.inc({ outcome }),
    observeVelocity(velocity) {
      metrics.gauge({
        name: 'limit_counters',
        help: 'Merchants, modes and currencies whose payments are counted for limits per hour or day.',
        collect: (gauge) => gauge.set(velocity.counters),
      })
      metrics.gauge({
        name: 'limit_uncounted',
        help: 'Payments that were not counted for limits since the start, because there were too many counters.',
        collect: (gauge) => gauge.set(velocity.uncounted),
      })
    },
    moved: ({ reason, blackoutMs }) => blackout.observe({ reason }, blackoutMs / 1000),
    takenOver: ({ tookMs }) => takeover.observe(tookMs / 1000),
    called(connection, op, step, outcome, ms) {
      calls.inc({ connection, op, step, outcome: outcome.kind })
      callSeconds.observe({ connection, op }, ms / 1000)
    },
    noticeHandedOver(connection, delivery, ms) {
      notices.inc({ connection, delivery })
      noticeSeconds.observe({ connection }, ms / 1000)
    },
    trouble: (what) => troubles.inc({ what }),
    shardUncertain: () => commitUnknown.inc(),
    observe(host, journal) {
      const gauge = (name: string, help: string, read: () => number): void => {
        metrics.gauge({ name, help, collect: (each) => each.set(read()) })
      }
      gauge('shards_owned', 'Shards of this node.', () => host.stats().shards)
      gauge('shards_uncertain', 'Shards that wait for the journal.', () => host.stats().uncertain)
      gauge('actor_active', 'Entities in memory.', () => host.stats().entities)
      gauge('actor_resident_bytes', 'Estimated memory of entities.', () => host.stats().residentBytes)
      gauge('requests_pending', 'Commands that wait for an answer.', () => host.stats().pending)
      gauge('read_decisions_behind', 'Decisions that the read side does not show yet.', () => host.stats().readBehind)
      gauge(
        'read_shards_parked',
        'Shards whose read side stands still before a decision that it cannot store: see the log for which.',
        () => host.stats().readParked.length,
      )
      gauge('timers_armed', 'Timers due within the horizon.', () => host.stats().timers)
      gauge('journal_lanes', 'Connections that append.', () => journal().lanes)
      gauge('journal_flushes', 'Flushes since the start.', () => journal().flushes)
      gauge('journal_flush_seconds', 'Time spent in flushes since the start.', () => journal().flushMs / 1000)
      gauge('journal_durable', 'Decisions made durable since the start.', () => journal().durable)
      gauge('journal_refused', 'Decisions refused since the start.', () => journal().refused)
      gauge('journal_fenced', 'Decisions refused because another node owned the shard.', () => journal().fenced)
      gauge('journal_unknown', 'Decisions whose commit had an unknown outcome.', () => journal().unknown)
      gauge('journal_connections_lost', 'Connections lost since the start.', () => journal().connectionsLost)
    },
  }
}

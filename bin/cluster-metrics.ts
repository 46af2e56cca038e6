/** What a process tells of its part in the cluster: links, routing, owners. Names are part of the operators' contract. */
import type { ClusterRouter, ClusterRouterObserver } from '../cluster/cluster-router.ts'
import type { Links } from '../cluster/link.ts'
import type { LinksObserver } from '../cluster/links-observer.ts'
import type { OwnerTable } from '../cluster/owners.ts'
import type { TurnedAway } from '../cluster/ws-network.ts'
import { durationBuckets, type Metrics } from '../runtime/metrics.ts'

/** Seconds. */
const hopBuckets = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5] as const

/** A reason comes from another process, which may be of a later build: what is not known here is counted as `other`. */
const refusalReasons: ReadonlySet<string> = new Set([
  'answer_unsendable',
  'command_failed',
  'deadline_passed',
  'entity_quarantined',
  'entity_unreadable',
  'envelope_malformed',
  'envelope_unsendable',
  'journal_unavailable',
  'kind_unknown',
  'no_owner',
  'overloaded',
  'stopping',
])

export interface ClusterMetrics {
  readonly links: LinksObserver
  readonly router: ClusterRouterObserver
  readonly turnedAway: (reason: TurnedAway) => void
  linkOpened(): void
  declaredDead(): void
  /** @param expirySeconds until the certificate of links expires. */
  observeTls(expirySeconds: () => number): void
  /** Reads what the parts count by themselves, at each scrape. */
  observe(parts: { readonly owners: OwnerTable; readonly links: Links; readonly router: ClusterRouter }): void
}

export function createClusterMetrics(metrics: Metrics): ClusterMetrics {
  const frames = metrics.counter({ name: 'link_frames_total', help: 'Frames on links.', labels: ['direction'] })
  const messages = metrics.counter({
    name: 'link_messages_total',
    help: 'Calls, answers and hints in frames on links.',
    labels: ['direction'],
  })
  const bytes = metrics.counter({ name: 'link_bytes_total', help: 'Bytes in frames on links.', labels: ['direction'] })
  const dropped = metrics.counter({
    name: 'link_dropped_total',
    help: 'Messages that were dropped: answers nobody waits for, hints without room.',
    labels: ['what'],
  })
  const refused = metrics.counter({
    name: 'link_refused_total',
    help: 'Connections this process refused, by reason: before the TLS handshake was over, or by their hello.',
    labels: ['reason'],
  })
  const refusedBy = metrics.counter({
    name: 'link_refused_by_total',
    help: 'Times a peer refused this process, or was stopping; the log has the reasons.',
  })
  const dialFailed = metrics.counter({
    name: 'link_dial_failed_total',
    help: 'Dials that reached nobody: refused, timed out, or without TLS in common.',
  })
  const opened = metrics.counter({
    name: 'link_opened_total',
    help: 'Links that came up, those that replace others included.',
  })
  const malformed = metrics.counter({
    name: 'link_malformed_total',
    help: 'Links ended for a frame that broke the rules.',
  })
  const deaths = metrics.counter({
    name: 'declared_dead_total',
    help: 'Incarnations this process declared dead.',
  })
  const hop = metrics.histogram({
    name: 'route_hop_seconds',
    help: "What a command's answer took beyond the time at its node: both ways over the link, and its queues.",
    buckets: hopBuckets,
  })
  const held = metrics.histogram({
    name: 'route_held_seconds',
    help: 'How long commands were held because their shard had no owner that could be reached.',
    buckets: durationBuckets,
  })
  const shed = metrics.counter({
    name: 'shed_total',
    help: 'Commands refused because too many were held, by class.',
    labels: ['class'],
  })
  const unanswered = metrics.counter({
    name: 'route_refused_total',
    help: 'Commands whose caller was told that they got no answer, by class and reason (docs/cluster.md).',
    labels: ['class', 'reason'],
  })
  const count = (direction: 'in' | 'out', size: number, many: number): void => {
    frames.inc({ direction })
    messages.inc({ direction }, many)
    bytes.inc({ direction }, size)
  }
  return {
    links: {
      frameSent: (size, many) => count('out', size, many),
      frameReceived: (size, many) => count('in', size, many),
      dropped: (what) => dropped.inc({ what }),
      refused: (reason) => refused.inc({ reason }),
      refusedBy: () => refusedBy.inc(),
      dialFailed: () => dialFailed.inc(),
      malformed: () => malformed.inc(),
    },
    router: {
      hop: (ms) => hop.observe(ms / 1000),
      held: (ms) => held.observe(ms / 1000),
      shed: (trafficClass) => shed.inc({ class: trafficClass }),
      refused: (trafficClass, reason) =>
        unanswered.inc({ class: trafficClass, reason: refusalReasons.has(reason) ? reason : 'other' }),
    },
    turnedAway: (reason) => refused.inc({ reason }),
    linkOpened: () => opened.inc(),
    declaredDead: () => deaths.inc(),
    observeTls(expirySeconds) {
      metrics.gauge({
        name: 'tls_cert_expiry_seconds',
        help: 'Until the loaded certificate expires; below zero once it has.',
        labels: ['role'],
        collect: (each) => each.set({ role: 'link' }, expirySeconds()),
      })
    },
    observe(parts) {
      const gauge = (name: string, help: string, read: () => number): void => {
        metrics.gauge({ name, help, collect: (each) => each.set(read()) })
      }
      gauge('route_held', 'Commands held now.', () => parts.router.stats().held)
      gauge('route_forwarded', 'Attempts over links since the start.', () => parts.router.stats().forwarded)
      gauge('route_moved', 'Answers that the owner is elsewhere, since the start.', () => parts.router.stats().moved)
      gauge(
        'route_retried',
        'Attempts after the first of a command, since the start.',
        () => parts.router.stats().retried,
      )
      metrics.gauge({
        name: 'links_open',
        help: 'Links to other processes.',
        collect: (each) => each.set(parts.links.all.length),
      })
      metrics.gauge({
        name: 'shards_unowned',
        help: 'Shards that nobody owns, as this process believes.',
        collect: (each) =>
          each.set(parts.owners.all.filter(({ owner, released }) => owner === undefined || released).length),
      })
    },
  }
}

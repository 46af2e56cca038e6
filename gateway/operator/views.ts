/**
 * What the operators' API and its feed show of the cluster. These are the API's JSON, also for the CLI and the page: members
 * are added, never renamed. Times are ISO 8601, durations say their unit.
 */
import type { ShardOwner } from '../../cluster/owners.ts'
import type { MoveRecord, ProcessStatus, TakeoverRecord } from '../../cluster/status.ts'
import type { ClusterView } from './deps.ts'

export interface MoveView {
  readonly shard: number
  readonly from: string
  readonly to: string
  readonly epoch: number
  readonly reason: string
  readonly at: string
  readonly blackout_ms: number
}

export interface TakeoverView {
  readonly from: string
  readonly by: string
  readonly shards: number
  readonly at: string
  readonly took_ms: number
}

/** `silent`: told nothing lately. `no_status`: it renews its lease, and has told nothing at all. */
export type ProcessState = 'ready' | 'not_ready' | 'draining' | 'silent' | 'no_status'

export interface ProcessView {
  readonly node: string
  readonly incarnation: string
  readonly roles: readonly string[]
  readonly state: ProcessState
  readonly reasons: readonly string[]
  readonly build: string
  readonly address: string
  readonly started_at: string | null
  readonly heard_ms_ago: number | null
  readonly cpu: number
  readonly loop_delay_ms: number
  readonly resident_bytes: number
  readonly answered_per_second: number
  readonly unavailable_per_second: number
  /** Of placement: what operators have said. Absent for processes that hold no shards. */
  readonly placement?: { readonly weight: number; readonly cordoned: boolean }
  /** Of nodes. */
  readonly node_status?: {
    /** By the owner rows, which are the truth; `reported` is what the node said last. */
    readonly shards: number
    readonly reported_shards: number
    readonly uncertain: number
    readonly stuck: readonly { readonly shard: number; readonly reason: string }[]
    readonly entities: number
    readonly pending: number
    readonly commands_per_second: number
    readonly durable_per_second: number
    readonly flush_ms: number
    /** Of nodes that keep one: decisions it does not show yet, and shards that stand still before one that cannot be stored. */
    readonly read_side?: { readonly behind: number; readonly parked: readonly number[] }
  }
}

export interface ShardsSummary {
  readonly total: number
  readonly owned: number
  /** Released, or never owned, or owned by nobody who lives. */
  readonly unowned: number
  readonly pinned: number
}

export interface ClusterSummary {
  readonly at: string
  readonly rebalancing: boolean
  readonly commands_per_second: number
  readonly shards: ShardsSummary
  readonly processes: readonly ProcessView[]
  /** Newest last. */
  readonly moves: readonly MoveView[]
  readonly takeovers: readonly TakeoverView[]
}

export interface ShardView {
  readonly shard: number
  readonly owner: string | null
  readonly incarnation: string | null
  readonly epoch: number
  readonly state: 'owned' | 'released' | 'never_owned' | 'owner_gone'
  readonly pinned_to: string | null
  /** As its node reported among its busiest; null: it is none of these. */
  readonly commands_per_second: number | null
}

export const viewLimits = {
  /** A process that has told nothing for this long is shown as silent. */
  silentAfterMs: 3_000,
  movesMax: 100,
  takeoversMax: 50,
} as const

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

export function clusterSummary(view: ClusterView, now: number): ClusterSummary {
  const shards = shardViews(view)
  const owned = shards.filter(({ state }) => state === 'owned').length
  const processes = processViews(view)
  return {
    at: iso(now),
    rebalancing: view.membership.policy.rebalancing,
    commands_per_second: sum(processes.map((each) => each.node_status?.commands_per_second ?? 0)),
    shards: { total: shards.length, owned, unowned: shards.length - owned, pinned: view.membership.policy.pins.size },
    processes,
    moves: movesOf(view).slice(-viewLimits.movesMax).map(moveView),
    takeovers: takeoversOf(view).slice(-viewLimits.takeoversMax).map(takeoverView),
  }
}

export function processViews(view: ClusterView): readonly ProcessView[] {
  const counts = new Map<string, number>()
  const { leases, policy } = view.membership
  for (const { owner, released } of view.owners) {
    if (owner !== undefined && !released) counts.set(owner.node, (counts.get(owner.node) ?? 0) + 1)
  }
  const heard = new Set(view.processes.map(({ status }) => status.node))
  const told = view.processes.map(({ status, ageMs }) => processView(status, ageMs, view, counts))
  // it renews its lease, so it lives, and no status of it has come through
  const untold = leases
    .filter(({ node }) => !heard.has(node))
    .map(
      ({ node, incarnation, address, build }): ProcessView => ({
        ...{ node, incarnation, address, build, roles: ['node'], state: 'no_status', reasons: [] },
        ...{ started_at: null, heard_ms_ago: null, cpu: 0, loop_delay_ms: 0, resident_bytes: 0 },
        ...{ answered_per_second: 0, unavailable_per_second: 0 },
        placement: { weight: policy.weights.get(node) ?? 1, cordoned: policy.cordoned.has(node) },
      }),
    )
  return [...told, ...untold].sort((a, b) => (a.node < b.node ? -1 : 1))
}

function processView(
  status: ProcessStatus,
  ageMs: number,
  { membership: { leases, policy } }: ClusterView,
  counts: ReadonlyMap<string, number>,
): ProcessView {
  const { node, incarnation, roles, build, address, reasons, cpu } = status
  const lease = leases.find((each) => each.node === node && each.incarnation === incarnation)
  const draining = status.draining || lease?.draining === true
  return {
    ...{ node, incarnation, roles, build, address, reasons, cpu },
    state: stateOf(ageMs, draining, reasons),
    started_at: iso(status.startedAt),
    heard_ms_ago: Math.round(ageMs),
    loop_delay_ms: status.loopDelayMs,
    resident_bytes: status.residentBytes,
    answered_per_second: status.answeredPerSecond,
    unavailable_per_second: status.unavailablePerSecond,
    ...(status.nodeStatus !== undefined && {
      placement: { weight: policy.weights.get(node) ?? 1, cordoned: policy.cordoned.has(node) },
      node_status: {
        shards: counts.get(node) ?? 0,
        reported_shards: status.nodeStatus.shards,
        uncertain: status.nodeStatus.uncertain,
        stuck: status.nodeStatus.stuck,
        entities: status.nodeStatus.entities,
        pending: status.nodeStatus.pending,
        commands_per_second: status.nodeStatus.commandsPerSecond,
        durable_per_second: status.nodeStatus.durablePerSecond,
        flush_ms: status.nodeStatus.flushMs,
        ...(status.nodeStatus.readSide !== undefined && { read_side: status.nodeStatus.readSide }),
      },
    }),
  }
}

function stateOf(ageMs: number, draining: boolean, reasons: readonly string[]): ProcessState {
  if (ageMs > viewLimits.silentAfterMs) return 'silent'
  if (draining) return 'draining'
  return reasons.length === 0 ? 'ready' : 'not_ready'
}

export function shardViews(view: ClusterView): readonly ShardView[] {
  const { leases, policy } = view.membership
  const living = new Set(leases.map(({ node, incarnation }) => `${node}/${incarnation}`))
  const rates = new Map(
    view.processes.flatMap(({ status }) =>
      (status.nodeStatus?.hottest ?? []).map(({ shard, perSecond }) => [`${status.node} ${shard}`, perSecond] as const),
    ),
  )
  return view.owners.map((each): ShardView => {
    const { shard, epoch, owner } = each
    return {
      ...{ shard, epoch, owner: owner?.node ?? null, incarnation: owner?.incarnation ?? null },
      state: shardState(each, living),
      pinned_to: policy.pins.get(shard) ?? null,
      commands_per_second: owner === undefined ? null : (rates.get(`${owner.node} ${shard}`) ?? null),
    }
  })
}

function shardState({ owner, released }: ShardOwner, living: ReadonlySet<string>): ShardView['state'] {
  if (owner === undefined) return 'never_owned'
  if (released) return 'released'
  return living.has(`${owner.node}/${owner.incarnation}`) ? 'owned' : 'owner_gone'
}

/** Oldest first; each once, though several processes may tell of it. */
export function movesOf(view: ClusterView): readonly MoveRecord[] {
  const moves = new Map<string, MoveRecord>()
  for (const { status } of view.processes) {
    for (const move of status.nodeStatus?.moves ?? []) moves.set(`${move.shard} ${move.epoch}`, move)
  }
  return [...moves.values()].sort((a, b) => a.at - b.at || a.shard - b.shard)
}

export function takeoversOf(view: ClusterView): readonly TakeoverRecord[] {
  return view.processes.flatMap(({ status }) => status.nodeStatus?.takeovers ?? []).sort((a, b) => a.at - b.at)
}

export function moveView({ shard, from, to, epoch, reason, at, blackoutMs }: MoveRecord): MoveView {
  return { shard, from, to, epoch, reason, at: iso(at), blackout_ms: tenths(blackoutMs) }
}

function takeoverView({ from, by, shards, at, tookMs }: TakeoverRecord): TakeoverView {
  return { from: `${from.node}/${from.incarnation}`, by, shards, at: iso(at), took_ms: tenths(tookMs) }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

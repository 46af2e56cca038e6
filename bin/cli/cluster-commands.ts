/** `status`, `nodes`, `shards`, `move`, `pin`, `unpin`, `drain`, `undrain`, `actions`. */
import type { ClusterSummary, MoveView, ProcessView, ShardView } from '../../gateway/operator/views.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { ms, percentile, plain, table, time, whole } from './output.ts'

const drainPollMs = 250

export async function status({ client, json, out }: CommandContext): Promise<void> {
  const cluster = await client.get<ClusterSummary>('/cluster')
  if (json) return out(`${JSON.stringify(cluster)}\n`)
  const { shards, processes } = cluster
  out(
    `${shards.owned} of ${shards.total} shards owned, ${shards.unowned} without an owner, ${shards.pinned} pinned · ` +
      `${whole(cluster.commands_per_second)} commands/s · rebalancing ${cluster.rebalancing ? 'on' : 'off'}\n\n`,
  )
  out(processTable(processes))
  const worst = cluster.moves.length === 0 ? '' : `, blackout ${blackoutOf(cluster.moves)}`
  out(`\n${cluster.moves.length} recent moves${worst} · ${cluster.takeovers.length} recent take-overs\n`)
  for (const each of cluster.takeovers.slice(-5)) {
    out(`  ${time(each.at)}  ${each.by} took ${each.shards} shards over from ${each.from} in ${ms(each.took_ms)}\n`)
  }
}

function processTable(processes: readonly ProcessView[]): string {
  return table(processes, [
    { title: 'process', of: ({ node }) => node },
    { title: 'state', of: stateOf, flexible: true },
    { title: 'roles', of: ({ roles }) => roles.join(',') },
    { title: 'shards', of: ({ node_status: node }) => node?.shards ?? '', right: true },
    {
      title: 'per s',
      of: (each) => whole(each.node_status?.commands_per_second ?? each.answered_per_second),
      right: true,
    },
    { title: 'cpu', of: ({ cpu }) => `${Math.round(cpu * 100)} %`, right: true },
    { title: 'loop', of: ({ loop_delay_ms: delay }) => ms(delay), right: true },
    { title: 'memory', of: ({ resident_bytes: bytes }) => `${whole(bytes / 1e6)} MB`, right: true },
    { title: 'build', of: ({ build }) => build },
  ])
}

function stateOf({ state, reasons, placement, node_status: node }: ProcessView): string {
  const parked = node?.read_side?.parked ?? []
  const more = [
    ...reasons,
    placement?.weight === 0 ? 'drained' : '',
    placement?.cordoned === true ? 'cordoned' : '',
    parked.length === 0 ? '' : `read side parked: ${parked.join(' ')}`,
  ]
  return [state.replace('_', ' '), ...more.filter((each) => each !== '')].join(', ')
}

export async function nodes({ client, json, out }: CommandContext): Promise<void> {
  const answer = await client.get<{ nodes: readonly ProcessView[] }>('/nodes')
  if (json) return out(`${JSON.stringify(answer)}\n`)
  out(processTable(answer.nodes))
}

export async function shards(
  { client, json, out }: CommandContext,
  { node, unowned }: { readonly node?: string; readonly unowned?: true },
): Promise<void> {
  const answer = await client.get<{ shards: readonly ShardView[] }>('/shards')
  const chosen = answer.shards.filter(
    (each) => (node === undefined || each.owner === node) && (unowned === undefined || each.state !== 'owned'),
  )
  if (json) return out(`${JSON.stringify({ shards: chosen })}\n`)
  out(
    table(chosen, [
      { title: 'shard', of: ({ shard }) => shard, right: true },
      { title: 'owner', of: ({ owner }) => owner ?? '–' },
      { title: 'incarnation', of: ({ incarnation }) => incarnation ?? '–' },
      { title: 'epoch', of: ({ epoch }) => epoch, right: true },
      { title: 'state', of: ({ state }) => state.replaceAll('_', ' ') },
      { title: 'pinned to', of: ({ pinned_to: pin }) => pin ?? '' },
      { title: 'per s', of: ({ commands_per_second: rate }) => (rate === null ? '' : whole(rate)), right: true },
    ]),
  )
}

export async function move(context: CommandContext, shard: string, to: string, reason?: string): Promise<void> {
  const { client, json, out } = context
  const body = { to, reason: context.reason(reason) }
  const moved = await client.send<MoveView>('POST', `/shards/${encodeURIComponent(shard)}/move`, body)
  if (json) return out(`${JSON.stringify(moved)}\n`)
  out(
    `shard ${moved.shard} moved from ${moved.from} to ${moved.to}: epoch ${moved.epoch}, blackout ${ms(moved.blackout_ms)}\n`,
  )
}

export async function pin(context: CommandContext, shard: string, node: string | null, reason?: string): Promise<void> {
  const { client, json, out } = context
  const path = `/shards/${encodeURIComponent(shard)}/pin`
  const why = context.reason(reason)
  const answer = await (node === null
    ? client.send<object>('DELETE', path, { reason: why })
    : client.send<object>('PUT', path, { node, reason: why }))
  if (json) return out(`${JSON.stringify(answer)}\n`)
  out(
    node === null
      ? `shard ${shard} is not pinned any more\n`
      : `shard ${shard} is pinned to ${node}, and moves there\n`,
  )
}

interface NodeView extends ProcessView {
  readonly shards: readonly number[]
  readonly moves: readonly MoveView[]
}

/** Waits until all shards have moved away. What moved is counted as it is seen, and the figure says of how many it is. */
export async function drain(
  context: CommandContext,
  node: string,
  options: { readonly reason?: string; readonly timeout: number; readonly wait: boolean },
): Promise<void> {
  const { client, json, out, clock } = context
  const path = `/nodes/${encodeURIComponent(node)}`
  const before = await client.get<NodeView>(path)
  const known = new Set(before.moves.map(keyOf))
  const seen = new Map<string, MoveView>()
  const began = clock.monotonic()
  await client.send('POST', `${path}/drain`, { reason: context.reason(options.reason) })
  let left = before.shards.length
  while (options.wait && left > 0) {
    if (clock.monotonic() - began > options.timeout * 1_000) {
      throw new CliError(
        exitCodes.failed,
        `${node} still has ${left} of ${before.shards.length} shards after ${options.timeout} s`,
        {
          fix: 'it goes on draining; shardpay nodes shows how far it is, shardpay undrain takes it back',
        },
      )
    }
    await new Promise<void>((resolve) => void clock.schedule(drainPollMs, resolve))
    const now = await client.get<NodeView>(path)
    left = now.shards.length
    for (const each of now.moves) if (each.from === node && !known.has(keyOf(each))) seen.set(keyOf(each), each)
    progress(context, `${node}: ${before.shards.length - left} of ${before.shards.length} shards moved`)
  }
  progress(context, '')
  const moves = [...seen.values()]
  const blackouts = moves.map((each) => each.blackout_ms)
  const tookMs = Math.round(clock.monotonic() - began)
  if (json) {
    const blackout = moves.length === 0 ? null : { p50: percentile(blackouts, 0.5), max: Math.max(...blackouts) }
    const result = { node, shards_before: before.shards.length, shards_left: left, took_ms: tookMs }
    return out(`${JSON.stringify({ ...result, moves_measured: moves.length, blackout_ms: blackout })}\n`)
  }
  if (!options.wait) return out(`${node} drains: ${left} shards move away\n`)
  const measured =
    moves.length === 0
      ? 'no blackout was measured'
      : `blackout ${blackoutOf(moves)} over ${moves.length} measured moves`
  out(`${node} is drained: ${before.shards.length} shards moved in ${(tookMs / 1_000).toFixed(1)} s, ${measured}\n`)
}

export async function undrain(context: CommandContext, node: string, reason?: string): Promise<void> {
  const { client, json, out } = context
  const path = `/nodes/${encodeURIComponent(node)}/undrain`
  const answer = await client.send<object>('POST', path, { reason: context.reason(reason) })
  out(json ? `${JSON.stringify(answer)}\n` : `${node} takes its share of shards again\n`)
}

interface ActionEntry {
  readonly at: string
  readonly type: 'begun' | 'ended' | 'read'
  readonly id?: string
  readonly operator?: string
  readonly kind?: string
  readonly subject?: string
  readonly reason?: string
  readonly outcome?: string
}

export async function actions({ client, json, out }: CommandContext, day?: string): Promise<void> {
  const entries: ActionEntry[] = []
  let after: number | null = 0
  while (after !== null) {
    const query: string = `?limit=1000&after=${after}${day === undefined ? '' : `&day=${encodeURIComponent(day)}`}`
    const page: { entries: ActionEntry[]; next_after: number | null } = await client.get(`/actions${query}`)
    entries.push(...page.entries)
    after = page.next_after
  }
  if (json) return out(`${JSON.stringify({ entries })}\n`)
  const outcomes = new Map(
    entries.flatMap(({ type, id, outcome }) => (type === 'ended' ? [[id, outcome] as const] : [])),
  )
  out(
    table(
      entries.filter(({ type }) => type !== 'ended'),
      [
        { title: 'time', of: ({ at }) => time(at) },
        { title: 'operator', of: ({ operator }) => operator ?? '' },
        { title: 'action', of: ({ kind }) => kind ?? 'read' },
        { title: 'subject', of: ({ subject }) => subject ?? '' },
        { title: 'outcome', of: ({ type, id }) => (type === 'read' ? '' : (outcomes.get(id) ?? 'not known')) },
        { title: 'reason', of: ({ reason }) => reason ?? '', flexible: true },
      ],
    ),
  )
}

function keyOf({ shard, epoch }: MoveView): string {
  return `${shard} ${epoch}`
}

function blackoutOf(moves: readonly MoveView[]): string {
  const values = moves.map((each) => each.blackout_ms)
  return `p50 ${ms(percentile(values, 0.5))}, max ${ms(Math.max(...values))}`
}

/** Drawn over itself, and only where somebody looks. */
function progress({ err, isTerminal, json }: CommandContext, text: string): void {
  if (isTerminal && !json) err(`\r\u001b[K${plain(text)}`)
}

/**
 * What the page knows, folded from the feed's messages: a value, changed by `apply` alone. A node keeps its letter and colour for
 * as long as the page is open, also while it is away.
 *
 * @typedef {import('../../gateway/operator/feed-messages.ts').FeedMessage} FeedMessage
 * @typedef {import('../../gateway/operator/views.ts').ClusterSummary} ClusterSummary
 * @typedef {import('../../gateway/operator/views.ts').ProcessView} ProcessView
 *
 * @typedef {{ at: string, text: string, tone: 'plain' | 'good' | 'bad' }} LogLine
 *
 * @typedef {object} Model
 * @property {ClusterSummary} cluster
 * @property {readonly (string | null)[]} owners by shard; null: nobody who lives
 * @property {ReadonlySet<number>} pinned
 * @property {readonly string[]} nodes in order of first sight: a node's index is its letter and colour
 * @property {readonly number[]} rates commands per second, newest last
 * @property {readonly LogLine[]} log newest first
 */

const ratesMax = 60
const logMax = 100

/**
 * @param {Model | undefined} model
 * @param {FeedMessage} message
 * @returns {Model | undefined}
 */
export function apply(model, message) {
  if (message.type === 'snapshot') {
    const { nodes: names, owners: numbers } = message.shards
    const owners = numbers.map((number) => names[number] ?? null)
    const nodes = knownNodes(model?.nodes ?? [], message.cluster, owners)
    const line = logLine(message.cluster.at, model === undefined ? 'connected' : 'caught up with the cluster', 'plain')
    const log = model === undefined ? [line] : [line, ...model.log]
    return next(model, message.cluster, owners, new Set(message.pinned), nodes, log)
  }
  if (message.type !== 'change' || model === undefined) return model
  const { cluster } = message
  const owners = message.owners.length === 0 ? model.owners : [...model.owners]
  for (const [shard, node] of message.owners) /** @type {(string | null)[]} */ (owners)[shard] = node
  const pinned = message.pinned === undefined ? model.pinned : new Set(message.pinned)
  const nodes = knownNodes(model.nodes, cluster, owners)
  return next(model, cluster, owners, pinned, nodes, [...eventsBetween(model.cluster, cluster), ...model.log])
}

/**
 * @param {Model | undefined} before
 * @param {ClusterSummary} cluster
 * @param {readonly (string | null)[]} owners
 * @param {ReadonlySet<number>} pinned
 * @param {readonly string[]} nodes
 * @param {readonly LogLine[]} log
 * @returns {Model}
 */
function next(before, cluster, owners, pinned, nodes, log) {
  const rates = [...(before?.rates ?? []), cluster.commands_per_second].slice(-ratesMax)
  return { cluster, owners, pinned, nodes, rates, log: log.slice(0, logMax) }
}

/**
 * @param {readonly string[]} known
 * @param {ClusterSummary} cluster
 * @param {readonly (string | null)[]} owners
 */
function knownNodes(known, cluster, owners) {
  const seen = new Set(known)
  for (const { node, placement } of cluster.processes) if (placement !== undefined) seen.add(node)
  for (const owner of owners) if (owner !== null) seen.add(owner)
  return seen.size === known.length ? known : [...seen]
}

/**
 * What people would say happened between two looks.
 * @param {ClusterSummary} before
 * @param {ClusterSummary} now
 * @returns {LogLine[]} newest first
 */
function eventsBetween(before, now) {
  /** @type {LogLine[]} */
  const lines = []
  const was = new Map(before.processes.map((each) => [each.node, each]))
  for (const each of now.processes) {
    const old = was.get(each.node)
    was.delete(each.node)
    const name = `${each.node} (${each.incarnation})`
    if (old === undefined) lines.push(logLine(now.at, `${name} joined`, 'good'))
    else if (old.incarnation !== each.incarnation) lines.push(logLine(now.at, `${name} started anew`, 'good'))
    else if (old.state !== each.state) {
      const tone = each.state === 'ready' ? 'good' : each.state === 'draining' ? 'plain' : 'bad'
      lines.push(logLine(now.at, `${each.node}: ${old.state.replace('_', ' ')} → ${each.state.replace('_', ' ')}`, tone))
    }
  }
  for (const gone of was.keys()) lines.push(logLine(now.at, `${gone} is gone`, 'bad'))
  const takeovers = new Set(before.takeovers.map(takeoverKey))
  for (const each of now.takeovers.filter((takeover) => !takeovers.has(takeoverKey(takeover)))) {
    lines.push(logLine(each.at, `${each.by} took ${each.shards} shards over from ${each.from} in ${each.took_ms} ms`, 'bad'))
  }
  const moves = new Set(before.moves.map(moveKey))
  const moved = now.moves.filter((move) => !moves.has(moveKey(move)))
  if (moved.length > 3) {
    const worst = Math.max(...moved.map((each) => each.blackout_ms))
    lines.push(logLine(now.at, `${moved.length} shards moved, blackout at most ${worst} ms`, 'plain'))
  } else {
    for (const each of moved) {
      const what = `shard ${each.shard}: ${each.from} → ${each.to} (${each.reason}), blackout ${each.blackout_ms} ms`
      lines.push(logLine(each.at, what, 'plain'))
    }
  }
  return lines.reverse()
}

/** @param {ClusterSummary['takeovers'][number]} takeover */
function takeoverKey({ from, by, at }) {
  return `${from} ${by} ${at}`
}

/** @param {ClusterSummary['moves'][number]} move */
function moveKey({ shard, epoch }) {
  return `${shard} ${epoch}`
}

/**
 * @param {string} at
 * @param {string} text
 * @param {LogLine['tone']} tone
 * @returns {LogLine}
 */
function logLine(at, text, tone) {
  return { at, text, tone }
}

/** `A`, `B`, …, `Z`, `A2`: how a node is told apart without colour. @param {Model} model @param {string} node */
export function letterOf(model, node) {
  const index = model.nodes.indexOf(node)
  const letter = String.fromCharCode(65 + (index % 26))
  return index < 26 ? letter : `${letter}${Math.floor(index / 26) + 1}`
}

const colours = 8

/** @param {Model} model @param {string | null} node */
export function colourOf(model, node) {
  return node === null ? 'owner-none' : `owner-${model.nodes.indexOf(node) % colours}`
}

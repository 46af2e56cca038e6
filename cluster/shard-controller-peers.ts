/**
 * What other processes ask of a node's controller, and tell it: shards to take, moves to make, who owns what. Whatever they
 * say is checked for its form and for who says it; the journal checks the rest.
 */
import type { Clock } from '../runtime/clock.ts'
import {
  handOffMethods,
  MoveRefused,
  type MoveRequest,
  type OwnedShard,
  ownedTopic,
  readMove,
  readOwned,
  readTake,
  takeAnswerBody,
} from './hand-off-wire.ts'
import type { Links, Peer } from './link.ts'
import type { Incarnation } from './member.ts'
import type { OwnerTable } from './owners.ts'
import type { MoveRecord } from './status.ts'

export interface ServedPeersOptions {
  readonly self: Incarnation
  readonly links: Links
  readonly owners: OwnerTable
  readonly clock: Clock
  /** Why nothing is taken now. */
  readonly refusal: () => 'node_draining' | 'stopping' | undefined
  /** Opens released shards; answers those that serve. */
  readonly take: (shards: readonly number[]) => Promise<readonly OwnedShard[]>
  /** @throws {MoveRefused} (as a rejection). */
  readonly move: (request: MoveRequest) => Promise<MoveRecord>
  /** A shard came from a living node. */
  readonly came: (record: MoveRecord) => void
}

/** Answers `take` and `move`. Once per process: a method has one handler. */
export function servePeers(options: ServedPeersOptions): void {
  options.links.onCall(handOffMethods.take, (from, body) => serveTake(from, body, options))
  options.links.onCall(handOffMethods.move, (from, body) => serveMove(from, body, options))
}

/** Learns what peers tell of their shards. Used by gateways as well. */
export function learnOwned(owners: OwnerTable, from: Peer, topic: string, body: unknown): void {
  if (topic !== ownedTopic || !from.roles.includes('node')) return
  const { node, incarnation } = from
  const owned = readOwned(body, owners.all.length) ?? []
  owners.learn(owned.map(({ shard, epoch }) => ({ shard, epoch, owner: { node, incarnation }, released: false })))
}

async function serveTake(from: Peer, body: unknown, options: ServedPeersOptions): Promise<unknown> {
  const { self, clock, owners, refusal, take, came } = options
  const refuse = (code: string): unknown => takeAnswerBody({ kind: 'refused', code })
  if (!from.roles.includes('node')) return refuse('not_allowed')
  const request = readTake(body, owners.all.length)
  if (request === undefined) return refuse('malformed')
  const reasonNotTo = refusal()
  if (reasonNotTo !== undefined) return refuse(reasonNotTo)
  const { node, incarnation } = from
  const { shards, reason } = request
  owners.learn(shards.map(({ shard, epoch }) => ({ shard, epoch, owner: { node, incarnation }, released: true })))
  const begunAt = clock.monotonic()
  const opened = await take(shards.map(({ shard }) => shard))
  const tookMs = clock.monotonic() - begunAt
  const at = clock.now()
  const darkMs = new Map(shards.map((each) => [each.shard, each.darkMs]))
  for (const { shard, epoch } of opened) {
    came({ shard, from: node, to: self.node, epoch, reason, at, blackoutMs: (darkMs.get(shard) ?? 0) + tookMs })
  }
  return takeAnswerBody({ kind: 'opened', opened })
}

async function serveMove(from: Peer, body: unknown, { owners, move }: ServedPeersOptions): Promise<unknown> {
  if (!from.roles.some((role) => role === 'node' || role === 'operator')) return { refused: 'not_allowed' }
  const request = readMove(body, owners.all.length)
  if (request === undefined) return { refused: 'malformed' }
  try {
    return { moved: await move(request) }
  } catch (error) {
    if (error instanceof MoveRefused) return { refused: error.code }
    throw error
  }
}

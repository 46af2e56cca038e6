/** A planned move of a shard, wherever its owner is: by this process's own controller, or by the owner's over its link. */
import { MoveRefused, requestMove } from '../cluster/hand-off-wire.ts'
import { sameIncarnation } from '../cluster/member.ts'
import type { MoveReason, MoveRecord } from '../cluster/status.ts'
import type { Cluster } from './cluster.ts'

/** The mover of this process's own shards, where it is a node. */
export interface LocalMover {
  move(shard: number, to: string, reason: MoveReason): Promise<MoveRecord>
}

/** Asks whoever owns the shard to hand it over. @throws {MoveRefused} */
export function moveShard(
  { self, owners, links, limits }: Pick<Cluster, 'self' | 'owners' | 'links' | 'limits'>,
  local: LocalMover | undefined,
  shard: number,
  to: string,
  reason: MoveReason,
): Promise<MoveRecord> {
  const { owner, released } = owners.get(shard)
  if (owner === undefined || released) return Promise.reject(new MoveRefused('not_owner'))
  if (local !== undefined && sameIncarnation(owner, self)) return local.move(shard, to, reason)
  const link = links.to(owner)
  if (link === undefined) return Promise.reject(new MoveRefused('no_link'))
  return requestMove(link, { shard, to, reason }, limits.moveTimeoutMs)
}

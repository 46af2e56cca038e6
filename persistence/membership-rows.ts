/** Statements and rows of who lives and of what operators say of placement: one statement reads all of it. */
import type { Lease, Membership, PolicyChange } from '../cluster/member.ts'

/** One row; lists are JSON, so that all of it is of one instant. */
export const membershipText = `
  SELECT
    (SELECT coalesce(json_agg(json_build_object('node', node, 'incarnation', incarnation, 'address', coalesce(address, ''),
        'build', coalesce(build, ''), 'renewals', renewals, 'draining', draining) ORDER BY node COLLATE "C"), '[]')
      FROM node_lease WHERE state = 'alive') AS leases,
    (SELECT coalesce(json_agg(json_build_object('node', node, 'weight', weight, 'cordoned', cordoned)), '[]')
      FROM node_policy) AS nodes,
    (SELECT coalesce(json_agg(json_build_object('shard', shard, 'node', node)), '[]') FROM shard_pin) AS pins,
    (SELECT rebalancing FROM cluster_policy) AS rebalancing`

export interface MembershipRow {
  readonly leases: readonly Lease[]
  readonly nodes: readonly { readonly node: string; readonly weight: number | null; readonly cordoned: boolean }[]
  readonly pins: readonly { readonly shard: number; readonly node: string }[]
  /** Null where the only row is missing. */
  readonly rebalancing: boolean | null
}

export function toMembership({ leases, nodes, pins, rebalancing }: MembershipRow): Membership {
  return {
    leases,
    policy: {
      weights: new Map(nodes.flatMap(({ node, weight }) => (weight === null ? [] : [[node, weight]]))),
      cordoned: new Set(nodes.filter(({ cordoned }) => cordoned).map(({ node }) => node)),
      pins: new Map(pins.map(({ shard, node }) => [shard, node])),
      rebalancing: rebalancing ?? true,
    },
  }
}

export function changeStatement(change: PolicyChange): { readonly text: string; readonly values: unknown[] } {
  switch (change.kind) {
    case 'weight':
      return {
        text: `INSERT INTO node_policy (node, weight) VALUES ($1, $2)
          ON CONFLICT (node) DO UPDATE SET weight = excluded.weight`,
        values: [change.node, change.weight],
      }
    case 'cordon':
      return {
        text: `INSERT INTO node_policy (node, cordoned) VALUES ($1, $2)
          ON CONFLICT (node) DO UPDATE SET cordoned = excluded.cordoned`,
        values: [change.node, change.cordoned],
      }
    case 'pin':
      return change.node === null
        ? { text: 'DELETE FROM shard_pin WHERE shard = $1', values: [change.shard] }
        : {
            text: `INSERT INTO shard_pin (shard, node) VALUES ($1, $2)
              ON CONFLICT (shard) DO UPDATE SET node = excluded.node`,
            values: [change.shard, change.node],
          }
    case 'rebalancing':
      return {
        text: `INSERT INTO cluster_policy (rebalancing) VALUES ($1)
          ON CONFLICT (only_row) DO UPDATE SET rebalancing = excluded.rebalancing`,
        values: [change.on],
      }
  }
}

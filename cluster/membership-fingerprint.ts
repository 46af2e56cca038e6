/** Whether two readings of the members say the same, their renewals apart. */
import type { Membership } from './member.ts'

/** Equal for equal members and policies, whatever their renewals and the order of maps. */
export function fingerprintOf({ leases, policy }: Membership): string {
  const { weights, cordoned, pins, rebalancing } = policy
  return JSON.stringify([
    leases.map(({ node, incarnation, address, build, draining }) => [node, incarnation, address, build, draining]),
    [...weights].sort(([a], [b]) => (a < b ? -1 : 1)),
    [...cordoned].sort(),
    [...pins].sort(([a], [b]) => a - b),
    rebalancing,
  ])
}

/**
 * Members of a cluster and the port of the table that says who lives. Implementations: `lease-store-memory.ts` and
 * `persistence/postgres-lease-store.ts`; one conformance suite (`lease-store-conformance.ts`) holds both to the same claims.
 *
 * Dead is permanent, per incarnation: a process that was declared dead never comes back, its node starts as another
 * incarnation. No database clock is compared anywhere.
 */
import { assert } from '../runtime/assert.ts'

/** One start of a node or gateway. */
export interface Incarnation {
  /** 1 to 24 of a-z, 0-9 and -. */
  readonly node: string
  /** 1 to 20 of a-z and 0-9; new at every start. */
  readonly incarnation: string
}

export type Role = 'node' | 'gateway' | 'operator'

/** A living incarnation of a node, as its row says. */
export interface Lease extends Incarnation {
  /** host:port of its links. */
  readonly address: string
  readonly build: string
  /** Rises by one with every renewal. Liveness is judged by its standing still on the judge's own clock. */
  readonly renewals: number
  /** It gives its shards away and takes no new ones. */
  readonly draining: boolean
}

/** What operators have said of placement; survives restarts. */
export interface PlacementPolicy {
  /** Share of the shards relative to others; 1 where absent, 0 takes none. */
  readonly weights: ReadonlyMap<string, number>
  /** Nodes that take no new shards; what they have stays. */
  readonly cordoned: ReadonlySet<string>
  /** Shard → the node it has to be on while that lives. */
  readonly pins: ReadonlyMap<number, string>
  /** Whether load moves shards by itself. */
  readonly rebalancing: boolean
}

export const noPolicy: PlacementPolicy = { weights: new Map(), cordoned: new Set(), pins: new Map(), rebalancing: true }

export interface Membership {
  /** The living, in order of node. */
  readonly leases: readonly Lease[]
  readonly policy: PlacementPolicy
}

/** A change of {@link PlacementPolicy}; `null` takes an entry away. */
export type PolicyChange =
  | { readonly kind: 'weight'; readonly node: string; readonly weight: number | null }
  | { readonly kind: 'cordon'; readonly node: string; readonly cordoned: boolean }
  | { readonly kind: 'pin'; readonly shard: number; readonly node: string | null }
  | { readonly kind: 'rebalancing'; readonly on: boolean }

/** Methods reject with {@link LeaseError}; a rejected write may have been executed. */
export interface LeaseStore {
  /**
   * Starts an incarnation and ends the node's earlier ones.
   * @throws {LeaseError} `incarnation_used` where this incarnation has been started before.
   */
  start(self: Incarnation, details: { readonly address: string; readonly build: string }): Promise<void>
  /** Adds one to the renewals; `dead` where this incarnation was declared dead. Bounded by the renewal timeout. */
  renew(self: Incarnation, draining: boolean): Promise<'renewed' | 'dead'>
  read(): Promise<Membership>
  /**
   * Declares an incarnation dead, by compare-and-set on `renewals`; undefined declares without comparing (its own end, its
   * supervisor's word, connection refused after an established link was reset). False where it has renewed since, or was
   * dead already.
   */
  declareDead(of: Incarnation, renewals: number | undefined): Promise<boolean>
  change(change: PolicyChange): Promise<void>
  close(): Promise<void>
}

/** What is known of deaths: asked before shards are taken. Rejects with {@link LeaseError}. */
export interface Deaths {
  /** Those of them that were declared dead; one that nobody knows is not dead. Its answer never becomes wrong: dead is permanent. */
  dead(of: readonly Incarnation[]): Promise<readonly Incarnation[]>
}

export type LeaseErrorCode = 'membership_unavailable' | 'incarnation_used'

export class LeaseError extends Error {
  override readonly name = 'LeaseError'
  readonly code: LeaseErrorCode
  readonly canRetry: boolean

  constructor(code: LeaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.canRetry = code === 'membership_unavailable'
  }
}

/** Names end up in sessions' names, certificates and metrics: short, and none with a separator in it. */
export function assertIncarnation({ node, incarnation }: Incarnation): void {
  assert(/^[a-z0-9][a-z0-9-]{0,23}$/.test(node), 'a node is named by 1 to 24 of a-z, 0-9 and -', { node })
  assert(/^[a-z0-9]{1,20}$/.test(incarnation), 'an incarnation is named by 1 to 20 of a-z and 0-9', { incarnation })
}

export const weightMax = 100

export function assertPolicyChange(change: PolicyChange): void {
  if (change.kind === 'pin') {
    assert(Number.isSafeInteger(change.shard) && change.shard >= 0, 'a pin is of a shard', { shard: change.shard })
  }
  if (change.kind === 'weight' && change.weight !== null) {
    const { node, weight } = change
    assert(weight >= 0 && weight <= weightMax, 'a weight is from 0 to 100', { node, weight })
  }
}

export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return a.node === b.node && a.incarnation === b.incarnation
}

export function nameOf({ node, incarnation }: Incarnation): string {
  return `${node}/${incarnation}`
}

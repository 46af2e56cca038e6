/** What the operators' edge is given by the process that starts it: ports, implemented in bin/ over the cluster's parts. */
import type { Membership, PolicyChange } from '../../cluster/member.ts'
import type { ShardOwner } from '../../cluster/owners.ts'
import type { Router } from '../../cluster/router.ts'
import type { MoveRecord, ProcessStatus } from '../../cluster/status.ts'
import type { BookedBefore } from '../../domain/ledger/closes.ts'
import type { EntryFilter, LedgerEntry, LedgerState, OpenAccount } from '../../domain/ledger/report.ts'
import type { Account } from '../../domain/ledger/transfer.ts'
import type { AccountSums } from '../../domain/ledger/trial-balance.ts'
import type { MerchantDirectory } from '../../domain/merchant/directory.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { Payment } from '../../domain/payment/state.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { Random } from '../../runtime/random.ts'
import type { EdgeCore, Readiness, RequestTimeouts } from '../deps.ts'
import type { ErrorCode } from '../errors.ts'
import type { Operator, OperatorTokens } from './tokens.ts'

/** What this process knows of the cluster: cheap, from memory, asked once a second and at every request. */
export interface ClusterView {
  /** In order of node; `ageMs`: since it was heard. */
  readonly processes: readonly { readonly status: ProcessStatus; readonly ageMs: number }[]
  readonly membership: Membership
  /** Every shard, in order. */
  readonly owners: readonly ShardOwner[]
}

export type ClusterRefusalCode =
  | 'shard_already_there'
  | 'shard_not_owned'
  | 'move_in_progress'
  | 'shard_pinned'
  | 'node_not_available'
  | 'action_outcome_unknown'

/** What {@link ClusterOperations} reject with where it is not a defect. */
export class ClusterRefusal extends Error {
  override readonly name = 'ClusterRefusal'
  readonly code: ClusterRefusalCode

  constructor(code: ClusterRefusalCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

export interface ClusterOperations {
  view(): ClusterView
  /**
   * Hands a shard over and waits until the new owner serves; answers what it measured. The shard is *not* pinned by it.
   * @throws {ClusterRefusal} `action_outcome_unknown` where the move was begun and its end was not seen in time.
   */
  move(shard: number, to: string): Promise<MoveRecord>
  /** Changes the placement policy, durably. @throws {ClusterRefusal} */
  change(change: PolicyChange): Promise<void>
}

/** A row of the journal, decoded, without its private part: that never reaches this edge. */
export interface JournalEntry {
  readonly shard: number
  readonly position: number
  /** 32 hexadecimal digits; zeros: an epoch record. */
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** Who owned the shard under that epoch, where its epoch record is known. */
  readonly node?: string
  readonly incarnation?: string
  /** Command id, 32 hexadecimal digits. */
  readonly command: string
  readonly type: string
  /** Unix ms. */
  readonly at: number
  /** Empty for epoch records. */
  readonly events: readonly object[]
}

export interface EntityKey {
  readonly shard: number
  /** 32 hexadecimal digits. */
  readonly entity: string
}

/** Committed rows, in order. Rejects where the journal cannot be read. */
/** A payment whose decisions up to a sequence were moved to a file. */
export interface ArchivedPayment {
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  /** When the last of them was decided; Unix ms. */
  readonly closedAt: number
  /** Unix ms. */
  readonly archivedAt: number
  readonly file: string
  /** After the last of them, without personal data. */
  readonly state: Payment
}

export interface JournalReader {
  /** Of these payments, those that are archived. Asked after their rows: then one that is archived meanwhile is met twice, not missed. */
  archived(keys: readonly EntityKey[]): Promise<readonly ArchivedPayment[]>
  /** How many payments of a shard are archived. */
  archivedCount(shard: number): Promise<number>
  /** Decisions of an entity after sequence `after`, at most `limit`. */
  entity(key: EntityKey, after: number, limit: number): Promise<readonly JournalEntry[]>
  /** Rows of a shard after `position`, epoch records included, at most `limit`. */
  shard(shard: number, position: number, limit: number): Promise<readonly JournalEntry[]>
}

/** The place of an operation among all. */
export interface OperationKey extends EntityKey {
  readonly operation: string
}

export type NoticeStatus = 'received' | 'delivered' | 'orphaned' | 'kept'

/** What a PSP pushed, and what became of it. */
export interface NoticeEntry extends EntityKey {
  readonly connection: string
  /** The PSP's identity of it. */
  readonly notice: string
  readonly type: string
  readonly status: NoticeStatus
  /** Why no payment took it; null unless `orphaned`. */
  readonly reason: string | null
  /** Entity of the payment that took it, or whose operation it names; null where none is known. */
  readonly payment: string | null
  /** Unix ms. */
  readonly receivedAt: number
}

/** What is looked for over all shards, about a second behind. Rejects where a database cannot be asked. */
export interface OperatorReader {
  /** Operations whose outcome nobody knows, in order of their place. One may have ended meanwhile. */
  inDoubt(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]>
  /** Captures that nobody wanted and nobody has given back, likewise. */
  compensable(after: OperationKey | undefined, limit: number): Promise<readonly OperationKey[]>
  /** Of each entity its decisions that are in the journal from the first, at most `limit`. */
  decisions(keys: readonly EntityKey[], limit: number): Promise<readonly JournalEntry[]>
  /** The oldest first. Without a payment only `received` and `orphaned` ones are found. */
  notices(
    filter: { readonly statuses: readonly NoticeStatus[]; readonly payment?: string },
    after: (EntityKey & Pick<NoticeEntry, 'receivedAt'>) | undefined,
    limit: number,
  ): Promise<readonly NoticeEntry[]>
}

/** The books of all merchants, as far as they have followed the journal. Rejects where a database cannot be asked, or too many ask. */
export interface LedgerReader {
  /** What was booked before an instant, by account. */
  sums(booked: BookedBefore, merchant?: string): Promise<readonly AccountSums[]>
  /** Those of the accounts that are not zero now. */
  open(accounts: readonly Account[]): Promise<readonly OpenAccount[]>
  state(): Promise<LedgerState>
  /** In pages; whoever stops early returns it. */
  entries(filter: EntryFilter): AsyncGenerator<readonly LedgerEntry[]>
}

/** The directory with a list: operators see all merchants. */
export interface ListedMerchants extends MerchantDirectory {
  /** In order of id. */
  readonly all: readonly MerchantConfiguration[]
}

/** A file of the operators' page, in memory. */
export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
}

/** What a process with the role `operator` adds. */
export interface Operations {
  readonly cluster: ClusterOperations
  readonly router: Router
  readonly directory: ListedMerchants
  readonly journal: JournalReader
  readonly reader: OperatorReader
  readonly ledger: LedgerReader
  /** The secret that API keys are hashed with. */
  readonly keySecret: Uint8Array
  readonly tokens: OperatorTokens
  /** Path → file; `/` is the page. Default: no page. */
  readonly page?: ReadonlyMap<string, PageFile>
  /** PSP connections that this cluster's nodes have been started with, to be shown beside the registered ones. */
  readonly servedConnections?: () => readonly string[]
}

export interface OperatorDeps {
  readonly metrics: Metrics
  readonly readiness: () => Readiness
  /** Absent: this process shows metrics and probes, and nothing else. */
  readonly operations?: Operations
  /** Default: the system's. */
  readonly clock?: Clock
  readonly random?: Random
  /** Default: silent. */
  readonly log?: Log
  readonly errorDocsUrl?: string
  /** Default: runtime/limits.ts. */
  readonly timeouts?: RequestTimeouts
}

/** What the routes get. */
export interface OperatorEdge extends EdgeCore, Operations {}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every route that has an access, before anything of its handler runs. */
    operator: Operator | null
  }

  interface FastifyContextConfig {
    /** Who may use the route; absent: everybody who reaches the port. */
    access?: Access
    /** What docs and tests say the route can be refused with, beside what all are. */
    operatorErrors?: readonly ErrorCode[]
  }
}

/** `read`: every role. `audit`, `review`: operators and approvers. `operate`: operators. `approve`: approvers. */
export type Access = 'read' | 'audit' | 'review' | 'operate' | 'approve'

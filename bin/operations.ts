/** The operators' ports over a cluster's parts: what is known of it, what may be done to it, what its journal says. */
import { unpack } from 'msgpackr'
import { restoreArchived } from '../actors/archived.ts'
import { decodeDecision } from '../actors/codec.ts'
import { paymentStates } from '../actors/payment-kind.ts'
import { type MoveRefusal, MoveRefused } from '../cluster/hand-off-wire.ts'
import type { Payment } from '../domain/payment/state.ts'
import {
  type ClusterOperations,
  ClusterRefusal,
  type ClusterRefusalCode,
  type JournalEntry,
  type JournalReader,
  type OperatorReader,
} from '../gateway/operator/deps.ts'
import type { HistoryRow, JournalHistory } from '../persistence/journal-history.ts'
import type { OperatorReads } from '../persistence/operator-reads.ts'
import type { Cluster } from './cluster.ts'
import { type LocalMover, moveShard } from './move-shard.ts'

const refusals: Readonly<Record<MoveRefusal, ClusterRefusalCode>> = {
  already_there: 'shard_already_there',
  not_owner: 'shard_not_owned',
  shard_busy: 'move_in_progress',
  not_released: 'move_in_progress',
  overloaded: 'move_in_progress',
  not_taken: 'action_outcome_unknown',
  unknown_outcome: 'action_outcome_unknown',
  node_unknown: 'node_not_available',
  node_not_living: 'node_not_available',
  node_draining: 'node_not_available',
  node_takes_none: 'node_not_available',
  shard_pinned: 'shard_pinned',
  no_link: 'node_not_available',
  stopping: 'node_not_available',
  malformed: 'node_not_available',
  not_allowed: 'node_not_available',
}

export function createOperations(cluster: Cluster, local: () => LocalMover | undefined): ClusterOperations {
  return {
    view: () => ({
      processes: cluster.board.all,
      membership: cluster.membership.membership,
      owners: cluster.owners.all,
    }),
    async move(shard, to) {
      try {
        return await moveShard(cluster, local(), shard, to, 'operator')
      } catch (error) {
        if (!(error instanceof MoveRefused)) throw error
        throw new ClusterRefusal(refusals[error.code] ?? 'action_outcome_unknown', { cause: error })
      }
    },
    async change(change) {
      try {
        await cluster.leases.change(change)
      } catch (error) {
        throw new ClusterRefusal('action_outcome_unknown', { cause: error })
      }
      await cluster.membership.refresh()
    },
  }
}

const epochEntity = '0'.repeat(32)

export function createJournalReader(history: JournalHistory): JournalReader {
  return {
    async archived(keys) {
      return (await history.standIns(keys)).map(({ positions: _positions, data, private: _private, ...standIn }) => {
        const record = { ...standIn, data, private: null }
        return { ...standIn, state: restoreArchived(paymentStates, record) as Payment }
      })
    },
    archivedCount: (shard) => history.archivedCount(shard),
    entity: async (key, after, limit) => (await history.entity(key, after, limit)).map(entryOf),
    shard: async (shard, position, limit) => (await history.shard(shard, position, limit)).map(entryOf),
  }
}

export function createOperatorReader(reads: OperatorReads): OperatorReader {
  return {
    inDoubt: (after, limit) => reads.inDoubt(after, limit),
    compensable: (after, limit) => reads.compensable(after, limit),
    decisions: async (keys, limit) => (await reads.decisions(keys, limit)).map(entryOf),
    notices: (filter, after, limit) => reads.notices(filter, after, limit),
  }
}

function entryOf({ data, opened, ...row }: HistoryRow): JournalEntry {
  const writer = opened === null ? {} : (unpack(opened) as { node?: unknown; incarnation?: unknown })
  return {
    ...row,
    ...(typeof writer.node === 'string' && { node: writer.node }),
    ...(typeof writer.incarnation === 'string' && { incarnation: writer.incarnation }),
    events: row.entity === epochEntity ? [] : decodeDecision<object>(data, null).events,
  }
}

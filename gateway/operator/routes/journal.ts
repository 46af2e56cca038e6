/**
 * Payments and the journal as operators see them: committed rows, decoded, redacted. A payment's state is folded here from
 * these rows, so it can be looked at also while its shard serves nobody. What is private is never decoded.
 *
 * Every look at an entity is recorded in the operators' log.
 */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { addressOfName, addressOfPayment, paymentIdOfEntity, shardOfEntity } from '../../../domain/ids.ts'
import { RefusalError } from '../../problem.ts'
import { recordReading } from '../actions.ts'
import { committedPayment, readable } from '../committed.ts'
import type { ArchivedPayment, JournalEntry, OperatorEdge } from '../deps.ts'
import { redact } from '../redact.ts'
import { EntityParams, IdParams, NoQuery, PageQuery, pageDefault, ShardParams } from '../schemas.ts'
import { iso } from '../views.ts'
import { shardOf } from './cluster.ts'

const config = { access: 'read' } as const

type Paged = { Querystring: Static<typeof PageQuery> }

export function journalRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get<{ Params: Static<typeof IdParams> }>(
    '/ops/v1/payments/:id',
    { config, schema: { params: IdParams, querystring: NoQuery } },
    async (request) => {
      const { id } = request.params
      const address = addressOfPayment(id)
      if (address === undefined) throw new RefusalError({ code: 'id_format', param: 'id' })
      await recordReading(edge, request, id)
      const found = await committedPayment(edge, address)
      if (found === undefined) throw new RefusalError({ code: 'payment_not_found' })
      const owner = edge.cluster.view().owners[address.shard]
      return {
        ...{ id, shard: address.shard, owner: owner?.owner?.node ?? null, epoch: owner?.epoch ?? null },
        payment: redact(found.payment),
        archived: found.archived === undefined ? null : archivedView(found.archived),
        decisions: found.rows.map(decisionView),
      }
    },
  )

  app.get<{ Params: Static<typeof EntityParams> } & Paged>(
    '/ops/v1/journal/:entity',
    { config, schema: { params: EntityParams, querystring: PageQuery } },
    async (request) => {
      const { entity } = request.params
      const address = addressOf(entity)
      await recordReading(edge, request, entity)
      const { limit, after } = pageOf(request.query)
      const rows = await readable(edge, edge.journal.entity(address, after, limit + 1))
      const [archived] = await readable(edge, edge.journal.archived([address]))
      if (rows.length === 0 && archived === undefined && after === 0) {
        throw new RefusalError({ code: 'entity_not_found' })
      }
      const decisions = rows.slice(0, limit).map(decisionView)
      return {
        entity,
        shard: address.shard,
        archived: archived === undefined ? null : archivedView(archived),
        decisions,
        next_after: rows.length > limit ? (decisions.at(-1)?.seq ?? null) : null,
      }
    },
  )

  app.get<{ Params: Static<typeof ShardParams> } & Paged>(
    '/ops/v1/shards/:shard/journal',
    { config, schema: { params: ShardParams, querystring: PageQuery } },
    async (request) => {
      const shard = shardOf(edge, request.params.shard)
      await recordReading(edge, request, 'journal of shards')
      const { limit, after } = pageOf(request.query)
      const rows = await readable(edge, edge.journal.shard(shard, after, limit + 1))
      const decisions = rows.slice(0, limit).map(decisionView)
      const archived = await readable(edge, edge.journal.archivedCount(shard))
      return {
        shard,
        archived,
        decisions,
        next_after: rows.length > limit ? (decisions.at(-1)?.position ?? null) : null,
      }
    },
  )
}

function pageOf({ limit = pageDefault, after = '0' }: Static<typeof PageQuery>): { limit: number; after: number } {
  return { limit, after: Number(after) }
}

/** A payment's id, 32 hexadecimal digits, or the name that the address is made from (`mer_…`, `psp-connections`). */
function addressOf(entity: string): { readonly shard: number; readonly entity: string } {
  const payment = addressOfPayment(entity)
  if (payment !== undefined) return payment
  if (/^(?!0{32})[0-9a-f]{32}$/.test(entity)) return { shard: shardOfEntity(entity), entity }
  if (/^(?:mer_[0-9A-Za-z_]{1,60}|psp-connections|ledger-closes|operator-log:[0-9-]{10})$/.test(entity))
    return addressOfName(entity)
  throw new RefusalError({ code: 'id_format', param: 'entity' })
}

/** Decisions that are in a file, not among those that are shown. */
export interface ArchivedView {
  readonly file: string
  /** Of the last of them. */
  readonly seq: number
  readonly closed_at: string
  readonly archived_at: string
}

function archivedView({ file, seq, closedAt, archivedAt }: ArchivedPayment): ArchivedView {
  return { file, seq, closed_at: iso(closedAt), archived_at: iso(archivedAt) }
}

export interface DecisionView {
  readonly shard: number
  readonly position: number
  /** A payment's id, or 32 hexadecimal digits. */
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly node: string | null
  readonly incarnation: string | null
  readonly command: string
  readonly type: string
  readonly at: string
  readonly events: readonly unknown[]
}

function decisionView(row: JournalEntry): DecisionView {
  const { shard, position, entity, seq, epoch, node, incarnation, command, type, at, events } = row
  return {
    ...{ shard, position, entity: type.startsWith('payment.') ? paymentIdOfEntity(entity) : entity, seq, epoch },
    ...{ node: node ?? null, incarnation: incarnation ?? null, command, type, at: iso(at), events: events.map(redact) },
  }
}

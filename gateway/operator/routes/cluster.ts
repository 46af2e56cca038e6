/** What operators see and change of the cluster: processes, shards, moves, pins, drains, rebalancing. */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { PolicyChange } from '../../../cluster/member.ts'
import { RefusalError } from '../../problem.ts'
import { act } from '../actions.ts'
import type { OperatorEdge } from '../deps.ts'
import { MoveBody, NodeParams, NoQuery, PinBody, ReasonBody, RebalancingBody, ShardParams } from '../schemas.ts'
import { clusterSummary, movesOf, moveView, processViews, shardViews } from '../views.ts'

type OfNode = { Params: Static<typeof NodeParams>; Body: Static<typeof ReasonBody> }
type OfShard = { Params: Static<typeof ShardParams> }

const read = { config: { access: 'read' }, schema: { querystring: NoQuery } } as const
const config = { access: 'operate' } as const

export function clusterRoutes(app: FastifyInstance, edge: OperatorEdge): void {
  app.get('/ops/v1/cluster', read, () => clusterSummary(edge.cluster.view(), edge.clock.now()))

  app.get('/ops/v1/nodes', read, () => ({ nodes: processViews(edge.cluster.view()) }))

  app.get<OfNode>(
    '/ops/v1/nodes/:node',
    { config: read.config, schema: { ...read.schema, params: NodeParams } },
    ({ params: { node } }) => {
      const view = edge.cluster.view()
      const process = processViews(view).find((each) => each.node === node)
      if (process === undefined) throw new RefusalError({ code: 'node_unknown' })
      const shards = shardViews(view).filter(({ owner, state }) => owner === node && state === 'owned')
      const moves = movesOf(view).filter(({ from, to }) => from === node || to === node)
      return { ...process, shards: shards.map(({ shard }) => shard), moves: moves.map(moveView) }
    },
  )

  app.get('/ops/v1/shards', read, () => ({ shards: shardViews(edge.cluster.view()) }))

  app.get<OfShard>(
    '/ops/v1/shards/:shard',
    { config: read.config, schema: { ...read.schema, params: ShardParams } },
    ({ params }) => {
      const view = edge.cluster.view()
      const shard = shardOf(edge, params.shard)
      const moves = movesOf(view).filter((move) => move.shard === shard)
      return { ...shardViews(view)[shard], moves: moves.map(moveView) }
    },
  )

  app.post<OfShard & { Body: Static<typeof MoveBody> }>(
    '/ops/v1/shards/:shard/move',
    { config, schema: { params: ShardParams, body: MoveBody } },
    async (request) => {
      const shard = shardOf(edge, request.params.shard)
      const { to, reason } = request.body
      knownNode(edge, to)
      const action = { kind: 'shard.move', subject: `shard:${shard}`, reason, parameters: { to } }
      return moveView(await act(edge, request, action, () => edge.cluster.move(shard, to)))
    },
  )

  app.put<OfShard & { Body: Static<typeof PinBody> }>(
    '/ops/v1/shards/:shard/pin',
    { config, schema: { params: ShardParams, body: PinBody } },
    async (request) => {
      const shard = shardOf(edge, request.params.shard)
      const { node, reason } = request.body
      knownNode(edge, node)
      const action = { kind: 'shard.pin', subject: `shard:${shard}`, reason, parameters: { node } }
      await act(edge, request, action, () => edge.cluster.change({ kind: 'pin', shard, node }))
      return { shard, pinned_to: node }
    },
  )

  app.delete<OfShard & { Body: Static<typeof ReasonBody> }>(
    '/ops/v1/shards/:shard/pin',
    { config, schema: { params: ShardParams, body: ReasonBody } },
    async (request) => {
      const shard = shardOf(edge, request.params.shard)
      const action = { kind: 'shard.unpin', subject: `shard:${shard}`, reason: request.body.reason }
      await act(edge, request, action, () => edge.cluster.change({ kind: 'pin', shard, node: null }))
      return { shard, pinned_to: null }
    },
  )

  const changes: readonly (readonly [string, (node: string) => PolicyChange])[] = [
    ['drain', (node) => ({ kind: 'weight', node, weight: 0 })],
    ['undrain', (node) => ({ kind: 'weight', node, weight: null })],
    ['cordon', (node) => ({ kind: 'cordon', node, cordoned: true })],
    ['uncordon', (node) => ({ kind: 'cordon', node, cordoned: false })],
  ]
  for (const [name, change] of changes) {
    app.post<OfNode>(
      `/ops/v1/nodes/:node/${name}`,
      { config, schema: { params: NodeParams, body: ReasonBody } },
      async (request, reply) => {
        const { node } = request.params
        // what was said of a node that is away can be taken back, and nothing more
        if (name === 'drain' || name === 'cordon') knownNode(edge, node)
        if (name === 'drain') refuseLastNode(edge, node)
        const action = { kind: `node.${name}`, subject: `node:${node}`, reason: request.body.reason }
        await act(edge, request, action, () => edge.cluster.change(change(node)))
        // its shards move away, or back, one by one; GET /ops/v1/nodes/:node shows how far it is
        const left = shardViews(edge.cluster.view()).filter(({ owner }) => owner === node).length
        return reply.code(202).send({ node, shards: left })
      },
    )
  }

  app.put<{ Body: Static<typeof RebalancingBody> }>(
    '/ops/v1/rebalancing',
    { config, schema: { body: RebalancingBody } },
    async (request) => {
      const { on, reason } = request.body
      const action = { kind: 'cluster.rebalancing', subject: 'cluster', reason, parameters: { on } }
      await act(edge, request, action, () => edge.cluster.change({ kind: 'rebalancing', on }))
      return { rebalancing: on }
    },
  )
}

/** @throws {RefusalError} where there is no such shard. */
export function shardOf(edge: OperatorEdge, text: string): number {
  const shard = /^(?:0|[1-9][0-9]{0,5})$/.test(text) ? Number(text) : Number.NaN
  if (edge.cluster.view().owners[shard] === undefined) throw new RefusalError({ code: 'shard_unknown' })
  return shard
}

function knownNode(edge: OperatorEdge, node: string): void {
  const { leases } = edge.cluster.view().membership
  if (!leases.some((lease) => lease.node === node)) throw new RefusalError({ code: 'node_unknown' })
}

function refuseLastNode(edge: OperatorEdge, node: string): void {
  const { leases, policy } = edge.cluster.view().membership
  const others = leases.filter((lease) => lease.node !== node && !lease.draining)
  const takes = (name: string): boolean => !policy.cordoned.has(name) && (policy.weights.get(name) ?? 1) > 0
  if (!others.some((lease) => takes(lease.node))) throw new RefusalError({ code: 'last_node' })
}

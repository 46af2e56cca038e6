import { expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import type { ProcessStatus } from './status.ts'
import { StatusBoard } from './status-board.ts'

const peer = { node: 'node-1', incarnation: 'i1' }

const plain: ProcessStatus = {
  ...peer,
  roles: ['node'],
  build: '1.0.0',
  address: '127.0.0.1:1',
  startedAt: 1,
  draining: false,
  reasons: [],
  cpu: 0.5,
  loopDelayMs: 1,
  residentBytes: 1,
  answeredPerSecond: 0,
  unavailablePerSecond: 0,
}

const gateway: ProcessStatus = { ...plain, node: 'gateway-1', roles: ['gateway'] }

const ofNode: ProcessStatus = {
  ...plain,
  nodeStatus: {
    shards: 1,
    uncertain: 0,
    stuck: [{ shard: 3, reason: 'opening' }],
    entities: 0,
    pending: 0,
    commandsPerSecond: 1,
    durablePerSecond: 1,
    flushMs: 1,
    hottest: [{ shard: 3, perSecond: 1 }],
    moves: [{ shard: 3, from: 'node-2', to: 'node-1', epoch: 2, reason: 'drain', at: 1, blackoutMs: 1 }],
    takeovers: [{ from: { node: 'node-2', incarnation: 'i1' }, by: 'node-1', shards: 1, at: 1, tookMs: 1 }],
    readSide: { behind: 3, parked: [3] },
    gateways: [gateway],
  },
}

test('what a peer tells of itself is shown, with the gateways it has heard of', () => {
  const board = new StatusBoard(new VirtualClock())
  expect(board.hearFrom(peer, structuredClone({ ...ofNode, laterMember: { of: 'a newer build' } }))).toBe(true)
  expect(board.all.map(({ status }) => status.node)).toEqual(['gateway-1', 'node-1'])
})

test.each([
  ['nothing', null],
  ['a text', 'status'],
  ['a list', [plain]],
  ['one without roles', { ...plain, roles: undefined }],
  ['one whose load is no number', { ...plain, cpu: Number.NaN }],
  ['one of a node without its shards', { ...plain, nodeStatus: {} }],
  ['one of a node with gateways that are none', { ...ofNode, nodeStatus: { ...ofNode.nodeStatus, gateways: [null] } }],
  [
    'one of a node with a read side that is none',
    { ...ofNode, nodeStatus: { ...ofNode.nodeStatus, readSide: { behind: 0, parked: ['3'] } } },
  ],
  ['one of a node with gateways that are no list', { ...ofNode, nodeStatus: { ...ofNode.nodeStatus, gateways: 7 } }],
  [
    'one of a node with more records than it may tell',
    { ...ofNode, nodeStatus: { ...ofNode.nodeStatus, moves: Array(51).fill(ofNode.nodeStatus?.moves[0]) } },
  ],
  ["another process's", { ...plain, node: 'node-2' }],
])('%s instead of a status is dropped, and harms nothing', (_what, body) => {
  const board = new StatusBoard(new VirtualClock())
  expect(board.hearFrom(peer, body)).toBe(false)
  expect(board.all).toEqual([])
})

import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../runtime/clock.ts'
import { type AnswerWire, decodeAnswer, encodeEnvelope } from './envelope-wire.ts'
import type { CallHandler, Peer } from './link.ts'
import type { Incarnation } from './member.ts'
import { OwnerTable } from './owners.ts'
import { routeCall, serveRoutes } from './route-server.ts'
import type { Envelope, RouteAnswer } from './router.ts'

const self: Incarnation = { node: 'n1', incarnation: 'a' }
const other: Incarnation = { node: 'n2', incarnation: 'b' }
const gateway: Peer = { node: 'g1', incarnation: 'c', roles: ['gateway'], build: 'test', protocol: 1 }

const envelope: Envelope = {
  id: 'a'.repeat(32),
  shard: 3,
  entity: 'b'.repeat(32),
  kind: 'payment',
  class: 'begin',
  bytes: 100,
  payload: { type: 'CreatePayment' },
  deadline: 15_000,
  waitUntil: 10_000,
  attach: true,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}

function serve(answer: RouteAnswer<unknown>) {
  const clock = new VirtualClock()
  const owners = new OwnerTable(8)
  const seen: Envelope[] = []
  const complaints: string[] = []
  const handlers = new Map<string, CallHandler>()
  serveRoutes({
    self,
    links: { onCall: (method, handler) => void handlers.set(method, handler) },
    host: {
      route: (each) => {
        seen.push(each)
        return Promise.resolve(answer as RouteAnswer<never>)
      },
    },
    owners,
    clock,
    observer: {
      malformed: (from) => complaints.push(`malformed ${from.node}`),
      unsendable: () => complaints.push('unsendable'),
    },
  })
  const call = async (body: unknown, deadlineMs = 60_000): Promise<RouteAnswer<unknown> | undefined> => {
    const context = { isCancelled: false, onCancel: () => undefined }
    const wire = (await handlers.get(routeCall)?.(gateway, body, deadlineMs, context)) as AnswerWire
    return decodeAnswer(wire)?.answer
  }
  return { clock, owners, seen, complaints, call }
}

const done: RouteAnswer<string> = { kind: 'answered', answer: 'done' }
const moved = {
  kind: 'unavailable',
  certainty: 'not_accepted',
  reason: 'shard_not_owned',
  retryAfterMs: 1_000,
} as const

describe('an envelope', () => {
  test('reaches the host as it was sent, on this process’s clock', async () => {
    const node = serve(done)
    node.clock.advance(5_000)
    expect(await node.call(encodeEnvelope(envelope, 1_000))).toEqual(done)
    expect(node.seen).toEqual([{ ...envelope, deadline: 5_000 + 14_000, waitUntil: 5_000 + 9_000 }])
  })

  test('that waited for its link has only what the link says is left, and the wait shrinks with it', async () => {
    const node = serve(done)
    await node.call(encodeEnvelope(envelope, 0), 6_000)
    expect(node.seen).toMatchObject([{ deadline: 6_000, waitUntil: 1_000 }])
  })

  test('with a deadline far away is cut to the bound', async () => {
    const node = serve(done)
    await node.call(encodeEnvelope({ ...envelope, deadline: 1e12, waitUntil: 1e12 }, 0), 1e12)
    expect(node.seen).toMatchObject([{ deadline: 600_000 }])
  })

  const wire = encodeEnvelope(envelope, 0)
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'envelope'],
    ['an array', [wire]],
    ['no id', { ...wire, id: undefined }],
    ['an id in upper case', { ...wire, id: 'A'.repeat(32) }],
    ['an entity that is too short', { ...wire, entity: 'b' }],
    ['a shard that is none', { ...wire, shard: 3.5 }],
    ['a negative shard', { ...wire, shard: -1 }],
    ['a shard beyond the last', { ...wire, shard: 8 }],
    ['a kind that is a number', { ...wire, kind: 1 }],
    ['a kind that is too long', { ...wire, kind: 'k'.repeat(33) }],
    ['another class', { ...wire, class: 'urgent' }],
    ['a class that is a member of every object', { ...wire, class: 'constructor' }],
    ['a size below zero', { ...wire, bytes: -1 }],
    ['no time', { ...wire, remainingMs: Number.NaN }],
    ['time without end', { ...wire, remainingMs: Number.POSITIVE_INFINITY }],
    ['a grace below zero', { ...wire, graceMs: -1 }],
    ['attach as a text', { ...wire, attach: 'true' }],
    ['a payload that is no JSON', { ...wire, payload: '{' }],
    ['a payload that is no text', { ...wire, payload: {} }],
    ['a long traceparent', { ...wire, traceparent: 'x'.repeat(65) }],
  ])('of bad shape (%s) is refused as not accepted, and the host never sees it', async (_what, body) => {
    const node = serve(done)
    expect(await node.call(body)).toMatchObject({ certainty: 'not_accepted', reason: 'envelope_malformed' })
    expect(node.seen).toEqual([])
    expect(node.complaints).toEqual(['malformed g1'])
  })

  test('with members that this build does not know is taken', async () => {
    const node = serve(done)
    expect(await node.call({ ...wire, later: 1 })).toEqual(done)
  })
})

describe('who has come to the wrong node', () => {
  test.each(['shard_not_owned', 'shard_moved'])('is told the owner that this one believes in (%s)', async (reason) => {
    const node = serve({ ...moved, reason })
    node.owners.learn([{ shard: 3, epoch: 9, owner: other, released: false }])
    expect(await node.call(encodeEnvelope(envelope, 0))).toEqual({ ...moved, reason, moved: { ...other, epoch: 9 } })
  })

  test.each([
    ['nobody has it', undefined],
    ['it was released', { shard: 3, epoch: 9, owner: other, released: true }],
    ['it was this one', { shard: 3, epoch: 9, owner: self, released: false }],
  ])('is told no owner where %s', async (_why, row) => {
    const node = serve(moved)
    if (row !== undefined) node.owners.learn([row])
    expect(await node.call(encodeEnvelope(envelope, 0))).toEqual(moved)
  })

  test('hears nothing of owners with any other refusal', async () => {
    const node = serve({ ...moved, reason: 'overloaded' })
    node.owners.learn([{ shard: 3, epoch: 9, owner: other, released: false }])
    expect(await node.call(encodeEnvelope(envelope, 0))).toEqual({ ...moved, reason: 'overloaded' })
  })
})

test('an answer that cannot be carried is said to be in doubt, not left out', async () => {
  const node = serve({ kind: 'answered', answer: { sum: 1n } })
  expect(await node.call(encodeEnvelope(envelope, 0))).toMatchObject({
    certainty: 'acceptance_unknown',
    reason: 'answer_unsendable',
  })
  expect(node.complaints).toEqual(['unsendable'])
})

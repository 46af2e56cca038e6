import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { RouteAnswer } from '../cluster/router.ts'
import {
  addressOfNotice,
  type Delivery,
  type DeliverNotice,
  type InboxAnswer,
  type InboxCommand,
  inboxKindName,
} from '../domain/inbox/commands.ts'
import { connection, given, noticeWith, paymentId, receive } from '../domain/inbox/testing.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { decodeState, encodeState } from './codec.ts'
import { defaultHostLimits, Host } from './host.ts'
import { inboxKind } from './inbox-kind.ts'
import { MemoryJournal } from './journal-memory.ts'
import { MemoryDatabase } from './memory-database.ts'

const address = addressOfNotice(connection, noticeWith().id)
const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

let incarnations = 0

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await turn()
}

/** A node of inboxes whose hand-overs end when a test says so. */
class Node {
  readonly clock: VirtualClock
  readonly journal: MemoryJournal
  readonly host: Host
  readonly handOvers: { readonly effect: DeliverNotice; readonly end: (delivery: Delivery) => void }[] = []
  #commands = 0

  constructor(database: MemoryDatabase, clock: VirtualClock) {
    const incarnation = `i${++incarnations}`
    this.clock = clock
    this.journal = new MemoryJournal(database, { node: 'node-1', incarnation, clock })
    this.host = new Host({
      name: `inboxes${incarnations}`,
      kinds: [inboxKind],
      journal: this.journal,
      clock,
      random: seededRandom(incarnations),
      limits: defaultHostLimits,
      observer: {
        trouble: () => undefined,
        shardLost: () => undefined,
        shardUncertain: () => undefined,
        shardRecovered: () => undefined,
      },
      runEffect: (effect) =>
        new Promise((resolve) => {
          const end = (delivery: Delivery): void => resolve({ type: 'RecordDelivery', delivery } satisfies InboxCommand)
          this.handOvers.push({ effect: effect as DeliverNotice, end })
        }),
    })
    stops.push(async () => {
      const stopping = this.host.stop()
      await this.pass(20_000)
      await stopping
    })
  }

  static async start(database = new MemoryDatabase(), clock = new VirtualClock()): Promise<Node> {
    const node = new Node(database, clock)
    await node.host.openShards([address.shard])
    await settle()
    return node
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(500, left))
      await settle()
    }
  }

  ask(payload: InboxCommand): Promise<RouteAnswer<InboxAnswer>> {
    const deadline = this.clock.monotonic() + 5_000
    this.#commands += 1
    const id = this.#commands.toString(16).padStart(32, '0')
    return this.host.route<InboxAnswer>({
      ...address,
      ...{ id, kind: inboxKindName, class: 'settle', bytes: 0, payload, deadline, waitUntil: deadline, attach: true },
    })
  }

  async standing(): Promise<unknown> {
    const routed = await this.ask({ type: 'ReadNotice' })
    return routed.kind === 'answered' && routed.answer.kind === 'notice' && routed.answer.state?.standing
  }
}

const stored = (repeated: boolean, altered = false): RouteAnswer<InboxAnswer> => ({
  kind: 'answered',
  answer: { kind: 'stored', repeated, altered },
})
const delivered: Delivery = { kind: 'delivered', payment: paymentId }

describe('a notice', () => {
  test('is stored once, however often it comes at once, and handed over once', async () => {
    const database = new MemoryDatabase()
    const node = await Node.start(database)
    const answers = await Promise.all(Array.from({ length: 50 }, () => node.ask(receive())))
    expect(answers.filter((answer) => answer.kind === 'answered')).toHaveLength(50)
    expect(answers).toEqual([stored(false), ...Array.from({ length: 49 }, () => stored(true))])
    expect(node.handOvers).toHaveLength(1)
    const rows = database.shard(address.shard).rows.filter(({ entity }) => entity === address.entity)
    expect(rows.map(({ type, private: hidden }) => [type, hidden])).toEqual([[`${inboxKindName}.receive_notice`, null]])
  })

  test('is known as repeated also when it has been delivered long since, also after a restart', async () => {
    const database = new MemoryDatabase()
    const clock = new VirtualClock()
    const node = await Node.start(database, clock)
    await node.ask(receive())
    node.handOvers[0]?.end(delivered)
    await settle()
    expect(await node.standing()).toEqual({ status: 'delivered', payment: paymentId })
    expect(await node.ask(receive())).toEqual(stored(true))
    const next = await Node.start(database, clock)
    expect(await next.ask(receive())).toEqual(stored(true))
    expect(next.handOvers).toEqual([])
  })

  test('with another body is said to be altered, each time it comes', async () => {
    const node = await Node.start()
    const other = receive(noticeWith({ digest: 'ee'.repeat(32) }))
    await node.ask(receive())
    expect(await Promise.all([node.ask(other), node.ask(other), node.ask(receive())])).toEqual([
      stored(false, true),
      stored(true, true),
      stored(true),
    ])
    expect(node.handOvers).toHaveLength(1)
  })

  test('is not said to be stored while the journal is away, and is stored when it comes again', async () => {
    const database = new MemoryDatabase()
    const node = await Node.start(database)
    database.available = false
    const asked = node.ask(receive())
    await node.pass(6_000)
    expect(await asked).toMatchObject({ kind: 'unavailable' })
    expect(node.handOvers).toEqual([])
    database.available = true
    await node.pass(6_000)
    expect((await node.ask(receive())).kind).toBe('answered')
    expect(node.handOvers).toHaveLength(1)
  })

  test('that nobody could take is handed over again when its timer falls due', async () => {
    const node = await Node.start()
    await node.ask(receive())
    node.handOvers[0]?.end({ kind: 'unavailable', reason: 'overloaded' })
    await settle()
    await node.pass(500)
    expect(node.handOvers).toHaveLength(1)
    await node.pass(1_500)
    expect(node.handOvers).toHaveLength(2)
    node.handOvers[1]?.end(delivered)
    await settle()
    expect(await node.standing()).toEqual({ status: 'delivered', payment: paymentId })
  })

  test.each([
    ['before its timer was stored', 0],
    ['after its timer was stored', 2_000],
  ])('whose owner died %s is handed over by the next one, unasked', async (_when, passed) => {
    const database = new MemoryDatabase()
    const clock = new VirtualClock()
    const first = await Node.start(database, clock)
    await first.ask(receive())
    await first.pass(passed)
    const next = await Node.start(database, clock)
    await settle()
    expect(next.handOvers.map(({ effect }) => effect)).toEqual([first.handOvers[0]?.effect])
    next.handOvers[0]?.end(delivered)
    await settle()
    expect(await next.standing()).toEqual({ status: 'delivered', payment: paymentId })
  })

  test('that is no payment’s is looked at again when its time has come, by whoever owns it then', async () => {
    const database = new MemoryDatabase()
    const clock = new VirtualClock()
    const first = await Node.start(database, clock)
    await first.ask(receive())
    first.handOvers[0]?.end({ kind: 'not_found', complete: true })
    await first.pass(1_000)
    expect(await first.standing()).toMatchObject({ status: 'orphaned', reason: 'payment_unknown' })
    const next = await Node.start(database, clock)
    await next.pass(30_000)
    expect(next.handOvers).toEqual([])
    await next.pass(31_000)
    expect(next.handOvers).toHaveLength(1)
  })

  test('that never came is nothing to read', async () => {
    const node = await Node.start()
    expect(await node.ask({ type: 'ReadNotice' })).toEqual({
      kind: 'answered',
      answer: { kind: 'notice', state: undefined },
    })
  })
})

test('an inbox read from its snapshot is the one that was stored, and has nothing to hide', () => {
  const { state } = given(receive(), { type: 'RecordDelivery', delivery: { kind: 'not_found', complete: true } })
  if (state === undefined) throw new Error('a notice came')
  const parts = inboxKind.snapshot(state)
  expect(parts.private).toBeUndefined()
  expect(inboxKind.restore({ state: decodeState<object>(encodeState(parts.state)), private: undefined })).toEqual(state)
})

test('operators see of a notice where it came from, what it names, what it is and what became of it', () => {
  const { state } = given(receive(), { type: 'RecordDelivery', delivery: { kind: 'delivered', payment: paymentId } })
  if (state === undefined) throw new Error('a notice came')
  const { id, type, subject } = noticeWith()
  const standing = { status: 'delivered', payment: paymentId }
  const { operationId } = subject
  expect(inboxKind.projection(state)).toEqual({
    notice: { connection, id, type, operationId, receivedAt: state.receivedAt, standing },
  })
})

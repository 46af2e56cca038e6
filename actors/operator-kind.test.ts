import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { addressOfName, shardCount } from '../domain/ids.ts'
import {
  type ActionLogAnswer,
  type ActionLogCommand,
  actionLogName,
  type OperatorAction,
} from '../domain/operator/action-log.ts'
import {
  type PspConnectionsAnswer,
  type PspConnectionsCommand,
  pspConnectionsName,
} from '../domain/operator/psp-connections.ts'
import { VirtualClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { defaultHostLimits, Host } from './host.ts'
import { MemoryJournal } from './journal-memory.ts'
import { MemoryDatabase } from './memory-database.ts'
import { operatorKind, pspConnectionsKind } from './operator-kind.ts'

const day = '2026-01-01'
const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

let incarnations = 0

class Node {
  readonly clock = new VirtualClock()
  readonly journal: MemoryJournal
  readonly host: Host
  #commands = 0

  constructor(database: MemoryDatabase) {
    const self = { node: 'node-1', incarnation: `i${++incarnations}` }
    this.journal = new MemoryJournal(database, { ...self, clock: this.clock })
    this.host = new Host({
      name: `operators${incarnations}`,
      kinds: [operatorKind, pspConnectionsKind],
      journal: this.journal,
      clock: this.clock,
      random: seededRandom(incarnations),
      limits: defaultHostLimits,
      observer: {
        trouble: (what, error) => {
          throw new Error(what, { cause: error })
        },
        shardLost: () => undefined,
        shardUncertain: () => undefined,
        shardRecovered: () => undefined,
      },
      runEffect: () => Promise.resolve(undefined),
    })
    stops.push(() => this.stop())
  }

  static async start(database: MemoryDatabase): Promise<Node> {
    const node = new Node(database)
    await node.host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
    return node
  }

  async stop(): Promise<void> {
    const stopping = this.host.stop()
    for (let round = 0; round < 100; round += 1) {
      this.clock.advance(10)
      await turn()
    }
    await stopping
  }

  log(command: ActionLogCommand): Promise<ActionLogAnswer> {
    return this.#ask<ActionLogAnswer>('operator', actionLogName(command.day), command)
  }

  connections(command: PspConnectionsCommand): Promise<PspConnectionsAnswer> {
    return this.#ask<PspConnectionsAnswer>('psp_connections', pspConnectionsName, command)
  }

  async #ask<Answer>(kind: string, name: string, payload: unknown): Promise<Answer> {
    const deadline = this.clock.monotonic() + 5_000
    this.#commands += 1
    const routed = await this.host.route<Answer>({
      ...addressOfName(name),
      ...{ id: this.#commands.toString(16).padStart(32, '0'), kind, class: 'settle', bytes: 0, payload },
      ...{ deadline, waitUntil: deadline, attach: true },
    })
    if (routed.kind !== 'answered') throw new Error(routed.reason)
    return routed.answer
  }
}

const action = (id: string): OperatorAction => ({
  ...{ id, operator: 'ops-1', role: 'operator', kind: 'shard.move', subject: 'shard:7', reason: 'ticket 12' },
  ...{ parameters: { to: 'node-2', on: true, shard: 7 }, requestId: 'req_1' },
})

describe('the operators’ log on a node', () => {
  test('is empty before the first action of a day', async () => {
    const node = await Node.start(new MemoryDatabase())
    const list = await node.log({ type: 'ListActions', day, after: 0, limit: 10 })
    expect(list).toEqual({ kind: 'entries', entries: [], more: false })
  })

  test('lists what was recorded, page by page, also on the node that comes after', async () => {
    const database = new MemoryDatabase()
    const first = await Node.start(database)
    expect(await first.log({ type: 'BeginAction', day, action: action('act_1') })).toEqual({ kind: 'recorded' })
    await first.log({ type: 'EndAction', day, id: 'act_1', outcome: 'refused', code: 'move_in_progress' })
    await first.stop()

    const second = await Node.start(database)
    await second.log({ type: 'RecordReading', day, operator: 'ops-2', role: 'approver', subject: 'actions' })
    const page = await second.log({ type: 'ListActions', day, after: 0, limit: 2 })
    expect(page).toMatchObject({
      more: true,
      entries: [
        { seq: 1, event: { type: 'ActionBegun', ...action('act_1') } },
        { seq: 2, event: { type: 'ActionEnded', id: 'act_1', outcome: 'refused', code: 'move_in_progress' } },
      ],
    })
    const rest = await second.log({ type: 'ListActions', day, after: 2, limit: 2 })
    expect(rest).toMatchObject({ more: false, entries: [{ seq: 3, event: { type: 'AuditRead', subject: 'actions' } }] })
  })

  test('takes the end of an action from another node than its beginning, and of none that never began', async () => {
    const database = new MemoryDatabase()
    const first = await Node.start(database)
    await first.log({ type: 'BeginAction', day, action: action('act_1') })
    await first.stop()
    const second = await Node.start(database)
    const end = (id: string) => second.log({ type: 'EndAction', day, id, outcome: 'done' })
    expect(await end('act_1')).toEqual({ kind: 'recorded' })
    expect(await end('act_2')).toEqual({ kind: 'rejected', rejection: { code: 'action_unknown' } })
  })
})

describe('the register of PSP connections on a node', () => {
  test('is read, added to, and the same after a restart', async () => {
    const database = new MemoryDatabase()
    const first = await Node.start(database)
    expect(await first.connections({ type: 'ReadPspConnections' })).toEqual({ kind: 'connections', connections: [] })
    const connection = {
      name: 'stripe-test',
      psp: 'stripe',
      mode: 'test',
      secretSetting: 'SHARDPAY_STRIPE_TEST_KEY_FILE',
    } as const
    const added = await first.connections({ type: 'AddPspConnection', connection, operator: 'ops-1', reason: 'first' })
    expect(added).toMatchObject({ kind: 'connections', connections: [{ ...connection, addedBy: 'ops-1' }] })
    await first.stop()
    const second = await Node.start(database)
    expect(await second.connections({ type: 'ReadPspConnections' })).toEqual(added)
  })
})

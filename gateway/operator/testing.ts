/** For tests of the operators' edge: a cluster that does what it is told, and a router over the real deciders. */
import type { FastifyInstance } from 'fastify'
import type { Lease, PlacementPolicy, PolicyChange } from '../../cluster/member.ts'
import type { ShardOwner } from '../../cluster/owners.ts'
import type { Envelope, RouteAnswer, Router } from '../../cluster/router.ts'
import type { MoveRecord, ProcessStatus, TakeoverRecord } from '../../cluster/status.ts'
import { addressOfName } from '../../domain/ids.ts'
import type { MerchantCommand } from '../../domain/merchant/commands.ts'
import { decide as decideOfMerchant } from '../../domain/merchant/decide.ts'
import { applyDecision as applyToMerchant } from '../../domain/merchant/evolve.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import * as closes from '../../domain/ledger/closes.ts'
import * as log from '../../domain/operator/action-log.ts'
import * as connections from '../../domain/operator/psp-connections.ts'
import type { PaymentCommand } from '../../domain/payment/commands.ts'
import type { Clock } from '../../runtime/clock.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { createMetrics } from '../../runtime/metrics.ts'
import { seededRandom } from '../../runtime/random.ts'
import { FakeDirectory, keySecret } from '../testing.ts'
import { buildOperatorApp } from './app.ts'
import type {
  ClusterOperations,
  ClusterView,
  ArchivedPayment,
  JournalEntry,
  JournalReader,
  Operations,
} from './deps.ts'
import { LedgerInMemory } from './testing-ledger.ts'
import { PaymentsInMemory } from './testing-payments.ts'
import { hashOf, OperatorTokens } from './tokens.ts'

export const tokens = {
  viewer: 'viewer-token-0123456789abcdef',
  operator: 'operator-token-0123456789abcdef',
  approver: 'approver-token-0123456789abcdef',
} as const

export function bearer(role: keyof typeof tokens): { readonly authorization: string } {
  return { authorization: `Bearer ${tokens[role]}` }
}

/** Entities in memory, decided by the real deciders and journaled in `entries`. */
export class ActorsInMemory implements Router {
  readonly envelopes: Envelope[] = []
  readonly logEntries: log.ActionLogEntry[] = []
  readonly directory = new ListedDirectory()
  readonly payments: PaymentsInMemory
  /** What the next envelopes are answered with instead, per kind. */
  unavailable = new Map<string, Extract<RouteAnswer<never>, { kind: 'unavailable' }>>()
  readonly #clock: Clock
  readonly #logs = new Map<string, log.ActionLog>()
  readonly #merchants = new Map<string, MerchantConfiguration>()
  #connections: connections.PspConnections | undefined
  #closes: closes.LedgerCloses | undefined

  constructor(clock: Clock, payments: PaymentsInMemory) {
    this.#clock = clock
    this.payments = payments
  }

  route<Answer>(envelope: Envelope): Promise<RouteAnswer<Answer>> {
    this.envelopes.push(envelope)
    const unavailable = this.unavailable.get(envelope.kind)
    return Promise.resolve(unavailable ?? { kind: 'answered', answer: this.#answer(envelope) as Answer })
  }

  #answer({ kind, payload, entity }: Envelope): unknown {
    switch (kind) {
      case 'operator':
        return this.#log(entity, payload as log.ActionLogCommand)
      case 'merchant':
        return this.#merchant(payload as MerchantCommand)
      case 'payment':
        return this.payments.tell(entity, payload as PaymentCommand)
      case 'ledger_closes':
        return this.#close(payload as closes.LedgerClosesCommand)
      case 'psp_connections':
        return this.#connect(payload as connections.PspConnectionsCommand)
      default:
        throw new Error(`nobody answers for ${kind}`)
    }
  }

  #log(entity: string, command: log.ActionLogCommand): log.ActionLogAnswer {
    if (addressOfName(log.actionLogName(command.day)).entity !== entity) throw new Error('another entity')
    if (command.type === 'ListActions') {
      const rest = this.logEntries.filter(({ seq }) => seq > command.after)
      return { kind: 'entries', entries: rest.slice(0, command.limit), more: rest.length > command.limit }
    }
    const state = this.#logs.get(command.day)
    const decision = log.decide(state, command, this.#clock.now())
    if (decision.kind === 'rejected') return decision
    if (decision.kind === 'accepted') {
      const meta = { seq: (state?.seq ?? 0) + 1, at: this.#clock.now(), epoch: 1 }
      this.#logs.set(command.day, log.applyDecision(state, decision.events, meta))
      for (const event of decision.events) this.logEntries.push({ ...meta, event })
    }
    return { kind: 'recorded' }
  }

  #merchant(command: MerchantCommand): unknown {
    const state = this.#merchants.get(command.merchant)
    const decision = decideOfMerchant(state, command, { now: this.#clock.now(), epoch: 1 })
    if (decision.kind === 'rejected') return decision
    if (decision.kind === 'accepted') {
      const meta = { seq: (state?.version ?? 0) + 1, at: this.#clock.now(), epoch: 1 }
      this.#merchants.set(command.merchant, applyToMerchant(state, decision.events, meta))
      this.directory.merchants = [...this.#merchants.values()]
    }
    return { kind: 'merchant', configuration: this.#merchants.get(command.merchant) }
  }

  #connect(command: connections.PspConnectionsCommand): connections.PspConnectionsAnswer {
    const decision = connections.decide(this.#connections, command)
    if (decision.kind === 'rejected') return decision
    if (decision.kind === 'accepted') {
      const meta = { seq: (this.#connections?.seq ?? 0) + 1, at: this.#clock.now(), epoch: 1 }
      this.#connections = connections.applyDecision(this.#connections, decision.events, meta)
    }
    return { kind: 'connections', connections: this.#connections?.connections ?? [] }
  }

  #close(command: closes.LedgerClosesCommand): closes.LedgerClosesAnswer {
    const decision = closes.decide(this.#closes, command, this.#clock.now())
    if (decision.kind === 'rejected') return decision
    if (decision.kind === 'accepted') {
      const meta = { seq: (this.#closes?.seq ?? 0) + 1, at: this.#clock.now(), epoch: 1 }
      this.#closes = closes.applyDecision(this.#closes, decision.events, meta)
    }
    return { kind: 'closes', timeZone: this.#closes?.timeZone, closes: this.#closes?.closes ?? [] }
  }
}

export class ListedDirectory extends FakeDirectory {
  get all(): readonly MerchantConfiguration[] {
    return this.merchants
  }
}

/** Three nodes and a gateway; shards by thirds. */
export class FakeCluster implements ClusterOperations {
  readonly asked: string[] = []
  readonly moves: MoveRecord[] = []
  readonly takeovers: TakeoverRecord[] = []
  readonly weights = new Map<string, number>()
  readonly cordoned = new Set<string>()
  readonly pins = new Map<number, string>()
  owners: ShardOwner[]
  leases: Lease[]
  rebalancing = true
  commandsPerSecond = 120
  /** Age of every status. */
  ageMs = 100
  /** Throws it at the next request. */
  trouble: Error | undefined
  readonly #clock: Clock

  constructor(clock: Clock, shardCount = 1_024) {
    this.#clock = clock
    this.leases = ['node-1', 'node-2', 'node-3'].map((node, index) => ({
      ...{ node, incarnation: `i${index + 1}`, address: `127.0.0.1:${7_001 + index}`, build: '0.1.0' },
      ...{ renewals: 10, draining: false },
    }))
    this.owners = Array.from({ length: shardCount }, (_, shard) => {
      const { node, incarnation } = this.leases[shard % 3] as Lease
      return { shard, epoch: 1, owner: { node, incarnation }, released: false }
    })
  }

  view(): ClusterView {
    const { weights, cordoned, pins, rebalancing } = this
    const policy: PlacementPolicy = { weights, cordoned, pins, rebalancing }
    const processes = [...this.leases.map((lease, index) => this.#node(lease, index)), this.#gateway()]
    return {
      processes: processes.map((status) => ({ status, ageMs: this.ageMs })),
      membership: { leases: this.leases, policy },
      owners: this.owners,
    }
  }

  async move(shard: number, to: string): Promise<MoveRecord> {
    this.#ask(`move ${shard} ${to}`)
    const from = this.owners[shard]?.owner?.node ?? ''
    const epoch = this.give(shard, to)
    const move = { shard, from, to, epoch, reason: 'operator', at: this.#clock.now(), blackoutMs: 12.34 } as const
    this.moves.push(move)
    return Promise.resolve(move)
  }

  async change(change: PolicyChange): Promise<void> {
    this.#ask(`change ${JSON.stringify(change)}`)
    if (change.kind === 'weight') set(this.weights, change.node, change.weight)
    else if (change.kind === 'pin') set(this.pins, change.shard, change.node)
    else if (change.kind === 'rebalancing') this.rebalancing = change.on
    else if (change.cordoned) this.cordoned.add(change.node)
    else this.cordoned.delete(change.node)
    return Promise.resolve()
  }

  give(shard: number, to: string): number {
    const lease = this.leases.find(({ node }) => node === to)
    const epoch = (this.owners[shard]?.epoch ?? 0) + 1
    const owner = { node: to, incarnation: lease?.incarnation ?? 'gone' }
    this.owners = this.owners.with(shard, { shard, epoch, owner, released: false })
    return epoch
  }

  #ask(what: string): void {
    this.asked.push(what)
    const { trouble } = this
    this.trouble = undefined
    if (trouble !== undefined) throw trouble
  }

  #node(lease: Lease, index: number): ProcessStatus {
    const { node } = lease
    return {
      ...processOf(node, lease.incarnation, ['node']),
      nodeStatus: {
        ...{ shards: 0, uncertain: 0, stuck: [], entities: 1_000, pending: 3, flushMs: 2.5, durablePerSecond: 240 },
        commandsPerSecond: this.commandsPerSecond,
        hottest: [{ shard: index, perSecond: 9 }],
        moves: this.moves.filter(({ to }) => to === node),
        takeovers: this.takeovers.filter(({ by }) => by === node),
      },
    }
  }

  #gateway(): ProcessStatus {
    return processOf('gateway-1', 'g1', ['gateway', 'operator'])
  }
}

function processOf(node: string, incarnation: string, roles: ProcessStatus['roles']): ProcessStatus {
  return {
    ...{ node, incarnation, roles, build: '0.1.0', address: '127.0.0.1:7000', startedAt: Date.UTC(2026, 0, 1) },
    ...{ draining: false, reasons: [], cpu: 0.25, loopDelayMs: 1.5, residentBytes: 120_000_000 },
    ...{ answeredPerSecond: 350, unavailablePerSecond: 0 },
  }
}

function set<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | null): void {
  if (value === null) map.delete(key)
  else map.set(key, value)
}

export class JournalInMemory implements JournalReader {
  rows: JournalEntry[] = []
  archives: (ArchivedPayment & { readonly shard: number })[] = []
  broken = false

  async archived(keys: readonly { readonly entity: string }[]) {
    return this.archives.filter(({ entity }) => keys.some((key) => key.entity === entity))
  }

  async archivedCount(shard: number) {
    return this.archives.filter((each) => each.shard === shard).length
  }

  entity(key: { readonly shard: number; readonly entity: string }, after: number, limit: number) {
    return this.#read((row) => row.entity === key.entity && row.seq > after, limit)
  }

  shard(shard: number, position: number, limit: number) {
    return this.#read((row) => row.shard === shard && row.position > position, limit)
  }

  #read(wanted: (row: JournalEntry) => boolean, limit: number): Promise<readonly JournalEntry[]> {
    if (this.broken) return Promise.reject(new Error('connect ECONNREFUSED postgres://user:secret@db'))
    return Promise.resolve(this.rows.filter(wanted).slice(0, limit))
  }
}

export interface TestOperators {
  readonly payments: PaymentsInMemory
  readonly app: FastifyInstance
  readonly actors: ActorsInMemory
  readonly cluster: FakeCluster
  readonly journal: JournalInMemory
  readonly ledger: LedgerInMemory
}

/** @param clock default: a virtual one. */
export function testOperators(more: Partial<Operations> = {}, clock: Clock = new VirtualClock()): TestOperators {
  const journal = new JournalInMemory()
  const payments = new PaymentsInMemory(journal)
  const actors = new ActorsInMemory(clock, payments)
  const cluster = new FakeCluster(clock)
  const ledger = new LedgerInMemory()
  const operators = Object.entries(tokens).map(([role, token]) => {
    return { role: role as keyof typeof tokens, name: `${role}-1`, hash: hashOf(token) }
  })
  const app = buildOperatorApp({
    ...{ metrics: createMetrics(), readiness: () => ({ ready: true, reasons: [] }) },
    ...{ clock, random: seededRandom(1) },
    operations: {
      ...{ cluster, router: actors, directory: actors.directory, journal, keySecret, reader: payments, ledger },
      tokens: new OperatorTokens(operators),
      ...more,
    },
  })
  return { app, actors, payments, cluster, journal, ledger }
}

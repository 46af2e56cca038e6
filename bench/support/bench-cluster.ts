/**
 * A cluster under measurement: one gateway and some nodes as processes (cluster-process.ts) over a database of their own,
 * PSPs answered in the nodes at once. It says what each part has spent, and whether anything was out of order.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { shardCount } from '../../domain/ids.ts'
import { BenchMember } from './bench-member.ts'
import { benchMerchants } from './bench-merchants.ts'
import type { BenchServer } from './bench-server.ts'
import { countedSince, type HistogramCounts } from './histogram-counts.ts'
import type { Generator, Load, LoadOptions } from './http-generator.ts'
import { PaymentCheck } from './payment-check.ts'

export interface BenchClusterOptions {
  readonly postgres: BenchServer
  /** Of the database; no other cluster has it. */
  readonly name: string
  readonly nodes: number
  /** The first node is the gateway too, and there is no other one. */
  readonly gatewayIsNode?: boolean
  /** Of Node in all processes. */
  readonly nodeFlags?: readonly string[]
}

/** Since the start. */
export interface Spent {
  readonly gatewayMs: number
  readonly nodesMs: number
  readonly postgresMs: number
  readonly decisions: number
  readonly flushes: number
  /** Of the gateway. */
  readonly hops: HistogramCounts
}

const settledWithinMs = 60_000

export class BenchCluster {
  readonly gateway: BenchMember
  readonly nodes: readonly BenchMember[]
  readonly databaseUrl: string
  /** Everything that was not as it should be, in words. */
  readonly wrong: string[] = []
  readonly #postgres: BenchServer
  readonly #check: PaymentCheck
  readonly #client: Client
  #loads = 0

  private constructor(postgres: BenchServer, databaseUrl: string, gateway: BenchMember, nodes: readonly BenchMember[]) {
    this.#postgres = postgres
    this.databaseUrl = databaseUrl
    this.gateway = gateway
    this.nodes = nodes
    this.#check = new PaymentCheck(databaseUrl)
    this.#client = new Client({ connectionString: databaseUrl })
  }

  /** Resolves when every shard is served, each node has its share, and all know the merchants. */
  static async start(options: BenchClusterOptions): Promise<BenchCluster> {
    const { postgres, name, nodeFlags, gatewayIsNode = false } = options
    const databaseUrl = await postgres.createDatabase(name)
    const start = (member: string, roles: readonly ('node' | 'gateway')[]): Promise<BenchMember> =>
      BenchMember.start({ name: member, roles, databaseUrl, latencyMs: 0 }, nodeFlags)
    const members: BenchMember[] = []
    try {
      // one after the other: eight at once starve each other until they are declared dead
      members.push(await start('gateway', gatewayIsNode ? ['node', 'gateway'] : ['gateway']))
      while (members.length < options.nodes + (gatewayIsNode ? 0 : 1)) {
        members.push(await start(`node-${members.length}`, ['node']))
      }
    } catch (error) {
      await Promise.all(members.map((member) => member.kill()))
      throw error
    }
    const [gateway, ...others] = members as [BenchMember, ...BenchMember[]]
    const cluster = new BenchCluster(postgres, databaseUrl, gateway, gatewayIsNode ? members : others)
    try {
      await cluster.#client.connect()
      await cluster.#check.connect()
      await cluster.settled()
      await gateway.know(benchMerchants, true)
      await Promise.all(others.map((member) => member.know(benchMerchants, false)))
    } catch (error) {
      await cluster.end()
      throw error
    }
    return cluster
  }

  get #members(): readonly BenchMember[] {
    return [...new Set([this.gateway, ...this.nodes])]
  }

  /** One that may ask for moves. */
  get mover(): BenchMember {
    const [first] = this.nodes
    if (first === undefined) throw new Error('a cluster has a node')
    return first
  }

  /** Owner of each shard, by the owner rows; undefined where it was released. */
  async owners(): Promise<readonly (string | undefined)[]> {
    const { rows } = await this.#client.query<{ node: string | null }>(
      'SELECT CASE WHEN released_at_position IS NULL THEN node END AS node FROM shard_owner ORDER BY shard',
    )
    return rows.map(({ node }) => node ?? undefined)
  }

  /** Resolves when each node has its share of the shards, to within a tenth. */
  async settled(): Promise<void> {
    const mean = shardCount / this.nodes.length
    let shares: readonly number[] = []
    const isSettled = async (): Promise<boolean> => {
      const counts = Map.groupBy(await this.owners(), (owner) => owner)
      shares = this.nodes.map(({ name }) => counts.get(name)?.length ?? 0)
      return shares.every((share) => Math.abs(share - mean) <= mean / 10)
    }
    const until = performance.now() + settledWithinMs
    while (!(await isSettled())) {
      if (performance.now() > until) throw new Error(`nodes have ${shares.join(', ')} shards, not about ${mean} each`)
      await pause(100)
    }
  }

  /** After everything accepted was answered. */
  async spent(): Promise<Spent> {
    const reports = await Promise.all(this.#members.map((member) => member.settle()))
    reports.forEach(({ troubles }, index) => {
      for (const trouble of troubles) this.wrong.push(`${this.#members[index]?.name}: ${trouble}`)
    })
    const [gateway] = reports
    if (gateway === undefined) throw new Error('a cluster has a gateway')
    const sum = (of: (each: (typeof reports)[number]['figures']) => number): number =>
      reports.reduce((total, { figures }) => total + of(figures), 0)
    return {
      gatewayMs: this.gateway.cpuMs(),
      nodesMs: this.nodes.reduce((total, node) => total + (node === this.gateway ? 0 : node.cpuMs()), 0),
      postgresMs: this.#postgres.cpuMs(),
      decisions: sum(({ decisions }) => decisions),
      flushes: sum(({ flushes }) => flushes),
      hops: gateway.figures.hops,
    }
  }

  /** A load, and until everything accepted is answered; then the journal is compared with the answers. */
  async load(
    generator: Generator,
    options: Omit<LoadOptions, 'url' | 'prefix'>,
    during?: () => Promise<void>,
  ): Promise<Load & { readonly spent: Spent }> {
    this.#loads += 1
    // a key of digits and separators alone can look like a card number
    const prefix = `load-${String.fromCharCode(97 + Math.trunc(this.#loads / 26), 97 + (this.#loads % 26))}-`
    const before = await this.spent()
    const [load] = await Promise.all([generator.load({ ...options, url: this.gateway.url, prefix }), during?.()])
    const spent = spentBetween(before, await this.spent())
    for (const [answer, count] of load.others) this.wrong.push(`${count} × ${answer}`)
    await this.verify(load.payments, options.connections)
    return { ...load, spent }
  }

  /** @param unheardMax payments whose answer nobody waited for. */
  async verify(answered: readonly string[], unheardMax: number): Promise<void> {
    const { payments, wrong } = await this.#check.check(answered, unheardMax)
    this.wrong.push(...wrong)
    if (payments === 0) this.wrong.push('no payments')
  }

  /** Ends all processes at once: what they did was verified, and their drain is not measured here. */
  async end(): Promise<void> {
    await this.#check.close()
    await this.#client.end()
    await Promise.all(this.#members.map((member) => member.kill()))
  }
}

export function spentBetween(before: Spent, after: Spent): Spent {
  return {
    gatewayMs: after.gatewayMs - before.gatewayMs,
    nodesMs: after.nodesMs - before.nodesMs,
    postgresMs: after.postgresMs - before.postgresMs,
    decisions: after.decisions - before.decisions,
    flushes: after.flushes - before.flushes,
    hops: countedSince(before.hops, after.hops),
  }
}

/**
 * A cluster of real processes for tests that harm it: nodes, gateways, the PSP simulator, one or two Postgres servers with
 * fsync. On the loopback, or with `network` each process on a host of its own whose traffic can be cut. `stop` ends all of
 * it by process id, whatever state the test left it in.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripeSeed } from '../../support/psp-seed.ts'
import { freePort } from '../../support/ports.ts'
import { Database } from './database.ts'
import { Member } from './member.ts'
import { PrivateNetwork } from './private-network.ts'
import { Program } from './program.ts'
import { until } from './until.ts'

const shardCount = 1024

export interface ClusterOptions {
  readonly nodes?: number
  readonly gateways?: number
  readonly databases?: 1 | 2
  /** Each process in a network namespace of its own. */
  readonly network?: boolean
  /** Databases that stand already, in order of their shards: small disks, other clocks. The cluster stops them. */
  readonly ownDatabases?: readonly Database[]
  /** Environment of each member beside what the cluster sets. */
  readonly memberEnv?: (member: string, databases: readonly Database[]) => Promise<Record<string, string>>
}

export interface Merchant {
  readonly id: string
  readonly apiKey: string
}

export class Cluster {
  readonly directory: string
  readonly network: PrivateNetwork | undefined
  readonly databases: readonly Database[]
  readonly nodes: Member[] = []
  readonly gateways: Member[] = []
  readonly merchants: readonly Merchant[]
  readonly idKey: Buffer
  simulator: Program | undefined
  readonly #simulatorPlace: { readonly address: string; readonly port: number }
  readonly #options: ClusterOptions

  private constructor(
    options: ClusterOptions,
    directory: string,
    network: PrivateNetwork | undefined,
    databases: readonly Database[],
    secrets: { readonly merchants: readonly Merchant[]; readonly idKey: Buffer },
    simulatorPlace: { readonly address: string; readonly port: number },
  ) {
    this.#options = options
    this.directory = directory
    this.network = network
    this.databases = databases
    this.merchants = secrets.merchants
    this.idKey = secrets.idKey
    this.#simulatorPlace = simulatorPlace
  }

  /** Resolves when every shard is served. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const directory = await mkdtemp(join(tmpdir(), 'shardpay-chaos-'))
    await chmod(directory, 0o711)
    const network = options.network === true ? await PrivateNetwork.create() : undefined
    const databases: Database[] = [...(options.ownDatabases ?? [])]
    while (databases.length < (options.databases ?? 1)) {
      const address = await network?.addService()
      databases.push(
        await Database.start({
          directory: join(directory, `postgres-${databases.length}`),
          ...(address !== undefined && { address }),
        }),
      )
    }
    const place = { address: (await network?.addService()) ?? '127.0.0.1', port: await freePort() }
    const secrets = await writeSecrets(directory, `http://127.0.0.1:${place.port}`)
    const cluster = new Cluster(options, directory, network, databases, secrets, place)
    try {
      await cluster.startSimulator()
      for (let n = 1; n <= (options.nodes ?? 3); n += 1)
        cluster.nodes.push(await cluster.addMember(`node-${n}`, 'node'))
      for (let n = 1; n <= (options.gateways ?? 2); n += 1) {
        cluster.gateways.push(await cluster.addMember(`gateway-${n}`, 'gateway'))
      }
      await Promise.all([...cluster.nodes, ...cluster.gateways].map((member) => member.start()))
      if (cluster.nodes.length > 0) await cluster.settled()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get simulatorUrl(): string {
    return `http://127.0.0.1:${this.#simulatorPlace.port}`
  }

  /** `JOURNAL_DATABASE_URLS`, each URL through `route` where given: for proxies. */
  databaseUrls(route: (database: Database, index: number) => string = (each) => each.clusterUrl): string {
    const each = shardCount / this.databases.length
    return this.databases.map((database, n) => `${n * each}-${(n + 1) * each - 1}=${route(database, n)}`).join(',')
  }

  /** Made, not started. `env` beside what the cluster sets, for all its lives. */
  async addMember(name: string, roles: string, env: Readonly<Record<string, string>> = {}): Promise<Member> {
    const host = await this.network?.addHost()
    // plain http to a PSP is for the own machine alone
    await host?.forwardLoopback(this.#simulatorPlace.port, this.#simulatorPlace.address)
    const file = (secret: string): string => join(this.directory, secret)
    return new Member({
      name,
      roles,
      host,
      ports:
        host === undefined
          ? { link: await freePort(), merchant: await freePort(), operator: await freePort() }
          : { link: 7000, merchant: 8080, operator: 8081 },
      env: {
        JOURNAL_DATABASE_URLS: this.databaseUrls(),
        SHARDPAY_ID_KEY_FILE: file('id-key'),
        SHARDPAY_KEY_SECRET_FILE: file('key-secret'),
        SHARDPAY_OPERATOR_TOKENS_FILE: file('operator-tokens.json'),
        SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE: file('stripe-key'),
        ...(roles.includes('gateway') && { SHARDPAY_SEED_FILE: file('seed.json') }),
        ...(await this.#options.memberEnv?.(name, this.databases)),
        ...env,
      },
    })
  }

  async startSimulator(): Promise<void> {
    const { address, port } = this.#simulatorPlace
    this.simulator = await Program.start({
      name: 'simulator',
      file: 'psp/simulator/main.ts',
      // its controls are for the loopback alone, its API has to be reached from the hosts
      args: [
        '--host',
        this.network === undefined ? address : '0.0.0.0',
        '--port',
        String(port),
        '--book',
        join(this.directory, 'book'),
      ],
    })
  }

  /** How the simulator misbehaves from now on; an empty list makes it behave. */
  async behave(rules: readonly object[]): Promise<void> {
    const response = await fetch(`${this.simulatorUrl}/_admin/behaviour`, {
      method: 'POST',
      body: JSON.stringify({ rules }),
      headers: { 'content-type': 'application/json' },
    })
    if (!response.ok) throw new Error(`behaviour answered ${response.status}: ${await response.text()}`)
  }

  /** Resolves when every shard has a living owner and this node has some of them, so that harming it harms somebody. */
  async serving(node: Member, withinMs = 60_000): Promise<number> {
    return until(
      async () => {
        const owners = await this.owners()
        const wanted = this.nodes.filter(({ isWanted }) => isWanted)
        const owned = wanted.reduce((sum, { name }) => sum + (owners.get(name) ?? 0), 0)
        return wanted.every(({ isRunning }) => isRunning) && owned === shardCount && (owners.get(node.name) ?? 0) >= 100
      },
      { withinMs, everyMs: 50, what: `every shard served, and some by ${node.name}` },
    )
  }

  /** Resolves when no shard is that incarnation's any more. */
  async takenFrom(node: Member, incarnation: string, withinMs = 60_000): Promise<number> {
    return until(
      async () => {
        for (const database of this.databases) {
          const [row] = await database.query<{ left: boolean }>(
            'SELECT EXISTS (SELECT FROM shard_owner WHERE node = $1 AND incarnation = $2) AS left',
            [node.name, incarnation],
          )
          if (row?.left !== false) return false
        }
        return true
      },
      { withinMs, everyMs: 20, what: `the taking of ${node.name}'s shards` },
    )
  }

  /** How often shards changed hands since the cluster began. */
  async epochs(): Promise<number> {
    let sum = 0
    for (const database of this.databases) {
      const [row] = await database.query<{ sum: number }>('SELECT sum(epoch)::int AS sum FROM shard_owner')
      sum += row?.sum ?? 0
    }
    return sum
  }

  async shardsOf(node: Member): Promise<ReadonlySet<number>> {
    const shards = new Set<number>()
    for (const database of this.databases) {
      const rows = await database.query<{ shard: number }>(
        'SELECT shard FROM shard_owner WHERE node = $1 AND incarnation = $2 AND released_at_position IS NULL',
        [node.name, node.incarnation],
      )
      for (const { shard } of rows) shards.add(shard)
    }
    return shards
  }

  /** In a private network: of the services that a cut may name. */
  get databaseAddresses(): readonly string[] {
    return this.databases.map(({ clusterUrl }) => new URL(clusterUrl).hostname)
  }

  /** Who has the shards, as the owner rows say: node → how many of those that are not released. */
  async owners(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    for (const database of this.databases) {
      const rows = await database.query<{ node: string; count: number }>(
        'SELECT node, count(*)::int AS count FROM shard_owner WHERE node IS NOT NULL AND released_at_position IS NULL GROUP BY node',
      )
      for (const { node, count } of rows) counts.set(node, (counts.get(node) ?? 0) + count)
    }
    return counts
  }

  /**
   * Resolves when every shard is with one of these nodes, by default all that nobody stopped, and each has its share: between half and
   * twice the mean.
   */
  async settled(nodes?: readonly Member[], withinMs = 60_000): Promise<number> {
    return until(
      async () => {
        const wanted = nodes ?? this.nodes.filter(({ isWanted }) => isWanted)
        const owners = await this.owners()
        const shares = wanted.map(({ name }) => owners.get(name) ?? 0)
        const mean = shardCount / wanted.length
        return (
          wanted.every(({ isRunning }) => isRunning) &&
          shares.reduce((sum, share) => sum + share, 0) === shardCount &&
          shares.every((share) => share > mean / 2 && share < mean * 2)
        )
      },
      { withinMs, everyMs: 50, what: 'the placement of all shards' },
    )
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes, ...this.gateways].map((member) => member.stop()))
    await this.simulator?.end()
    for (const database of this.databases) await database.stop()
    await this.network?.remove()
    await rm(this.directory, { recursive: true, force: true })
  }
}

async function writeSecrets(
  directory: string,
  simulatorUrl: string,
): Promise<{ merchants: readonly Merchant[]; idKey: Buffer }> {
  const idKey = randomBytes(32)
  const merchants = [1, 2, 3, 4].map((n) => ({
    id: `mer_chaos${n}`,
    apiKey: `sk_test_${randomBytes(18).toString('hex')}`,
  }))
  const secrets = {
    'id-key': idKey.toString('hex'),
    'key-secret': randomBytes(32).toString('hex'),
    'stripe-key': `sk_test_${randomBytes(12).toString('hex')}`,
    'seed.json': JSON.stringify({
      merchants: merchants.map(({ id, apiKey }) => ({ id, name: id, api_key: apiKey, rate_tier: 'development' })),
      psp_connections: [stripeSeed(simulatorUrl)],
    }),
    'operator-tokens.json': JSON.stringify([
      { role: 'operator', name: 'chaos', token: randomBytes(24).toString('hex') },
    ]),
  }
  for (const [file, text] of Object.entries(secrets)) await writeFile(join(directory, file), text, { mode: 0o600 })
  return { merchants, idKey }
}

export async function operatorToken(cluster: Cluster): Promise<string> {
  const tokens = JSON.parse(await readFile(join(cluster.directory, 'operator-tokens.json'), 'utf8')) as {
    token: string
  }[]
  const [first] = tokens
  if (first === undefined) throw new Error('an operator has a token')
  return first.token
}

/** An actor host over the in-memory journal: what a benchmark of the host alone needs around it. */
import { createHash } from 'node:crypto'
import type { AnyKind } from '../../actors/entity-kind.ts'
import { defaultHostLimits, Host, type HostLimits } from '../../actors/host.ts'
import { MemoryJournal } from '../../actors/journal-memory.ts'
import { MemoryDatabase } from '../../actors/memory-database.ts'
import type { RouteAnswer, TrafficClass } from '../../cluster/router.ts'
import { shardCount } from '../../domain/ids.ts'
import { systemClock } from '../../runtime/clock.ts'
import { systemRandom } from '../../runtime/random.ts'

export interface HostRig {
  readonly host: Host
  readonly database: MemoryDatabase
  /** Everything the host complained about, by name. */
  readonly troubles: readonly string[]
}

export interface HostRigOptions {
  readonly kinds: readonly AnyKind[]
  readonly limits?: Partial<HostLimits>
  readonly runEffect?: (effect: unknown) => Promise<unknown>
}

let rigs = 0

/** A host that owns all shards. */
export async function startHost({ kinds, limits, runEffect }: HostRigOptions): Promise<HostRig> {
  rigs += 1
  const database = new MemoryDatabase()
  const troubles: string[] = []
  const host = new Host({
    name: `bench-${rigs}`,
    kinds,
    journal: new MemoryJournal(database, { node: 'bench', incarnation: String(rigs), clock: systemClock }),
    clock: systemClock,
    random: systemRandom,
    limits: {
      ...defaultHostLimits,
      pendingMax: 1_000_000,
      residentBytesMax: 4 * 2 ** 30,
      timerPollMs: 5_000,
      ...limits,
    },
    observer: {
      trouble: (what, error) => troubles.push(`${what}: ${String(error)}`),
      shardLost: (shard) => troubles.push(`shard ${shard} lost`),
      shardUncertain: (shard) => troubles.push(`shard ${shard} uncertain`),
      shardRecovered: () => undefined,
    },
    runEffect: runEffect ?? (() => Promise.resolve(undefined)),
  })
  await host.openShards(Array.from({ length: shardCount }, (_, shard) => shard))
  return { host, database, troubles }
}

/** 16 bytes of SHA-256, hexadecimal: an entity or command id for `name`. */
export function hexId(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}

export interface Command {
  readonly shard: number
  readonly entity: string
  readonly kind: string
  readonly class: TrafficClass
  readonly payload: unknown
}

let commands = 0

/** Sends one command with a fresh id, waiting 60 s at most. */
export function send<Answer>(host: Host, command: Command): Promise<RouteAnswer<Answer>> {
  commands += 1
  const until = performance.now() + 60_000
  return host.route<Answer>({
    id: commands.toString(16).padStart(32, '0'),
    shard: command.shard,
    entity: command.entity,
    kind: command.kind,
    class: command.class,
    bytes: 200,
    payload: command.payload,
    deadline: until,
    waitUntil: until,
    attach: true,
  })
}

/** One start of a node in a simulated world: the real actor host with payments, over its own connections to the servers. */
import { createEffectRunner } from '../../actors/effect-runner.ts'
import type { AnyKind } from '../../actors/entity-kind.ts'
import { Host } from '../../actors/host.ts'
import { defaultHostLimits, type HostLimits, type HostOptions } from '../../actors/host-options.ts'
import type { Journal } from '../../actors/journal.ts'
import { MemoryJournal } from '../../actors/journal-memory.ts'
import { paymentKind } from '../../actors/payment-kind.ts'
import { type Deaths, type Incarnation, nameOf } from '../../cluster/member.ts'
import type { Router } from '../../cluster/router.ts'
import type { MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { Connector } from '../../psp/connector.ts'
import type { Chance } from './chance.ts'
import { merchant } from './clients.ts'
import { Ordered, type SimProcess } from './process.ts'
import { profiles } from './psp.ts'
import type { StorageServer } from './storage-server.ts'
import { tapped } from './tapped-journal.ts'

const configuration: MerchantConfiguration = {
  id: merchant,
  name: 'Corner Shop',
  status: 'active',
  version: 1,
  rateTier: 'standard',
  routes: [
    { connection: 'first', mode: 'test' },
    { connection: 'second', mode: 'test' },
  ],
  limits: [],
  keys: [],
}

export const hostLimits: HostLimits = {
  ...defaultHostLimits,
  // small: bounds, passivation and snapshots are part of what is simulated
  inboxMax: 16,
  pipelineMax: 8,
  pendingMax: 100,
  residentBytesMax: 24_000,
  snapshotEvery: 4,
  timerHorizonMs: 20_000,
  timerPollMs: 10_000,
  drainMs: 3_000,
  handOffMs: 1_000,
  forwardMs: 20_000,
}

export interface NodeParts {
  readonly process: SimProcess
  readonly self: Incarnation
  readonly storage: StorageServer
  readonly deaths: Deaths
  readonly connectors: ReadonlyMap<string, Connector>
  readonly chance: Chance
  trouble(what: string, error: unknown): void
  acknowledged(incarnation: string, shard: number, position: number): void
  readonly forward?: HostOptions['forward']
  /** What a sabotage puts in place of the real thing. */
  readonly replace?: Replacements
}

export interface Replacements {
  kind?(kind: AnyKind): AnyKind
  journal?(journal: Journal): Journal
  connector?(connector: Connector): Connector
  /** What stands between the gateways and the host. */
  node?(node: Router): Router
}

export function createHost(parts: NodeParts): Host {
  const { process, self, storage, deaths, connectors, chance, replace = {} } = parts
  const inTurn = new Ordered(process.loop, process)
  const journal = new MemoryJournal(storage.database, {
    ...self,
    clock: process.clock,
    deaths,
    defer: (task) => inTurn.send(0, task),
    carry: storage.connect(process),
  })
  const kind: AnyKind = paymentKind({
    directory: { get: (id) => (id === merchant ? configuration : undefined) },
    connections: profiles,
    random: chance.split('nonces'),
    returnUrlBase: () => 'https://pay.example/return',
  })
  const runEffect = createEffectRunner(
    new Map([...connectors].map(([name, each]) => [name, replace.connector?.(each) ?? each])),
    process.clock,
    { called: () => undefined, broken: (_connection, error) => parts.trouble('connector_broken', error) },
  )
  return new Host({
    // Not unique over runs: a run's actor system takes the place of the last one's, which nobody uses any more.
    name: `sim-${process.name}`,
    kinds: [replace.kind?.(kind) ?? kind],
    journal: tapped(replace.journal?.(journal) ?? journal, (shard, position) =>
      parts.acknowledged(nameOf(self), shard, position),
    ),
    clock: process.clock,
    random: chance.split('ids'),
    limits: hostLimits,
    observer: {
      trouble: (what, error) => parts.trouble(what, error),
      shardLost: () => undefined,
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    ...(parts.forward !== undefined && { forward: parts.forward }),
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
}

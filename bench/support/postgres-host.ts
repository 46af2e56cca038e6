/**
 * An actor host of one incarnation over the Postgres journal, in this process, with payments and a connector of the
 * benchmark's choice: for measuring how shards are taken and opened, without a cluster around it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { createEffectRunner } from '../../actors/effect-runner.ts'
import { defaultHostLimits, Host } from '../../actors/host.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { Connector } from '../../psp/connector.ts'
import { type ScriptedConnector, scriptedConnector } from '../../psp/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { systemRandom } from '../../runtime/random.ts'
import { startJournal } from '../../test/support/started-journal.ts'
import { benchConnection, benchPaymentKind } from './payments.ts'

export interface PostgresHost {
  readonly host: Host
  /** Everything the host complained about while it was alive, by name. */
  readonly troubles: readonly string[]
  /** As a judge would: whoever opens its shards takes them from a dead incarnation then. */
  declareDead(): Promise<void>
  stop(): Promise<void>
}

let hosts = 0
const running = new Set<PostgresHost>()

export async function startPostgresHost(databaseUrl: string, connector: Connector): Promise<PostgresHost> {
  hosts += 1
  // each under a node's name of its own: starting one does not end the one before
  const self = { node: `bench-${hosts}`, incarnation: 'i1' }
  const { journal, leases } = await startJournal({ databaseUrl, ...self })
  const troubles: string[] = []
  let isDead = false
  const runEffect = createEffectRunner(new Map([[benchConnection.connection, connector]]), systemClock, {
    called: () => undefined,
    broken: (_connection, error) => troubles.push(`a connector threw: ${String(error)}`),
  })
  const host = new Host({
    name: `postgres-${self.node}`,
    kinds: [benchPaymentKind()],
    journal,
    clock: systemClock,
    random: systemRandom,
    limits: defaultHostLimits,
    observer: {
      trouble(what, error) {
        if (!isDead) troubles.push(`${what}: ${String(error)}`)
      },
      shardLost(shard) {
        if (!isDead) troubles.push(`shard ${shard} lost`)
      },
      shardUncertain(shard) {
        if (!isDead) troubles.push(`shard ${shard} uncertain`)
      },
      shardRecovered: () => undefined,
    },
    runEffect: (effect) => runEffect(effect as PaymentEffect),
  })
  const started: PostgresHost = {
    host,
    troubles,
    async declareDead() {
      isDead = true
      await leases.declareDead(self, undefined)
    },
    async stop() {
      running.delete(started)
      await host.stop()
      await leases.close()
    },
  }
  running.add(started)
  return started
}

/** Hosts that `work` leaves running, because it failed, are stopped. */
export async function endingHosts<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } finally {
    await Promise.all([...running].map((each) => each.stop()))
  }
}

/** Answers at once that all went well, and remembers what it was asked. */
export function answeringConnector(): ScriptedConnector {
  return scriptedConnector({ connection: benchConnection.connection, profile: benchConnection })
}

/** Takes calls and never answers: what is sent through it stays open. */
export function silentConnector(): Connector {
  const never = (): Promise<never> => new Promise(() => undefined)
  return { profile: benchConnection, send: never, inquire: never, close: () => Promise.resolve() }
}

/** Looks every few milliseconds. @throws after 60 s. */
export async function untilHolds(what: string, holds: () => boolean): Promise<void> {
  const until = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > until) throw new Error(`${what} did not come about`)
    await pause(2)
  }
}

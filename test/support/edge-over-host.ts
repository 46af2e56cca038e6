/**
 * The edge of merchants and PSPs over a whole node in one process: the real host, the real payment machine, a journal in memory, a
 * connector that answers as the payment method says, and a clock that stands still until a test moves it.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { createEffectRunner } from '../../actors/effect-runner.ts'
import { defaultHostLimits, Host, type HostLimits } from '../../actors/host.ts'
import { inboxKind } from '../../actors/inbox-kind.ts'
import { MemoryJournal } from '../../actors/journal-memory.ts'
import { MemoryDatabase } from '../../actors/memory-database.ts'
import { createNoticeDelivery } from '../../actors/notice-delivery.ts'
import { paymentKind } from '../../actors/payment-kind.ts'
import { Velocity } from '../../actors/velocity.ts'
import { MemoryPspReferences } from '../../actors/psp-references-memory.ts'
import type { Envelope, RouteAnswer } from '../../cluster/router.ts'
import { shardCount } from '../../domain/ids.ts'
import type { DeliverNotice } from '../../domain/inbox/commands.ts'
import type { ApiKey, MerchantConfiguration } from '../../domain/merchant/state.ts'
import type { PaymentEffect } from '../../domain/payment/effects.ts'
import type { DeclineClass, OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { buildApp } from '../../gateway/app.ts'
import type { GatewayDeps } from '../../gateway/deps.ts'
import { FakeDirectory, idKey, keySecret, liveSecret, merchantWith, testSecret } from '../../gateway/testing.ts'
import { scriptedConnector, type ScriptedConnector, type ScriptedOptions, successOf } from '../../psp/testing.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { seededRandom } from '../../runtime/random.ts'
import { readsOver } from './edge-reads.ts'

export const otherSecret = 'sk_test_Z9y8X7w6V5u4T3s2'
export const otherMerchantId = 'mer_b'

export interface EdgeOverHostOptions {
  /** Another process over the same database: the first one is gone. */
  readonly database?: MemoryDatabase
  readonly clock?: VirtualClock
  readonly psp?: Pick<ScriptedOptions, 'latencyMs' | 'answer' | 'profile'>
  readonly gateway?: Partial<GatewayDeps>
  readonly limits?: Partial<HostLimits>
  /** Default: `node-1`; a node of this name that was started before counts as dead. */
  readonly node?: string
  /** Shards it takes at its start; default: all. */
  readonly shards?: readonly number[]
  /** Its way to the other nodes. */
  readonly forward?: (envelope: Envelope) => Promise<RouteAnswer<unknown>>
  /** Of the keys of merchant A. */
  readonly key?: Partial<ApiKey>
}

export interface Sent {
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly key?: string
  readonly secret?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object | string
}

export interface EdgeOverHost {
  readonly app: FastifyInstance
  readonly host: Host
  readonly clock: VirtualClock
  readonly database: MemoryDatabase
  readonly journal: MemoryJournal
  readonly psp: ScriptedConnector
  readonly directory: FakeDirectory
  /** Counts for merchants' limits; nobody tells it of other nodes unless a test does. */
  readonly velocity: Velocity
  /** What the host complained of. A test that provokes some takes them out; `close` fails where any are left. */
  readonly troubles: unknown[]
  /** A POST where there is a body or a key, else a GET; by merchant A's test key unless `secret` says another. */
  send(url: string, sent?: Sent): Promise<LightMyRequestResponse>
  /** Lets everything that is due in this instant happen. */
  settle(): Promise<void>
  /** Moves the clock step by step, letting things happen in between. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

let nodes = 0

export async function edgeOverHost(options: EdgeOverHostOptions = {}): Promise<EdgeOverHost> {
  const clock = options.clock ?? new VirtualClock(Date.UTC(2026, 10, 4, 12))
  const database = options.database ?? new MemoryDatabase()
  const name = `edgeoverhost${++nodes}`
  const journal = new MemoryJournal(database, { node: options.node ?? 'node-1', incarnation: name, clock })
  const psp = scriptedConnector({ answer: answerByToken, ...options.psp, clock, connection: 'scripted' })
  const directory = new FakeDirectory()
  const routes = (['test', 'live'] as const).map((mode) => ({ connection: 'scripted', mode }))
  const more: Partial<MerchantConfiguration> = { routes, rateTier: 'development' }
  directory.merchants.push(
    merchantWith([testSecret, liveSecret], more, options.key),
    merchantWith([otherSecret], { ...more, id: otherMerchantId, name: 'B' }),
  )
  const runEffect = createEffectRunner(new Map([['scripted', psp]]), clock, {
    called: () => undefined,
    broken: (_connection, error) => {
      throw error
    },
  })
  const deliverNotice = createNoticeDelivery({
    router: { route: (envelope) => host.route(envelope) },
    references: new MemoryPspReferences([database], clock),
    clock,
    random: seededRandom(6),
    observer: { handedOver: () => undefined, broken: (_connection, error) => troubles.push(error) },
  })
  const velocity = new Velocity({ directory, clock })
  const troubles: unknown[] = []
  const host: Host = new Host({
    name,
    kinds: [
      inboxKind,
      paymentKind({
        directory,
        connections: new Map([['scripted', psp.profile]]),
        random: seededRandom(7),
        velocity,
        returnUrlBase: () => 'https://pay.example/v1/return',
      }),
    ],
    journal,
    clock,
    random: seededRandom(8),
    limits: { ...defaultHostLimits, ...options.limits },
    observer: {
      trouble: (what, error) => troubles.push(what, error),
      shardLost: () => undefined,
      shardUncertain: () => undefined,
      shardRecovered: () => undefined,
    },
    runEffect(given) {
      const effect = given as PaymentEffect | DeliverNotice
      return effect.kind === 'deliver' ? deliverNotice(effect) : runEffect(effect)
    },
    ...(options.forward !== undefined && { forward: options.forward }),
  })
  await host.openShards(options.shards ?? Array.from({ length: shardCount }, (_, shard) => shard))
  const app = buildApp({
    router: host,
    directory,
    idKey,
    keySecret,
    clock,
    random: seededRandom(9),
    log: silentLog,
    readiness: () => ({ ready: true, reasons: [] }),
    reads: readsOver(database),
    ...options.gateway,
  })

  await app.ready()

  async function settle(): Promise<void> {
    for (let n = 0; n < 20; n += 1) await turn()
  }

  async function pass(ms: number): Promise<void> {
    const step = Math.max(10, Math.ceil(ms / 50))
    for (let left = ms; left > 0; left -= step) {
      clock.advance(Math.min(step, left))
      await settle()
    }
  }

  return {
    app,
    host,
    clock,
    database,
    journal,
    psp,
    directory,
    velocity,
    troubles,
    settle,
    pass,
    send(url, { method, key, secret = testSecret, headers = {}, body } = {}) {
      return app.inject({
        method: method ?? (body === undefined && key === undefined ? 'GET' : 'POST'),
        url,
        headers: {
          authorization: `Bearer ${secret}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: body }),
      })
    },
    async close() {
      const stopping = Promise.all([app.close(), host.stop()])
      await pass(defaultHostLimits.drainMs + 1_000)
      await stopping
      if (troubles.length > 0) throw new Error('the host was in trouble', { cause: troubles })
    },
  }
}

/** What the connector says of each payment method; of any other, and of every later step, that it worked. */
export const methods = {
  card: 'pm_card_visa',
  declined: 'pm_declined',
  refusedSetUp: 'pm_configuration',
  unknown: 'pm_unknown',
  threeDSecure: 'pm_3ds',
  refundDeclined: 'pm_refund_declined',
  captureDeclined: 'pm_capture_declined',
} as const

const declined = (declineClass: DeclineClass, code: string): OperationOutcome => ({
  kind: 'declined',
  decline: { class: declineClass, code },
})

/** Later steps know of the method by the reference that the authorization gave. */
export function answerByToken(call: PspCall): OperationOutcome {
  switch (call.kind) {
    case 'authorize': {
      const { token } = call.paymentMethod
      if (token === methods.declined) return declined('hard', 'insufficient_funds')
      if (token === methods.refusedSetUp) return declined('configuration', 'psp_configuration')
      if (token === methods.unknown) return { kind: 'unknown', reason: 'timeout' }
      if (token === methods.threeDSecure) {
        const action = { type: 'redirect', url: 'https://psp.example/3ds' } as const
        return { kind: 'requires_action', pspReference: `pi_${call.operationId}`, action }
      }
      const success = successOf(call)
      return success.kind === 'succeeded' ? { ...success, pspReference: `${token}_${call.operationId}` } : success
    }
    case 'refund':
      return call.authorizationReference.startsWith(methods.refundDeclined)
        ? declined('soft', 'generic_decline')
        : successOf(call)
    case 'capture':
      return call.authorizationReference.startsWith(methods.captureDeclined)
        ? declined('hard', 'generic_decline')
        : successOf(call)
    default:
      return successOf(call)
  }
}

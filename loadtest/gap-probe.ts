/**
 * How long a set of shards is dark: payments to chosen shards at an even pace, each one request that is sent again with its
 * key until it succeeds. The gap of a set is the longest time from a request's first send to its success (DESIGN 12).
 *
 * Guarantees: requests begin when they are due, however many are still waiting, up to a limit; one that never succeeded is
 * counted and its wait so far is a gap. Leaves to others: causing the fault, and saying which node owned which shards.
 */
import { createSecretKey, randomBytes } from 'node:crypto'
import type { Clock } from '../runtime/clock.ts'
import { derivedId, shardOfId } from './auditor/ids.ts'
import { Latency, type LatencySummary } from './latency.ts'
import type { Merchant, MerchantClient } from './merchant-client.ts'

export interface GapProbeOptions {
  readonly client: MerchantClient
  readonly clock: Clock
  readonly merchant: Merchant
  /** The cluster's: says which key leads to which shard. */
  readonly idKey: Buffer
  /** Shards by the name of their set, such as the node that owns them. */
  readonly sets: ReadonlyMap<string, readonly number[]>
  /** Requests per second and set; 50 to 100 see gaps of 10 to 20 ms. */
  readonly perSecond: number
  /** Requests under way per set; while there are as many none begins. Default 2,000. */
  readonly inFlightMax?: number
}

export interface Gap {
  readonly requests: number
  /** From first send to success of one request, milliseconds. */
  readonly longestMs: number
  /** When that request was first sent, nanoseconds of the history's clock; 0 where there was none. */
  readonly longestFromNs: number
  /** Given up, or answered with a refusal. */
  readonly failed: number
  /** Due, and not begun because too many were under way. */
  readonly shed: number
  readonly latency: LatencySummary
}

export interface GapProbe {
  /** What was seen so far. */
  gaps(): ReadonlyMap<string, Gap>
  /** Begins nothing more and resolves when all under way have ended. */
  stop(): Promise<ReadonlyMap<string, Gap>>
}

interface SetState {
  readonly shards: ReadonlySet<number>
  readonly latency: Latency
  requests: number
  longestNs: number
  longestFromNs: number
  failed: number
  shed: number
}

const payment = { amount: 100, currency: 'eur', payment_method: 'pm_card_visa' }
/** Keys tried until one leads to a set. A set of one shard takes 1,024 on average. */
const keyTriesMax = 100_000

export function gapProbe(options: GapProbeOptions): GapProbe {
  const { client, clock, merchant, perSecond, inFlightMax = 2_000 } = options
  const idKey = createSecretKey(options.idKey)
  const run = randomBytes(4).toString('hex')
  const underway = new Map<string, Set<Promise<void>>>()
  const states = new Map<string, SetState>()
  for (const [name, shards] of options.sets) {
    if (shards.length === 0) throw new Error(`the set ${name} has no shards`)
    const counts = { requests: 0, longestNs: 0, longestFromNs: 0, failed: 0, shed: 0 }
    states.set(name, { shards: new Set(shards), latency: new Latency(), ...counts })
    underway.set(name, new Set())
  }
  let keys = 0
  let gateway = 0
  let due = clock.monotonic()
  let stopped = false

  function keyFor({ shards }: SetState): string {
    for (let tries = 0; tries < keyTriesMax; tries += 1) {
      keys += 1
      const key = `gap-${run}-${keys}`
      if (shards.has(shardOfId(derivedId(idKey, merchant.id, merchant.mode, key)) ?? -1)) return key
    }
    throw new Error(`no key in ${keyTriesMax} leads to the set`)
  }

  async function send(state: SetState): Promise<void> {
    const key = keyFor(state)
    state.requests += 1
    gateway += 1
    const call = { f: 'create', path: '/v1/payments', key, body: payment } as const
    const { understood, firstSendNs, endNs } = await client.insist(merchant, call, key, gateway)
    if (understood?.type !== 'ok') state.failed += 1
    const tookNs = endNs - firstSendNs
    state.latency.record(tookNs)
    if (tookNs > state.longestNs) [state.longestNs, state.longestFromNs] = [tookNs, firstSendNs]
  }

  function tick(): void {
    if (stopped) return
    while (due <= clock.monotonic()) {
      for (const [name, state] of states) {
        const sends = underway.get(name) ?? new Set()
        if (sends.size >= inFlightMax) {
          state.shed += 1
          continue
        }
        const ended: Promise<void> = send(state).finally(() => sends.delete(ended))
        sends.add(ended)
        // `stop` awaits them all and throws what one threw; until then it is handled
        ended.catch(() => {
          stopped = true
        })
      }
      due += 1_000 / perSecond
    }
    clock.schedule(Math.max(0, due - clock.monotonic()), tick)
  }

  function gaps(): ReadonlyMap<string, Gap> {
    return new Map(
      [...states].map(([name, { requests, longestNs, longestFromNs, failed, shed, latency }]) => [
        name,
        { requests, longestMs: longestNs / 1e6, longestFromNs, failed, shed, latency: latency.summary() },
      ]),
    )
  }

  tick()
  return {
    gaps,
    async stop() {
      stopped = true
      await Promise.all([...underway.values()].flatMap((sends) => [...sends]))
      return gaps()
    },
  }
}

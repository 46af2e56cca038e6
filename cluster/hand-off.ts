/**
 * The giving side of a planned hand-off: some shards, one heir.
 *
 *   1. no link to the heir: nothing happens, the shards stay
 *   2. the host stops admitting, makes durable what it accepted and releases the owner rows: the shards are dark
 *   3. the heir is asked to take them; it opens them and answers
 *
 * The blackout is measured here, on one clock: from the host's last admission to the heir's answer. Whatever fails after 2
 * loses nothing and blocks nothing: the rows are released, so anybody may take them, and the journal decides who does
 * (dotnet/orleans#9855: two activations after a hand-off gone wrong). Commands meanwhile are not this file's: the host
 * refuses them as moved, so their senders know that they were not executed (akkadotnet/akka.net#8501: messages dropped in
 * silence).
 */
import type { Clock } from '../runtime/clock.ts'
import { handOffMethods, readTakeAnswer, takeBody } from './hand-off-wire.ts'
import { LinkError, type Links } from './link.ts'
import type { Incarnation } from './member.ts'
import type { OwnerTable } from './owners.ts'
import type { ReleasedShard, ShardHost } from './shard-host.ts'
import type { MoveReason, MoveRecord } from './status.ts'

export interface HandOffOptions {
  readonly self: Incarnation
  readonly host: ShardHost
  readonly table: OwnerTable
  readonly links: Links
  readonly clock: Clock
  readonly limits: { readonly takeTimeoutMs: number }
  readonly failed: HandOffFailed
}

/** The release was refused or rejected; the heir did not answer, or declined. */
export type HandOffFailed = (what: 'release' | 'take_call', error: unknown, shards: readonly number[]) => void

export interface HandOffOutcome {
  /** The heir serves these. */
  readonly moved: readonly MoveRecord[]
  /** Not released: still here, or lost; the host knows. */
  readonly kept: readonly number[]
  /** Released, and not known to be served by the heir. */
  readonly orphaned: readonly number[]
  /** The heir has said that it does not serve the orphans, or was never asked: whoever takes them is not in its way. */
  readonly heirDeclined: boolean
}

export class HandOffRefused extends Error {
  override readonly name = 'HandOffRefused'
  readonly code: string
  readonly canRetry = true

  /** @param code the heir's. */
  constructor(code: string) {
    super(`the heir takes no shards: ${code}`)
    this.code = code
  }
}

export class HandOff {
  readonly #options: HandOffOptions

  constructor(options: HandOffOptions) {
    this.#options = options
  }

  /** Never rejects. Nothing is tried again here. */
  async give(shards: readonly number[], heir: Incarnation, reason: MoveReason): Promise<HandOffOutcome> {
    const { links, table, clock, failed } = this.#options
    if (links.to(heir) === undefined) {
      return { moved: [], kept: shards, orphaned: [], heirDeclined: true }
    }
    const released = await this.release(shards)
    const releasedAt = clock.monotonic()
    const names = new Set(released.map(({ shard }) => shard))
    const kept = shards.filter((shard) => !names.has(shard))
    if (released.length === 0) return { moved: [], kept, orphaned: [], heirDeclined: true }
    let opened = new Map<number, number>()
    let heirDeclined = true
    try {
      opened = await this.#ask(heir, released, reason)
    } catch (error) {
      heirDeclined = error instanceof HandOffRefused || (error instanceof LinkError && wasNotTaken(error))
      failed('take_call', error, [...names])
    }
    const callMs = clock.monotonic() - releasedAt
    const at = clock.now()
    const moved = released.flatMap(({ shard, darkMs }): MoveRecord[] => {
      const epoch = opened.get(shard)
      if (epoch === undefined) return []
      return [{ shard, from: this.#options.self.node, to: heir.node, epoch, reason, at, blackoutMs: darkMs + callMs }]
    })
    table.learn(moved.map(({ shard, epoch }) => ({ shard, epoch, owner: heir, released: false })))
    const orphaned = [...names].filter((shard) => !opened.has(shard))
    return { moved, kept, orphaned, heirDeclined }
  }

  /** Gives shards up to anybody. Never rejects. */
  async release(shards: readonly number[]): Promise<readonly ReleasedShard[]> {
    const { host, table, self, failed } = this.#options
    try {
      const released = await host.releaseShards(shards)
      table.learn(released.map(({ shard, epoch }) => ({ shard, epoch, owner: self, released: true })))
      return released
    } catch (error) {
      failed('release', error, shards)
      return []
    }
  }

  /** Shards that the heir serves, with their epochs. */
  async #ask(heir: Incarnation, released: readonly ReleasedShard[], reason: MoveReason): Promise<Map<number, number>> {
    const { links, table, limits } = this.#options
    const link = links.to(heir)
    if (link === undefined) throw new LinkError('link_closed', 'the link to the heir has ended')
    const body = takeBody({ reason, shards: released })
    const answer = readTakeAnswer(
      await link.call(handOffMethods.take, body, { timeoutMs: limits.takeTimeoutMs }),
      table.all.length,
    )
    if (answer === undefined) throw new LinkError('call_failed', 'the heir answered something else')
    if (answer.kind === 'refused') throw new HandOffRefused(answer.code)
    return new Map(answer.opened.map(({ shard, epoch }) => [shard, epoch]))
  }
}

/** The heir has not heard of it, or knows no such call: it is linked before it takes shards. */
function wasNotTaken({ code, maybeDelivered }: LinkError): boolean {
  return !maybeDelivered || code === 'call_unknown'
}

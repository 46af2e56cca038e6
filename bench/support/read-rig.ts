/**
 * A node's writing half without its actors: it owns all shards, appends decisions that were made ahead to the real journal, and
 * its read side follows by the same code that a node runs. It keeps when each decision became durable and when the cursor
 * passed it: the lag of the projection, from commit to commit as the node sees them.
 */
import { randomBytes } from 'node:crypto'
import type { AnyKind } from '../../actors/entity-kind.ts'
import { defaultHostLimits } from '../../actors/host-options.ts'
import type { AppendOutcome, Journal } from '../../actors/journal.ts'
import type { ReadAdvance } from '../../actors/read-rows.ts'
import { ReadSide } from '../../actors/read-side.ts'
import { Shard } from '../../actors/shard.ts'
import { shardCount } from '../../domain/ids.ts'
import { systemClock } from '../../runtime/clock.ts'
import { type StartedJournal, startJournal } from '../../test/support/started-journal.ts'
import { Samples } from './percentile.ts'
import type { Life } from './read-lives.ts'

/** What was stored since the counts were taken last. */
export interface Stored {
  statements: number
  decisions: number
  payments: number
  transfers: number
  /** Milliseconds from a decision's commit to that of the cursor beyond it. */
  readonly lag: Samples
}

function nothingStored(): Stored {
  return { statements: 0, decisions: 0, payments: 0, transfers: 0, lag: new Samples() }
}

/** Resolves when the next decision is due, which is this many milliseconds after the one before. */
export type Pace = (ms: number) => Promise<void>

export class ReadRig {
  readonly wrong: string[] = []
  stored = nothingStored()
  /** Milliseconds from an append to its commit. */
  writes = new Samples()
  readonly #started: StartedJournal
  readonly #shards: ReadonlyMap<number, Shard>
  readonly #side: ReadSide
  /** Of each shard, in order of position: when the rows after its cursor became durable. */
  readonly #durable = new Map<number, number[]>()

  private constructor(started: StartedJournal, shards: readonly Shard[], kind: AnyKind) {
    this.#started = started
    this.#shards = new Map(shards.map((shard) => [shard.number, shard]))
    this.#side = new ReadSide({
      journal: this.#counting(started.journal),
      clock: systemClock,
      limits: defaultHostLimits,
      kindOf: (type) => (type.startsWith('payment.') ? kind : undefined),
      observer: { trouble: (what, error) => void this.wrong.push(`${what}: ${String(error)}`) },
    })
    for (const shard of shards) {
      this.#durable.set(shard.number, [performance.now()])
      this.#side.hear(shard, shard.ownership.openedAt, undefined)
    }
  }

  static async start(databaseUrl: string, kind: AnyKind): Promise<ReadRig> {
    const started = await startJournal({ databaseUrl, node: 'bench', incarnation: randomBytes(8).toString('hex') })
    const { journal } = started
    const owned = await journal.acquire(Array.from({ length: shardCount }, (_, shard) => shard))
    const nothing = (): void => undefined
    const events = { uncertain: nothing, readyToRecover: nothing, recovered: nothing, left: nothing }
    const shards = (await journal.open(owned, 0, [])).map((opened) => new Shard(opened, journal, events))
    return new ReadRig(started, shards, kind)
  }

  get decisionsBehind(): number {
    return this.#side.decisionsBehind
  }

  /** What was counted so far; counts begin anew. */
  take(): { readonly stored: Stored; readonly writes: Samples } {
    const { stored, writes } = this
    this.stored = nothingStored()
    this.writes = new Samples()
    return { stored, writes }
  }

  /** Appends the decisions of a life one after the other, each when it is due after the one before. */
  async live({ steps }: Life, pace: Pace): Promise<void> {
    let before = steps[0]?.record.at ?? 0
    for (const { record, heard } of steps) {
      if (record.at > before) await pace(record.at - before)
      before = record.at
      const shard = this.#shards.get(record.shard)
      if (shard === undefined) throw new Error('the benchmark owns all shards')
      const began = performance.now()
      const outcome = await new Promise<AppendOutcome>((settle) => shard.append({ record, settle }))
      const ended = performance.now()
      this.writes.add(ended - began)
      shard.settled(outcome)
      if (outcome.kind !== 'durable') {
        this.wrong.push(`a decision is ${outcome.kind}`)
        return
      }
      this.#durable.get(record.shard)?.push(ended)
      this.#side.hear(shard, outcome.position, heard)
    }
  }

  /** Resolves when everything that is durable is stored. */
  async settled(): Promise<void> {
    while (this.#side.decisionsBehind > 0 && this.wrong.length === 0) await this.#side.flush()
  }

  async stop(): Promise<void> {
    this.#side.stop()
    await this.#started.close()
  }

  #counting(journal: Journal): Journal {
    return new Proxy(journal, {
      get: (target, name) => {
        if (name === 'advanceRead') return (advances: readonly ReadAdvance[]) => this.#advance(target, advances)
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? (member as (...given: unknown[]) => unknown).bind(target) : member
      },
    })
  }

  async #advance(journal: Journal, advances: readonly ReadAdvance[]): Promise<readonly number[]> {
    const refused = await journal.advanceRead(advances)
    const now = performance.now()
    const { stored } = this
    stored.statements += 1
    for (const { shard, from, to, payments, transfers } of advances) {
      if (refused.includes(shard)) continue
      stored.decisions += to - from
      stored.payments += payments.length
      stored.transfers += transfers.length
      for (const durable of this.#durable.get(shard)?.splice(0, to - from) ?? []) stored.lag.add(now - durable)
    }
    return refused
  }
}

/**
 * Keeps the rows under each shard's cursor (timers, directory of merchants, PSP references, notices) up with the journal:
 * about once per interval it writes, for all shards of a database that moved, what is kept of their changed entities now and
 * moves the cursors, in one transaction guarded by compare-and-set. What opened and ended within an interval costs nothing but
 * the cursor; of PSP references those are left out that this process has stored already.
 */
import type { Clock } from '../runtime/clock.ts'
import { emptyProjection } from './entity-kind.ts'
import type { Entity } from './entity.ts'
import type { CursorAdvance, Journal, MerchantRow, NoticeRow, PspReferenceRow, TimerRow } from './journal.ts'
import { merchantRow, noticeRow, pspReferenceRow, timerRow } from './kept-rows.ts'
import { perDatabase } from './per-database.ts'
import { Periodic } from './periodic.ts'
import type { Shard } from './shard.ts'

export interface CursorFlushEvents {
  /** The timers that an entity has now, as they were stored. */
  stored(entity: Entity, timers: readonly TimerRow[]): void
  failed(error: unknown): void
}

/** What a shard's cursor has to store. */
interface Behind {
  readonly shard: Shard
  readonly entities: readonly Entity[]
  readonly timers: readonly TimerRow[]
  readonly advance: CursorAdvance
}

export class CursorFlush {
  readonly #journal: Journal
  readonly #periodic: Periodic
  readonly #events: CursorFlushEvents
  #moved = new Set<Shard>()

  constructor(journal: Journal, clock: Clock, intervalMs: number, events: CursorFlushEvents) {
    this.#journal = journal
    this.#periodic = new Periodic(clock, intervalMs, (error) => events.failed(error))
    this.#events = events
  }

  /** The entity's durable state has changed, or its rows under the cursor may be behind. */
  add(entity: Entity): void {
    entity.dirty = true
    entity.shard.dirty.add(entity)
    this.#moved.add(entity.shard)
    this.#schedule()
  }

  /**
   * Writes all that is behind. Resolves when it is stored or could not be stored.
   * @param only of these shards; default: of all.
   */
  async flush(only?: ReadonlySet<Shard>): Promise<void> {
    await this.#periodic.now(() => this.#write(only))
    if (this.#moved.size > 0) this.#schedule()
  }

  #schedule(): void {
    this.#periodic.later(() => void this.flush())
  }

  async #write(only: ReadonlySet<Shard> = this.#moved): Promise<void> {
    const batch: Behind[] = []
    for (const shard of this.#moved) {
      if (shard.status === 'lost') this.#moved.delete(shard)
      if (shard.status !== 'open' || !only.has(shard)) continue
      const entities = [...shard.dirty]
      // A cursor may not pass what nobody has looked at yet.
      if (shard.unread > 0 || entities.some((entity) => entity.mode === 'loading')) continue
      this.#moved.delete(shard)
      batch.push({ shard, entities, ...this.#advanceOf(shard, entities) })
    }
    if (batch.length === 0) return
    // They stay marked as dirty, so in memory, until their rows are stored: what fails is written again from their states.
    for (const { shard, entities } of batch) for (const entity of entities) shard.dirty.delete(entity)
    const { failures } = await perDatabase(
      this.#journal,
      batch,
      ({ shard }) => shard.number,
      (own) => this.#writeTogether(own),
    )
    if (failures.length > 0) throw failures[0]
  }

  async #writeTogether(batch: readonly Behind[]): Promise<void> {
    try {
      const refused = new Set(await this.#journal.advance(batch.map(({ advance }) => advance)))
      for (const { shard, entities, timers, advance } of batch) {
        if (refused.has(shard.number)) {
          // Either the shard has another owner, or a commit of ours of unknown outcome moved the cursor: proof tells.
          this.#again(shard, entities)
          await this.#resync(shard)
          continue
        }
        shard.cursor = advance.to
        const byEntity = Map.groupBy(timers, (timer) => timer.entity)
        const referencesOf = Map.groupBy(advance.pspReferences, ({ entity }) => entity)
        for (const entity of entities) {
          const own = byEntity.get(entity.address.entity) ?? []
          // Changed meanwhile: it waits for the next time.
          if (!shard.dirty.has(entity)) entity.dirty = false
          entity.timerRowsStored = own.length > 0
          const references = referencesOf.get(entity.address.entity)
          if (references !== undefined)
            entity.storedReferences = [...entity.storedReferences, ...references.map(nameOf)]
          this.#events.stored(entity, own)
        }
      }
    } catch (error) {
      for (const { shard, entities } of batch) this.#again(shard, entities)
      throw error
    }
  }

  #again(shard: Shard, entities: readonly Entity[]): void {
    for (const entity of entities) {
      if (entity.mode === 'gone') continue
      entity.dirty = true
      shard.dirty.add(entity)
    }
    this.#moved.add(shard)
  }

  async #resync(shard: Shard): Promise<void> {
    if (!(await shard.prove())) return
    const [opened] = await this.#journal.open([shard.ownership], 0, [])
    if (opened !== undefined) shard.cursor = opened.cursor
  }

  #advanceOf(shard: Shard, entities: readonly Entity[]): { timers: TimerRow[]; advance: CursorAdvance } {
    const timers: TimerRow[] = []
    const merchants: MerchantRow[] = []
    const pspReferences: PspReferenceRow[] = []
    const notices: NoticeRow[] = []
    const replaced: string[] = []
    for (const entity of entities) {
      // Its rows cannot be folded; what is stored of it stays.
      if (entity.mode === 'quarantined') continue
      const { address, kind, state, storedReferences } = entity
      const own = entity.timers
      if (own.length > 0 || entity.timerRowsStored) replaced.push(address.entity)
      for (const timer of own) timers.push(timerRow(address, kind.name, timer))
      const projection = state === undefined ? emptyProjection : kind.projection(state)
      if (projection.merchant !== undefined) merchants.push(merchantRow(address, projection.merchant))
      for (const reference of projection.pspReferences ?? []) {
        const row = pspReferenceRow(address, reference)
        if (row !== undefined && !storedReferences.includes(nameOf(row))) pspReferences.push(row)
      }
      if (projection.notice !== undefined) notices.push(noticeRow(address, projection.notice))
    }
    const advance = {
      shard: shard.number,
      epoch: shard.ownership.epoch,
      from: shard.cursor,
      to: shard.lastDurable,
      entities: replaced,
      timers,
      merchants,
      pspReferences,
      notices,
    }
    return { timers, advance }
  }
}

function nameOf({ connection, reference }: PspReferenceRow): string {
  return `${connection} ${reference}`
}

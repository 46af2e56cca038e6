/**
 * What {@link MemoryJournal} stores in: the twin of the Postgres database, shared by several journals as by several
 * nodes. Every method is one statement: atomic, judged against what is stored at that instant, with the conflicts that
 * Postgres would find (owner row, predecessor, primary key, unique entity sequence, check constraints).
 *
 * It holds no time and no tasks; when a statement runs, and whether its answer arrives, is the journal's business. What it
 * cannot show is a statement that is half done while another runs: a statement that hangs runs when it is released.
 */
import { assert } from '../runtime/assert.ts'
import type {
  CursorAdvance,
  DecisionRecord,
  EntityKey,
  JournalRow,
  MerchantRow,
  SnapshotRecord,
  StoredEntity,
  TimerRow,
} from './journal.ts'

export interface MemoryShard {
  owner: { readonly node: string; readonly incarnation: string } | undefined
  epoch: number
  /** Row at position p is `rows[p - 1]`. */
  rows: JournalRow[]
  /** Entity → indexes into `rows`, in order of seq. */
  entities: Map<string, number[]>
  snapshots: Map<string, SnapshotRecord[]>
  /** Entity → its rows. */
  timers: Map<string, readonly TimerRow[]>
  cursor: { position: number; epoch: number }
}

/** Everything stored at some instant; see {@link MemoryDatabase.restore}. */
export interface MemoryImage {
  readonly shards: ReadonlyMap<number, MemoryShard>
  readonly merchants: ReadonlyMap<string, MerchantRow>
}

/** Rows of one shard as a flush sends them. */
export interface MemoryWrite {
  readonly shard: number
  readonly epoch: number
  /** Position of the first record. */
  readonly first: number
  readonly records: readonly DecisionRecord[]
}

export type MemoryWriteResult =
  /** Positions in order of the records; undefined where the record was refused. */
  | { readonly kind: 'written'; readonly positions: readonly (number | undefined)[] }
  | { readonly kind: 'not_owner' }
  /** The row before the first is missing or of another epoch. */
  | { readonly kind: 'no_predecessor' }
  /** Somebody has written at the first position. */
  | { readonly kind: 'collision' }

export const epochEntity = '0'.repeat(32)

/** The check constraints of the `journal` table. */
function violatesChecks(record: DecisionRecord): boolean {
  const hex = /^[0-9a-f]{32}$/
  return (
    !hex.test(record.entity) ||
    !hex.test(record.command) ||
    !/^[a-z][a-z0-9_.-]{0,62}$/.test(record.type) ||
    record.seq < 1 ||
    record.at < 0 ||
    record.data.length === 0
  )
}

/** The unique index (shard, entity, seq). */
function isTaken(shard: MemoryShard, { entity, seq }: DecisionRecord): boolean {
  const indexes = shard.entities.get(entity)
  const last = shard.rows[indexes?.at(-1) ?? -1]
  if (indexes === undefined || last === undefined || last.seq < seq) return false
  return indexes.some((index) => shard.rows[index]?.seq === seq)
}

export class MemoryDatabase {
  /** False: every statement fails without being executed, as with a server that is away. */
  available = true
  #shards = new Map<number, MemoryShard>()
  #merchants = new Map<string, MerchantRow>()
  readonly #leases = new Map<string, 'alive' | 'dead'>()

  shard(number: number): MemoryShard {
    let shard = this.#shards.get(number)
    if (shard === undefined) {
      shard = {
        owner: undefined,
        epoch: 0,
        rows: [],
        entities: new Map(),
        snapshots: new Map(),
        timers: new Map(),
        cursor: { position: 0, epoch: 0 },
      }
      this.#shards.set(number, shard)
    }
    return shard
  }

  // --- incarnations ------------------------------------------------------------------------------------------------

  /** A new incarnation of a node ends its earlier ones. */
  startIncarnation(node: string, incarnation: string): void {
    const key = leaseKey(node, incarnation)
    assert(!this.#leases.has(key), 'an incarnation starts once', { node, incarnation })
    for (const other of this.#leases.keys()) if (other.startsWith(`${node}/`)) this.#leases.set(other, 'dead')
    this.#leases.set(key, 'alive')
  }

  /** Dead is permanent. */
  declareDead(node: string, incarnation: string): void {
    this.#leases.set(leaseKey(node, incarnation), 'dead')
  }

  // --- statements --------------------------------------------------------------------------------------------------

  /** Compare-and-set on the owner row; answers the new epoch, or undefined where the shard may not be taken. */
  take(number: number, node: string, incarnation: string): number | undefined {
    if (this.#leases.get(leaseKey(node, incarnation)) !== 'alive') return undefined
    const shard = this.shard(number)
    const { owner } = shard
    const mine = owner?.node === node && owner.incarnation === incarnation
    if (owner !== undefined && !mine && this.#leases.get(leaseKey(owner.node, owner.incarnation)) !== 'dead') {
      return undefined
    }
    shard.owner = { node, incarnation }
    shard.epoch += 1
    return shard.epoch
  }

  /** The epoch record at tail + 1; undefined where the shard was taken again meanwhile. */
  writeEpochRecord(number: number, epoch: number, record: DecisionRecord): number | undefined {
    const shard = this.shard(number)
    if (shard.epoch !== epoch) return undefined
    return this.#insert(shard, record, epoch)
  }

  write({ shard: number, epoch, first, records }: MemoryWrite): MemoryWriteResult {
    const shard = this.shard(number)
    if (shard.epoch !== epoch) return { kind: 'not_owner' }
    if (shard.rows[first - 2]?.epoch !== epoch) return { kind: 'no_predecessor' }
    if (shard.rows.length >= first) return { kind: 'collision' }
    const refused = new Set<string>()
    const positions = records.map((record) => {
      if (refused.has(record.entity) || isTaken(shard, record) || violatesChecks(record)) {
        refused.add(record.entity)
        return undefined
      }
      return this.#insert(shard, record, epoch)
    })
    return { kind: 'written', positions }
  }

  load({ shard: number, entity }: EntityKey, upTo: number): StoredEntity {
    const shard = this.shard(number)
    const rows = (shard.entities.get(entity) ?? []).flatMap((index) => shard.rows[index] ?? [])
    const snapshot = (shard.snapshots.get(entity) ?? [])
      .filter(({ seq, epoch }) => seq <= upTo && rows.some((row) => row.seq === seq && row.epoch === epoch))
      .toSorted((a, b) => a.seq - b.seq)
      .at(-1)
    return { snapshot, rows: rows.filter((row) => row.seq > (snapshot?.seq ?? 0)) }
  }

  saveSnapshot(snapshot: SnapshotRecord): void {
    const { snapshots } = this.shard(snapshot.shard)
    const present = snapshots.get(snapshot.entity) ?? []
    if (present.some(({ seq, epoch }) => seq === snapshot.seq && epoch === snapshot.epoch)) return
    snapshots.set(snapshot.entity, [...present, snapshot])
  }

  /** Takes the cursor for an epoch: no owner of an older one moves it from now on. Undefined where the epoch is past. */
  claimCursor(number: number, epoch: number): number | undefined {
    const shard = this.shard(number)
    if (shard.epoch !== epoch) return undefined
    shard.cursor.epoch = epoch
    return shard.cursor.position
  }

  /** False where the cursor is elsewhere or the epoch is past: nothing is written then. */
  advance(advance: CursorAdvance): boolean {
    const shard = this.shard(advance.shard)
    const { cursor } = shard
    if (shard.epoch !== advance.epoch || cursor.epoch > advance.epoch) return false
    if (cursor.position === advance.to && cursor.epoch === advance.epoch && advance.from !== advance.to) return true
    if (cursor.position !== advance.from) return false
    shard.cursor = { position: advance.to, epoch: advance.epoch }
    for (const entity of advance.entities) {
      const rows = advance.timers.filter((timer) => timer.entity === entity)
      if (rows.length === 0) shard.timers.delete(entity)
      else shard.timers.set(entity, rows)
    }
    for (const merchant of advance.merchants) {
      const present = this.#merchants.get(merchant.merchant)
      if (present === undefined || present.version < merchant.version) this.#merchants.set(merchant.merchant, merchant)
    }
    return true
  }

  timers(number: number, wanted: (timer: TimerRow) => boolean): readonly TimerRow[] {
    return [...this.shard(number).timers.values()].flat().filter(wanted)
  }

  get merchants(): ReadonlyMap<string, MerchantRow> {
    return this.#merchants
  }

  // --- fail-over -----------------------------------------------------------------------------------------------------

  /** What a standby that receives nothing from now on would hold. */
  image(): MemoryImage {
    return { shards: copyShards(this.#shards), merchants: new Map(this.#merchants) }
  }

  /** A fail-over to that standby: what was stored after the image is gone, acknowledged or not. Leases stay. */
  restore(image: MemoryImage): void {
    this.#shards = copyShards(image.shards)
    this.#merchants = new Map(image.merchants)
  }

  /** The same for one shard. */
  loseRowsAfter(number: number, position: number): void {
    const shard = this.shard(number)
    const rows = shard.rows.slice(0, position)
    shard.rows = []
    shard.entities.clear()
    for (const { epoch, position: _position, ...record } of rows) this.#insert(shard, record, epoch)
  }

  #insert(shard: MemoryShard, record: DecisionRecord, epoch: number): number {
    const position = shard.rows.length + 1
    const indexes = shard.entities.get(record.entity)
    if (indexes === undefined) shard.entities.set(record.entity, [position - 1])
    else indexes.push(position - 1)
    shard.rows.push({ ...record, position, epoch })
    return position
  }
}

function leaseKey(node: string, incarnation: string): string {
  return `${node}/${incarnation}`
}

function copyShards(shards: ReadonlyMap<number, MemoryShard>): Map<number, MemoryShard> {
  return new Map(
    [...shards].map(([number, shard]) => [
      number,
      {
        owner: shard.owner,
        epoch: shard.epoch,
        rows: [...shard.rows],
        entities: new Map([...shard.entities].map(([entity, indexes]) => [entity, [...indexes]])),
        snapshots: new Map(shard.snapshots),
        timers: new Map(shard.timers),
        cursor: { ...shard.cursor },
      },
    ]),
  )
}

/**
 * The journal as operators may read it: committed rows, decoded, each with the node that owned the shard under its epoch.
 * What is private is never decoded. Rows that this build cannot decode are shown with their head and no events, so one of them
 * hides none of the others.
 */
import { AssertionFailure } from '../runtime/assert.ts'
import { decodeDecision, decodeEpoch } from './codec.ts'
import type { EntityKey, Journal, JournalRow } from './journal.ts'

export interface ReadableEntry {
  readonly shard: number
  readonly position: number
  readonly entity: string
  readonly seq: number
  readonly epoch: number
  readonly node?: string
  readonly incarnation?: string
  readonly command: string
  readonly type: string
  readonly at: number
  readonly events: readonly object[]
}

/** Records of epochs are kept under this entity. */
const epochEntity = '0'.repeat(32)

type Owners = ReadonlyMap<number, { readonly node: string; readonly incarnation: string }>

export class DecodedJournal {
  readonly #journal: Pick<Journal, 'load' | 'readTail'>

  /** @param journal owned or not: nothing is written, and nothing is asked of the shard's owner. */
  constructor(journal: Pick<Journal, 'load' | 'readTail'>) {
    this.#journal = journal
  }

  async entity(key: EntityKey, after: number, limit: number): Promise<readonly ReadableEntry[]> {
    // up to 0: no snapshot stands in for rows
    const [{ rows }, owners] = await Promise.all([this.#journal.load(key, 0), this.#owners(key.shard)])
    return rows
      .filter(({ seq }) => seq > after)
      .slice(0, limit)
      .map((row) => readable(row, owners))
  }

  async shard(shard: number, position: number, limit: number): Promise<readonly ReadableEntry[]> {
    const [rows, owners] = await Promise.all([this.#journal.readTail(shard, position, limit), this.#owners(shard)])
    return rows.map((row) => readable(row, owners))
  }

  async #owners(shard: number): Promise<Owners> {
    const { rows } = await this.#journal.load({ shard, entity: epochEntity }, 0)
    return new Map(rows.map(({ epoch, data }) => [epoch, decodeEpoch(data)]))
  }
}

function readable(row: JournalRow, owners: Owners): ReadableEntry {
  const { shard, position, entity, seq, epoch, command, type, at } = row
  return { shard, position, entity, seq, epoch, ...owners.get(epoch), command, type, at, events: eventsOf(row) }
}

function eventsOf({ type, data }: JournalRow): readonly object[] {
  if (type === 'epoch') return []
  try {
    return decodeDecision<object>(data, null).events
  } catch (error) {
    // written by a newer build
    if (error instanceof AssertionFailure) return []
    throw error
  }
}

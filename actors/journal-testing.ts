/** What tests of journals share: the harness that a journal's suite needs, records to append, and asking until a connection is back. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type {
  AppendOutcome,
  ArchivedRecord,
  DecisionRecord,
  EntityKey,
  Journal,
  JournalRow,
  NoticeRow,
  Ownership,
  PspReferenceRow,
} from './journal.ts'
import type { AccountSums } from './read-rows.ts'
import type { ReadTables } from './read-side-testing.ts'

/** The next flush's statement, stopped on its way. */
export interface StoppedFlush {
  /** Resolves when it has been sent. */
  readonly reached: Promise<void>
  /** It arrives. */
  release(): void
  /** Its node stops waiting for it; resolves when it has. It may still arrive. */
  giveUp(): Promise<void>
}

export interface TestNode {
  readonly journal: Journal
  /** The others declare this incarnation dead; it notices nothing. */
  declareDead(): Promise<void>
  /** The next flush is committed, but its answer is lost; or it is never executed. The node cannot tell which. */
  breakNextFlush(lost: 'answer' | 'request'): void
  /** Stops the next flush before anything of it is executed. */
  stopNextFlush(): StoppedFlush
}

export interface JournalHarness {
  /** A new incarnation of this node; it ends the earlier ones. */
  start(node: string): Promise<TestNode>
  /** What is stored, looked at from outside. */
  rows(shard: number): Promise<readonly JournalRow[]>
  merchants(): Promise<ReadonlyMap<string, number>>
  pspReferences(): Promise<readonly PspReferenceRow[]>
  notices(): Promise<readonly NoticeRow[]>
  readTables(shard: number): Promise<ReadTables>
  /** Of all shards, in parts that are to be added up. */
  balances(): Promise<readonly AccountSums[]>
  /** Moves an entity's rows out of the journal; false where they stay. */
  archive(record: ArchivedRecord): Promise<boolean>
  /** Puts them back. */
  restore(key: EntityKey): Promise<void>
  /** The database fails over to a state without these rows. */
  loseRowsAfter(shard: number, position: number): Promise<void>
  /** Somebody takes the shard at this instant and writes nothing yet. */
  raiseEpoch(shard: number): Promise<void>
  close(): Promise<void>
}

export const farFuture = Number.MAX_SAFE_INTEGER

/** A cursor that moves and guards nothing. */
export const nothingKept = { entities: [], timers: [], merchants: [], pspReferences: [], notices: [] } as const

export function idOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

export function recordOf(
  shard: number,
  entity: number,
  seq: number,
  changes: Partial<DecisionRecord> = {},
): DecisionRecord {
  return {
    shard,
    entity: idOf(entity + 1),
    seq,
    command: idOf(entity * 1_000_000 + seq),
    type: 'payment.create',
    at: 1_767_225_600_000,
    data: Buffer.from([0x81, 0xa1, 0x76, 1]),
    private: null,
    keyId: null,
    ...changes,
  }
}

/** A decision that the storage refuses. */
export function poisonOf(shard: number, entity: number, seq: number): DecisionRecord {
  return recordOf(shard, entity, seq, { type: '' })
}

/** Appends in one turn; resolves when all have settled. */
export function appendAll(
  journal: Journal,
  ownership: Ownership | readonly Ownership[],
  records: readonly DecisionRecord[],
): Promise<AppendOutcome[]> {
  return Promise.all(
    records.map((record) => {
      const own = [ownership].flat().find(({ shard }) => shard === record.shard)
      if (own === undefined) throw new Error(`no ownership of shard ${record.shard}`)
      return new Promise<AppendOutcome>((settle) => journal.append(own, { record, settle }))
    }),
  )
}

/** Kinds of outcomes; for refusals their code. */
export function kindsOf(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.error.code : outcome.kind))
}

export async function acquireOne(journal: Journal, shard: number): Promise<Ownership> {
  const [ownership] = await journal.acquire([shard])
  if (ownership === undefined) throw new Error(`shard ${shard} was not acquired`)
  return ownership
}

/** Records whose (entity, seq) repeats within a shard, left out. */
export function unique(records: readonly DecisionRecord[]): DecisionRecord[] {
  const seen = new Set<string>()
  return records.filter(({ shard, entity, seq }) => {
    const key = `${shard}/${entity}/${seq}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** While a node has no connection it says so; it is asked again, as its host would. */
async function untilAvailable<Result>(ask: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + 10_000
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if ((error as { code?: string }).code !== 'journal_unavailable' || performance.now() > until) throw error
    }
    await nextTurn()
  }
}

export function acquireEventually({ journal }: TestNode, shards: readonly number[]): Promise<readonly Ownership[]> {
  return untilAvailable(() => journal.acquire(shards))
}

export function advanceEventually(
  { journal }: TestNode,
  advance: Parameters<Journal['advance']>[0][number],
): Promise<readonly number[]> {
  return untilAvailable(() => journal.advance([advance]))
}

/** Asks again while the answer is that there is no connection: nothing was written then. */
export async function appendEventually(
  { journal }: TestNode,
  ownership: Ownership | readonly Ownership[],
  records: readonly DecisionRecord[],
): Promise<AppendOutcome[]> {
  const until = performance.now() + 10_000
  for (;;) {
    const outcomes = await appendAll(journal, ownership, records)
    if (!kindsOf(outcomes).includes('journal_unavailable') || performance.now() > until) return outcomes
    await nextTurn()
  }
}

/** What a suite works on; fresh for every test. */
export interface JournalContext {
  readonly harness: JournalHarness
  readonly node: TestNode
  readonly journal: Journal
  /** Another node takes the shards of `node`, which knows nothing of it. */
  takeOver(shards: readonly number[]): Promise<{ other: TestNode; taken: readonly Ownership[] }>
  /** Types of the shard's rows, in order. */
  typesOf(shard: number): Promise<string[]>
}

/** Asks a journal for shards of each of its databases apart, so that one that is away disturbs no shard of the others. */
import type { Journal } from './journal.ts'

export interface PerDatabase<Result> {
  /** Of the databases that answered. */
  readonly results: readonly Result[]
  /** Of those that did not. */
  readonly failures: readonly unknown[]
}

/** Runs `work` once per database, all at once. Never rejects: what became of each is in the answer. */
export async function perDatabase<Item, Result>(
  journal: Pick<Journal, 'databaseOf'>,
  items: readonly Item[],
  shardOf: (item: Item) => number,
  work: (items: readonly Item[]) => Promise<Result>,
): Promise<PerDatabase<Result>> {
  const groups = Map.groupBy(items, (item) => journal.databaseOf(shardOf(item)))
  const outcomes = await Promise.allSettled([...groups.values()].map(work))
  return {
    results: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    failures: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])),
  }
}

/**
 * What the databases answered that did; `failed` is told of the others.
 * @throws the first failure, where none answered.
 */
export async function fromAnyDatabase<Result>(
  journal: Pick<Journal, 'databaseOf'>,
  shards: readonly number[],
  work: (shards: readonly number[]) => Promise<Result>,
  failed: (error: unknown) => void,
): Promise<readonly Result[]> {
  const { results, failures } = await perDatabase(journal, shards, (shard) => shard, work)
  if (failures.length > 0 && results.length === 0) throw failures[0]
  for (const error of failures) failed(error)
  return results
}

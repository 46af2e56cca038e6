/**
 * What every journal must do, as one suite: run by journal-memory.test.ts and by persistence/postgres-journal.pg.test.ts.
 * A harness is one fresh database; its nodes are journals over it, whose connection the suite can trouble.
 */
import { afterEach, beforeEach, describe } from 'vitest'
import { describeArchive } from './archive-conformance.ts'
import { describeAppends } from './append-conformance.ts'
import type { JournalContext, JournalHarness } from './journal-testing.ts'
import { describeOwnership } from './ownership-conformance.ts'
import { describeReads } from './read-conformance.ts'
import { describeReadSide } from './read-side-conformance.ts'

export * from './journal-testing.ts'

/** @param kills how often the read side's writer is killed; a kill costs a database a few hundred ms. */
export function describeJournal(
  name: string,
  makeHarness: () => Promise<JournalHarness>,
  { kills }: { readonly kills: number } = { kills: 20 },
): void {
  describe(name, () => {
    let current: JournalContext | undefined
    const context = (): JournalContext => {
      if (current === undefined) throw new Error('no test is running')
      return current
    }

    beforeEach(async () => {
      const harness = await makeHarness()
      const node = await harness.start('node-1')
      current = {
        harness,
        node,
        journal: node.journal,
        async takeOver(shards) {
          const other = await harness.start('node-2')
          await node.declareDead()
          return { other, taken: await other.journal.acquire(shards) }
        },
        async typesOf(shard) {
          return (await harness.rows(shard)).map(({ type }) => type)
        },
      }
    })

    afterEach(async () => {
      await current?.harness.close()
    })

    describeOwnership(context)
    describeAppends(context)
    describeReads(context)
    describeReadSide(context, kills)
    describeArchive(context)
  })
}

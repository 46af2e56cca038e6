/**
 * Lets a checker look at a database after every statement that may have changed something. It wraps the methods of the
 * database as it was handed over, a sabotaged one too, and looks at what is stored, not at what was asked for.
 */
import type { MemoryDatabase } from '../../../actors/memory-database.ts'

type Changing = 'take' | 'writeEpochRecord' | 'write' | 'advance' | 'advanceRead' | 'claimCursors' | 'release'

const shardFirst = ['take', 'writeEpochRecord', 'claimCursors', 'release'] as const satisfies readonly Changing[]
const shardInside = ['write', 'advance', 'advanceRead'] as const satisfies readonly Changing[]

type Method = (...args: unknown[]) => unknown

export function watch(database: MemoryDatabase, changed: (shard: number) => void): void {
  const methods = database as unknown as Record<Changing, Method>
  const wrap = (name: Changing, shardOf: (first: unknown) => number): void => {
    const inner = methods[name].bind(database)
    methods[name] = (...args) => {
      const result = inner(...args)
      changed(shardOf(args[0]))
      return result
    }
  }
  for (const name of shardFirst) wrap(name, (first) => first as number)
  for (const name of shardInside) wrap(name, (first) => (first as { readonly shard: number }).shard)
}

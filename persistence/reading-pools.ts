/** Connections for reading what is committed, apart from those that actors write with: whoever looks delays no actor. */
import type { Incarnation } from '../cluster/member.ts'
import { assert } from '../runtime/assert.ts'
import { sessionTag } from './connection.ts'
import { DatabasePool } from './database-pool.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { journalLimits } from './journal-limits.ts'

/** Per database. */
const connectionsMax = 2

export interface ReadingDatabase extends JournalDatabase {
  readonly pool: DatabasePool
}

export class ReadingPools {
  /** In order of shard. */
  readonly all: readonly ReadingDatabase[]

  /** @param purpose ends the sessions' name: few letters. */
  constructor(databases: readonly JournalDatabase[], self: Incarnation, purpose: string) {
    const limits = journalLimits({ poolMax: connectionsMax })
    this.all = databases.map((database) => {
      const pool = new DatabasePool({
        databaseUrl: database.url,
        applicationName: `${sessionTag(self)}${purpose}`,
        limits,
        connected: () => undefined,
        // the next query opens another one
        failed: () => undefined,
      })
      return { ...database, pool }
    })
  }

  of(shard: number): DatabasePool {
    const database = this.all.find(({ first, last }) => shard >= first && shard <= last)
    assert(database !== undefined, 'a shard has a database', { shard })
    return database.pool
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ pool }) => pool.close()))
  }
}

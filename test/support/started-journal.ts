/** For tests and benchmarks of one process: a journal whose incarnation is started by a lease store of its own. */
import { PostgresJournal, type PostgresJournalOptions } from '../../persistence/postgres-journal.ts'
import { PostgresLeaseStore } from '../../persistence/postgres-lease-store.ts'

export interface StartedJournal {
  readonly journal: PostgresJournal
  readonly leases: PostgresLeaseStore
  close(): Promise<void>
}

/** @throws {LeaseError} and {JournalError}, as the two do. */
export async function startJournal(options: Omit<PostgresJournalOptions, 'deaths'>): Promise<StartedJournal> {
  const { databaseUrl, node, incarnation } = options
  const self = { node, incarnation }
  const leases = await PostgresLeaseStore.connect({ databaseUrl, self })
  try {
    await leases.start(self, { address: '', build: '' })
    const journal = await PostgresJournal.connect({ ...options, deaths: leases })
    return {
      journal,
      leases,
      async close() {
        await journal.close()
        await leases.close()
      },
    }
  } catch (error) {
    await leases.close()
    throw error
  }
}

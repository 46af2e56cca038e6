/** A supervisor's word: a process it started has ended for certain, so nobody has to wait for its lease to run out. */
import type { Incarnation } from '../cluster/member.ts'
import { PostgresLeaseStore } from '../persistence/postgres-lease-store.ts'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'

/** @throws {LeaseError} where the membership database is away. */
export async function reportDeath(databaseUrl: string, dead: Incarnation): Promise<void> {
  const store = await PostgresLeaseStore.connect({
    databaseUrl,
    self: { node: 'supervisor', incarnation: 'report' },
    clock: systemClock,
    log: silentLog,
  })
  try {
    await store.declareDead(dead, undefined)
  } finally {
    await store.close()
  }
}

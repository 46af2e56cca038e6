/** {@link PspReferences} over databases in memory: the twin of `persistence/psp-references.ts`. */
import { paymentIdOfEntity } from '../domain/ids.ts'
import type { Clock } from '../runtime/clock.ts'
import { JournalError, type PspReferenceRow } from './journal.ts'
import type { MemoryDatabase } from './memory-database.ts'
import { decisionArrivesWithinMs, type PspReferences } from './psp-references.ts'

export class MemoryPspReferences implements PspReferences {
  readonly #databases: readonly MemoryDatabase[]
  readonly #clock: Clock

  constructor(databases: readonly MemoryDatabase[], clock: Clock) {
    this.#databases = databases
    this.#clock = clock
  }

  async find(connection: string, references: readonly string[]): Promise<string | undefined> {
    const rows = this.#available().flatMap((database) => database.pspReferences)
    const known = references.flatMap((reference): PspReferenceRow[] => {
      const row = rows.find((each) => each.connection === connection && each.reference === reference)
      return row === undefined ? [] : [row]
    })
    return Promise.resolve(known[0] && paymentIdOfEntity(known[0].entity))
  }

  async isCompleteUpTo(at: number): Promise<boolean> {
    const databases = this.#available()
    if (this.#clock.now() < at + decisionArrivesWithinMs) return Promise.resolve(false)
    return Promise.resolve(!databases.some((database) => database.isBehind(at)))
  }

  #available(): readonly MemoryDatabase[] {
    if (this.#databases.every(({ available }) => available)) return this.#databases
    throw new JournalError('journal_unavailable', 'the database is away')
  }
}

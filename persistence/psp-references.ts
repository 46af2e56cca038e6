/**
 * `psp_ref` over all journal databases. What it finds is behind the journal by as much as cursors are, about a second.
 *
 * Whether it is complete is judged by the instants at which decisions were made, by the clocks of their nodes. How far those may
 * be apart is for the caller to add.
 */
import { decisionArrivesWithinMs, type PspReferences } from '../actors/psp-references.ts'
import { paymentIdOfEntity } from '../domain/ids.ts'
import type { Incarnation } from '../cluster/member.ts'
import { assert } from '../runtime/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import { textArray } from './binary-arrays.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { defaultJournalLimits } from './journal-limits.ts'
import { ReadingPools } from './reading-pools.ts'

assert(decisionArrivesWithinMs >= defaultJournalLimits.flushTimeoutMs, 'what is called complete waits for flushes')

const findText = `SELECT reference, shard, encode(entity, 'hex') AS entity FROM psp_ref
  WHERE connection = $1 AND reference = ANY($2::text[]) ORDER BY shard`

/** Epoch records tell of no payment, and no cursor moves for them alone. LIMIT keeps the planner from joining the whole journal. */
const behindText = `
  SELECT EXISTS (
    SELECT FROM shard_cursor c CROSS JOIN LATERAL (
      SELECT FROM journal j
      WHERE j.shard = c.shard AND j.position > c.position AND j.type <> 'epoch' AND j.at <= $1 LIMIT 1
    ) j WHERE c.consumer = 'actors'
  ) AS behind`

interface Found {
  readonly reference: string
  readonly entity: string
}

export class PostgresPspReferences implements PspReferences {
  readonly #pools: ReadingPools
  readonly #clock: Clock

  constructor(databases: readonly JournalDatabase[], self: Incarnation, clock: Clock) {
    this.#pools = new ReadingPools(databases, self, 'references')
    this.#clock = clock
  }

  async find(connection: string, references: readonly string[]): Promise<string | undefined> {
    // No row can have such a one, and no query may.
    const asked = references.filter((reference) => !reference.includes('\0'))
    if (asked.length === 0) return undefined
    const values = [connection, textArray(asked)]
    const found = await Promise.all(
      this.#pools.all.map(({ pool }) => pool.query<Found>({ name: 'psp_refs', text: findText, values })),
    )
    const entityOf = new Map<string, string>()
    for (const { reference, entity } of found.flat()) if (!entityOf.has(reference)) entityOf.set(reference, entity)
    const first = asked.find((reference) => entityOf.has(reference))
    const entity = first === undefined ? undefined : entityOf.get(first)
    return entity === undefined ? undefined : paymentIdOfEntity(entity)
  }

  async isCompleteUpTo(at: number): Promise<boolean> {
    if (this.#clock.now() < at + decisionArrivesWithinMs) return false
    const query = { name: 'behind', text: behindText, values: [at] }
    const answers = await Promise.all(this.#pools.all.map(({ pool }) => pool.query<{ behind: boolean }>(query)))
    return !answers.flat().some(({ behind }) => behind)
  }

  close(): Promise<void> {
    return this.#pools.close()
  }
}

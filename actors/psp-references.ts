/**
 * The port to `psp_refs`: which payment a PSP's reference belongs to. A projection, behind the journal by about a second.
 * Implementations: `MemoryPspReferences` (`psp-references-memory.ts`) and Postgres (`persistence/psp-references.ts`); one
 * conformance suite holds both to the same claims (`psp-references-conformance.ts`).
 */

export interface PspReferences {
  /**
   * The payment that is known by one of the references, the first that is known by any; undefined where none is.
   * @throws where a database cannot be asked.
   */
  find(connection: string, references: readonly string[]): Promise<string | undefined>
  /**
   * Whether everything that was journaled before `at` (unix milliseconds) can be found by {@link find}. Never before `at` has
   * been over for {@link decisionArrivesWithinMs}.
   * @throws where a database cannot be asked.
   */
  isCompleteUpTo(at: number): Promise<boolean>
}

/** A decision that is on its way to the database has arrived there after this, or its owner knows that nobody knows. */
export const decisionArrivesWithinMs = 5_000

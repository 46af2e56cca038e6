/** The port to `psp_refs`: which payment a PSP's reference belongs to. A projection, behind the journal by about a second. */

export interface PspReferences {
  /**
   * The payment that is known by one of the references, the first that is known by any; undefined where none is.
   * @throws where a database cannot be asked.
   */
  find(connection: string, references: readonly string[]): Promise<string | undefined>
  /**
   * Whether everything that was journaled before `at` (unix milliseconds) can be found by {@link find}.
   * @throws where a database cannot be asked.
   */
  isCompleteUpTo(at: number): Promise<boolean>
}

/** Why a rebuild ended without swapping anything; the live tables are as they were. */
export type RebuildFailureCode =
  /** The journal grew faster than it was folded. */
  | 'rebuild_too_slow'
  /** Others had locks on the live tables for as long as it was tried. */
  | 'rebuild_in_use'
  /** Decisions that it would need are in archive files. */
  | 'rebuild_archived'
  /** Rows of the journal are missing or do not follow each other. */
  | 'rebuild_journal_broken'

export class RebuildFailure extends Error {
  override readonly name = 'RebuildFailure'
  readonly code: RebuildFailureCode

  constructor(code: RebuildFailureCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

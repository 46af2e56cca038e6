/** A decision on its way to the journal, and what waits for it. */
import type { Ask } from './ask.ts'
import type { CommittedDecision } from './entity-services.ts'
import type { AppendOutcome } from './journal.ts'

/** What waits for a decision to be durable. */
interface Gated {
  readonly ask: Ask
  release(): void
}

export interface InFlight extends Omit<CommittedDecision, 'position'> {
  readonly seq: number
  readonly epoch: number
  readonly ask: Ask
  readonly state: unknown
  readonly gated: Gated[]
  /** Takes back what was counted of it. */
  readonly uncount: (() => void) | undefined
  outcome: AppendOutcome | undefined
}

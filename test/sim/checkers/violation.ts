/** What a checker finds. A stable code says which claim was broken; the sentence and the facts are for people. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly code: ViolationCode
  readonly facts: Readonly<Record<string, unknown>>

  constructor(code: ViolationCode, sentence: string, facts: Readonly<Record<string, unknown>>) {
    super(`${code}: ${sentence} ${JSON.stringify(facts)}`)
    this.code = code
    this.facts = facts
  }
}

export type ViolationCode =
  | 'owner_not_alone'
  | 'row_of_no_owner'
  | 'epoch_went_back'
  | 'epoch_without_record'
  | 'position_not_gapless'
  | 'sequence_not_contiguous'
  | 'decision_twice'
  | 'journal_rewritten'
  | 'cursor_went_back'
  | 'illegal_decision'
  | 'read_differs'
  | 'read_behind'
  | 'lost_rows_continued'
  | 'answer_not_durable'
  | 'answer_not_the_journals'
  | 'acknowledged_lost'
  | 'stale_answer'
  | 'replay_differs'
  | 'not_accepted_but_journaled'
  | 'effect_without_intent'
  | 'charged_twice'
  | 'taken_more_than_asked'
  | 'request_unanswered'
  | 'payment_forgotten'
  | 'timer_lost'
  | 'quarantined'
  | 'stuck'
  | 'books_differ'

export function claim(
  holds: boolean,
  code: ViolationCode,
  sentence: string,
  facts: () => Readonly<Record<string, unknown>>,
): asserts holds {
  if (!holds) throw new Violation(code, sentence, facts())
}

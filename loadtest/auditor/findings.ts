/**
 * What is wrong, by stable code. Every code is one sentence that has to hold and does not. Counts are exact; what is kept
 * of each code is bounded, so that a journal that is wrong everywhere is still reported in little memory.
 */
export const checks = {
  // what clients were told
  lost_payment: 'Every acknowledged payment is in the journal.',
  lost_operation: 'Every acknowledged capture, refund and void is a decision of its payment.',
  told_state_unreachable: 'Every answer shows the state that the journal has at the version it names.',
  replay_differs: 'Final answers to one key are one payment and the same bytes.',
  reused_key_accepted: 'A key that comes again with another request is refused with 422.',
  key_of_two_payments: 'A merchant’s key leads to one payment.',
  id_not_derived: 'A payment’s id is derived from merchant, mode and key.',
  read_went_back: 'What one client reads of a payment never gets older, whichever gateway it asks.',
  answer_went_back: 'What begins after an answer has come sees at least that version of the payment.',
  // what the PSP did
  double_charge: 'A payment has at most one authorization at the PSP that was not given back.',
  repeated_effect: 'An operation has one effect at the PSP.',
  phantom_effect: 'Every effect at the PSP belongs to an intent in the journal.',
  effect_before_intent: 'The intent was journaled before its effect.',
  effect_denied: 'What the PSP did is not journaled as not done.',
  success_without_effect: 'What the journal calls a success happened at the PSP.',
  amount_differs: 'Journal and PSP name the same amount and currency.',
  // the journal, shard by shard
  malformed_row: 'Every row can be decoded as the format says.',
  shard_in_two_journals: 'A shard’s rows are in one database.',
  position_gap: 'Positions of a shard are 1, 2, 3, … without a gap.',
  epoch_went_back: 'Epochs of a shard never fall.',
  epoch_without_record: 'The first row of an epoch is its epoch record.',
  two_owners_of_epoch: 'An epoch of a shard has one owner, and one record.',
  wrong_shard: 'An entity’s rows are in the shard of its first ten bits.',
  // entity by entity
  sequence_gap: 'Sequences of an entity are 1, 2, 3, … without a gap.',
  entity_time_went_back: 'Times of an entity never fall.',
  command_twice: 'A command is decided once by its entity.',
  // the payment machine and its money
  illegal_transition: 'A payment moves only as the payment machine allows.',
  illegal_step: 'An operation moves only as its machine allows.',
  captured_beyond_authorized: 'Captured, and being captured by us, is at most authorized.',
  refunded_beyond_captured: 'Refunds that we plan, with what is disputed, give back at most what was captured.',
  invalid_transfer: 'A transfer moves an amount above zero between two accounts, so that a decision’s sum is zero.',
  books_differ: 'Transfers of a payment add up to what its operations are worth.',
  stuck_payment: 'Whatever is still open has a timer, or a person who was asked.',
} as const

export type CheckCode = keyof typeof checks

export interface Finding {
  readonly code: CheckCode
  /** What exactly, with the values. */
  readonly detail: string
  readonly payment?: string
  readonly shard?: number
  /** Everything that the three books hold about the payment, in lines. */
  readonly story?: readonly string[]
}

export const findingLimits = { keptPerCode: 20, storiesPerCode: 3, storyLinesMax: 200 } as const

export class Findings {
  readonly #counts = new Map<CheckCode, number>()
  readonly #kept: Finding[] = []

  /** `story` is asked for only where it will be kept. */
  add(
    code: CheckCode,
    detail: string,
    where: { readonly payment?: string; readonly shard?: number } = {},
    story?: () => readonly string[],
  ): void {
    const count = (this.#counts.get(code) ?? 0) + 1
    this.#counts.set(code, count)
    if (count > findingLimits.keptPerCode) return
    const told = count <= findingLimits.storiesPerCode ? story?.().slice(0, findingLimits.storyLinesMax) : undefined
    this.#kept.push({ code, detail, ...where, ...(told !== undefined && { story: told }) })
  }

  get counts(): Readonly<Partial<Record<CheckCode, number>>> {
    return Object.fromEntries(this.#counts)
  }

  get kept(): readonly Finding[] {
    return this.#kept
  }

  get any(): boolean {
    return this.#counts.size > 0
  }
}

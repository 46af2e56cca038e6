/**
 * The payment machine as PAYMENTS.md 1.1 has it, as tables: which status may follow which, which state an operation may
 * be in when something happens to it. Written from that text, not from the code it judges.
 */

export type Status =
  | 'created'
  | 'pending'
  | 'requires_action'
  | 'authorized'
  | 'partially_captured'
  | 'captured'
  | 'canceled'
  | 'expired'
  | 'failed'

export const closedStatuses: ReadonlySet<Status> = new Set<Status>(['canceled', 'expired', 'failed'])

/** Rows 1 to 18. A status may also stay what it is; `captured` and the closed ones are never left. */
export const nextStatuses: Readonly<Record<Status, readonly Status[]>> = {
  created: ['pending', 'canceled', 'expired'],
  // a capture while pending: a cancel was asked for, and somebody at the PSP was faster (rows 17 and 27)
  pending: ['requires_action', 'authorized', 'partially_captured', 'captured', 'canceled', 'failed', 'expired'],
  requires_action: ['pending', 'authorized', 'canceled', 'failed'],
  authorized: ['partially_captured', 'captured', 'canceled', 'expired', 'failed'],
  partially_captured: ['captured'],
  captured: [],
  canceled: [],
  expired: [],
  failed: [],
}

export type Kind = 'authorize' | 'capture' | 'void' | 'refund'

export type OperationState =
  | 'planned'
  | 'requires_action'
  | 'accepted'
  | 'unknown'
  | 'inquiring'
  | 'manual'
  | 'succeeded'
  | 'declined'
  | 'not_sent'
  | 'absent'

const open = ['planned', 'requires_action', 'accepted', 'unknown', 'inquiring', 'manual'] as const
const endedOtherwise = ['declined', 'not_sent', 'absent'] as const

export function isOpen(state: OperationState): boolean {
  return (open as readonly OperationState[]).includes(state)
}

interface Step {
  readonly kinds: readonly Kind[]
  readonly from: readonly OperationState[]
  readonly to: OperationState
}

const all: readonly Kind[] = ['authorize', 'capture', 'void', 'refund']

/** What happens to an operation, where it may be then, and where it is afterwards. */
export const steps: Readonly<Record<string, Step>> = {
  ActionRequired: {
    kinds: ['authorize'],
    from: ['planned', 'accepted', 'unknown', 'inquiring', 'manual'],
    to: 'requires_action',
  },
  // a shopper may come back with nothing first, and then with what the PSP's page gave
  ActionCompleted: {
    kinds: ['authorize'],
    from: ['requires_action', 'planned', 'unknown', 'inquiring'],
    to: 'planned',
  },
  Authorized: { kinds: ['authorize'], from: open, to: 'succeeded' },
  PartiallyAuthorized: { kinds: ['authorize'], from: open, to: 'succeeded' },
  CaptureSucceeded: { kinds: ['capture'], from: open, to: 'succeeded' },
  // row 23: a void or refund that succeeds after it had ended is recorded as what it is
  VoidSucceeded: { kinds: ['void'], from: [...open, ...endedOtherwise], to: 'succeeded' },
  RefundSucceeded: { kinds: ['refund'], from: [...open, ...endedOtherwise], to: 'succeeded' },
  LateSuccess: { kinds: ['authorize', 'capture'], from: endedOtherwise, to: 'succeeded' },
  OperationDeclined: { kinds: all, from: open, to: 'declined' },
  // only the first send can prove it, or a person
  OperationNotSent: { kinds: all, from: ['planned', 'manual'], to: 'not_sent' },
  // only those who asked
  OperationAbsent: { kinds: all, from: ['unknown', 'inquiring', 'manual'], to: 'absent' },
  OperationAccepted: { kinds: all, from: ['planned', 'accepted', 'unknown', 'inquiring', 'manual'], to: 'accepted' },
  OutcomeUnknown: {
    kinds: all,
    from: ['planned', 'requires_action', 'accepted', 'unknown', 'inquiring'],
    to: 'unknown',
  },
  InquiryPlanned: { kinds: all, from: ['unknown', 'inquiring'], to: 'inquiring' },
  ManualNeeded: { kinds: all, from: ['unknown', 'inquiring', 'manual'], to: 'manual' },
}

/** Events that tell something and move nothing, or that the fold treats by name. */
export const otherEvents: ReadonlySet<string> = new Set([
  'PaymentCreated',
  'RequestAccepted',
  'PaymentConfirmed',
  'RouteChosen',
  'AttemptPlanned',
  'CapturePlanned',
  'VoidPlanned',
  'RefundPlanned',
  'PaymentFailed',
  'PaymentCanceled',
  'PaymentExpired',
  'CancelRequested',
  'CancelFailed',
  'CaptureReversed',
  'CaptureRetryScheduled',
  'RemainderReleased',
  'RefundReversed',
  'ResolutionProposed',
  'ResolutionDecided',
  'CompensationProposed',
  'CompensationDecided',
  'CompensationDue',
  'FactConflict',
  'ReviewOpened',
  'BreakRaised',
  'DisputeRecorded',
  'DisputeEvidenceDue',
  'SettlementLineRecorded',
  'ExternalOperationRecorded',
])

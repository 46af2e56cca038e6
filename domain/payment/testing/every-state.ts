/**
 * Every payment status with every operation in every state, reachable or not: a payment that has one operation of each
 * kind, of which one is put into the state in question. And every fact that can come about it.
 */
import { operationIdOf } from '../../ids.ts'
import type { NoticeFact, NoticeOutcome, NoticeSubject } from '../../inbox/notice.ts'
import type { FactSource, PaymentCommand, ProposeResolution, RecordNotice, TimerKind } from '../commands.ts'
import type { DeclineClass, OperationKind, OperationOutcome, OperationStatus } from '../operations.ts'
import type { Attempt, Lifecycle, Operation, Payment } from '../state.ts'
import {
  absent,
  accepted,
  actionRequired,
  capture,
  create,
  day,
  declined,
  dispute,
  external,
  minute,
  notice,
  notSent,
  paymentId,
  refund,
  reversal,
  says,
  settlementLine,
  startedAt,
  succeeded,
  timedOut,
} from './fixtures.ts'
import { given, nothing, payment } from './scenario.ts'

export const operationKinds: readonly OperationKind[] = ['authorize', 'capture', 'void', 'refund']
export const operationStatuses: readonly OperationStatus[] = [
  'planned',
  'requires_action',
  'accepted',
  'unknown',
  'inquiring',
  'manual',
  'succeeded',
  'declined',
  'not_sent',
  'absent',
]

const attemptId = operationIdOf('att', paymentId, 1)
const captureId = operationIdOf('cap', paymentId, 1)
const decline = { class: 'soft', code: 'generic_decline' } as const
const action = { type: 'redirect', url: 'https://psp.example/act' } as const

export const lifecycles: readonly Lifecycle[] = [
  { status: 'created', confirmBy: startedAt + day },
  { status: 'requires_action', attemptId, action, actionBy: startedAt + minute },
  { status: 'pending' },
  { status: 'authorized', attemptId, captureBefore: startedAt + day },
  { status: 'partially_captured', attemptId, captureBefore: startedAt + day },
  { status: 'captured', attemptId },
  { status: 'canceled' },
  { status: 'expired' },
  { status: 'failed', failure: { code: 'card_declined', decline } },
]

const settled = given(
  nothing(),
  create({ captureMethod: 'manual', returnUrl: 'https://shop.example/back' }),
  says(attemptId, succeeded()),
  capture(60),
  says(captureId, succeeded(60, { pspReference: 'psp_capture' })),
  refund(20),
)
const base = payment(settled)

/** The payment with its operation of `kind` in `status`; all its other operations have succeeded. */
export function stateWith(
  lifecycle: Lifecycle,
  kind: OperationKind,
  status: OperationStatus,
  canceling: boolean,
): Payment {
  const done = { status: 'succeeded', endedAt: startedAt, pspReference: 'psp_1' } as const
  const into = <O extends Operation>(operation: O, itsKind: OperationKind): O => ({
    ...operation,
    ...(itsKind === kind ? inStatus(status) : done),
  })
  const [attempt, ...attempts] = base.attempts
  const first: readonly Attempt[] = attempt === undefined ? [] : [into(attempt, 'authorize')]
  return frozen({
    ...base,
    lifecycle,
    ...(canceling && { cancelRequestedAt: startedAt }),
    attempts: [...first, ...attempts],
    captures: base.captures.map((operation) => into(operation, 'capture')),
    voids: [
      into(
        {
          ...commonOf(base.captures[0]),
          id: operationIdOf('void', paymentId, 1),
          kind: 'void',
          status: 'planned',
          cause: 'cancel',
          amountMinor: 40,
          attemptId,
        },
        'void',
      ),
    ],
    refunds: base.refunds.map((operation) => into(operation, 'refund')),
  })
}

/** A decider that changed what it is given would throw. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) frozen(member)
    Object.freeze(value)
  }
  return value
}

/** What every planned operation of the fixture's connection shares. */
function commonOf(operation: Operation | undefined) {
  if (operation === undefined) throw new Error('the fixture has a capture')
  const {
    connection,
    psp,
    requestVersion,
    plannedAt,
    plannedEpoch,
    notAfter,
    repeatUntil,
    quietUntil,
    acceptedWithinMs,
  } = operation
  return {
    connection,
    psp,
    requestVersion,
    plannedAt,
    plannedEpoch,
    notAfter,
    repeatUntil,
    quietUntil,
    acceptedWithinMs,
  }
}

/** The members that the status brings, as the machine itself would have set them. */
function inStatus(status: OperationStatus) {
  const pspReference = 'psp_1'
  const doubt = {
    since: startedAt,
    reason: 'timeout',
    inquiries: 3,
    nextInquiryAt: startedAt + minute,
    repeatIsUseless: false,
  } as const
  switch (status) {
    case 'planned':
      return { status }
    case 'requires_action':
      return { status, pspReference, action, actionBy: startedAt + minute }
    case 'accepted':
      return { status, pspReference, acceptedUntil: startedAt + minute }
    case 'unknown':
    case 'inquiring':
    case 'manual':
      return { status, doubt }
    case 'succeeded':
      return { status, pspReference, endedAt: startedAt }
    case 'declined':
      return { status, endedAt: startedAt, decline }
    case 'not_sent':
    case 'absent':
      return { status, endedAt: startedAt }
  }
}

const declineClasses: readonly DeclineClass[] = ['hard', 'soft', 'shopper', 'retry_elsewhere', 'configuration']

export const outcomes: readonly OperationOutcome[] = [
  ...[100, 60, 20, 7, 1000].map((amountMinor) => succeeded(amountMinor)),
  succeeded(100, { captured: true }),
  succeeded(50, { captured: true }),
  succeeded(60, { currency: 'USD' }),
  succeeded(60, { echoedOperationId: 'cap_other_1' }),
  succeeded(60, { pspReference: 'psp_other', captureBefore: startedAt + 3 * day }),
  actionRequired,
  ...declineClasses.map((each) => declined(each)),
  ...['already_voided', 'already_captured', 'authorization_canceled'].map((code) => declined('hard', code)),
  accepted,
  { ...accepted, pspReference: 'psp_other' },
  notSent,
  timedOut,
  { ...timedOut, repeatIsUseless: true, pspReference: 'psp_1' },
  absent,
]

const sources: readonly { readonly source: FactSource; readonly firstSend: boolean; readonly factId?: string }[] = [
  { source: 'response', firstSend: true },
  { source: 'response', firstSend: false },
  { source: 'inquiry', firstSend: false },
  { source: 'webhook', firstSend: false, factId: 'fact' },
  { source: 'report', firstSend: false, factId: 'fact' },
]

const lineTypes = [
  'captured',
  'refunded',
  'refund_reversed',
  'capture_reversed',
  'disputed',
  'dispute_reversed',
  'fee',
] as const

const timerKinds: readonly TimerKind[] = [
  'confirm_deadline',
  'action_deadline',
  'capture_deadline',
  'capture_retry',
  'void_retry',
  'inquiry',
  'accepted_deadline',
  'call_deadline',
  'evidence_deadline',
  'manual',
  'compensation',
]

/** Every fact about one operation and its payment: none of them may be refused. */
export function factsAbout(operationId: string): readonly PaymentCommand[] {
  return [
    ...outcomes.flatMap((outcome) => sources.map((source) => says(operationId, outcome, source))),
    ...outcomes.map((outcome) => says(operationId, outcome, { step: 'complete' })),
    ...[100, 60, 20, 7, 0, -1, 1000].map((amountMinor) => reversal(operationId, amountMinor)),
    ...(['capture', 'void', 'refund', 'authorization_expired'] as const).flatMap((kind) =>
      [100, 40, 7, 0, -1, 1000].map((amountMinor) => external(kind, amountMinor)),
    ),
    { ...external('refund', 5), currency: 'USD' },
    ...(['inquiry', 'open', 'won', 'lost'] as const).flatMap((status) => [
      dispute(status),
      dispute(status, { fundsWithdrawn: true, evidenceBy: startedAt + minute, stage: 'second_chargeback' }),
      dispute(status, { amountMinor: 1000 }),
    ]),
    ...lineTypes.map((lineType) => settlementLine({ lineType })),
    settlementLine({ lineType: 'refunded', grossMinor: -20, feeMinor: -1, netMinor: -19 }),
    settlementLine({ currency: 'USD' }),
    ...timerKinds.flatMap((timer): PaymentCommand[] => [
      { type: 'FireTimer', timer },
      { type: 'FireTimer', timer, operationId },
    ]),
    { type: 'RecoverOperations' },
  ]
}

/** Every notice that may come about one operation and its payment, known by our id, by the PSP's reference, or by neither. */
export function noticesAbout(operationId: string): readonly RecordNotice[] {
  const money = { amountMinor: 60, currency: 'EUR' }
  const told = outcomes.filter(isTold)
  const facts: readonly NoticeFact[] = [
    ...operationKinds.flatMap((operation) =>
      told.map((outcome): NoticeFact => ({ kind: 'outcome', operation, outcome })),
    ),
    ...(['capture', 'refund'] as const).flatMap((operation) =>
      [{ ...money }, { ...money, amountMinor: 20 }, { ...money, amountMinor: 0 }, { ...money, currency: 'USD' }].map(
        (amount): NoticeFact => ({ kind: 'reversal', operation, pspReference: 'psp_1', ...amount }),
      ),
    ),
    { kind: 'authorization_expired', pspReference: 'psp_1', ...money },
    { kind: 'authorization_expired', pspReference: 'psp_1', ...money, currency: 'USD' },
    ...(['inquiry', 'open', 'won', 'lost'] as const).flatMap((status): NoticeFact[] => {
      const about = { kind: 'dispute', pspReference: 'psp_dispute', stage: 'chargeback', feeMinor: 15 } as const
      return [
        { ...about, ...money, status, fundsWithdrawn: status !== 'inquiry' },
        { ...about, ...money, status, fundsWithdrawn: false, evidenceBy: startedAt + minute },
        { ...about, ...money, status, fundsWithdrawn: true, currency: 'USD' },
      ]
    }),
    { kind: 'report', name: 'report.csv', url: 'https://psp.example/report.csv' },
    { kind: 'none', reason: 'informative' },
  ]
  const subjects: readonly NoticeSubject[] = [
    { operationId, references: [] },
    { operationId: attemptId, references: ['psp_1'] },
    { references: ['psp_new', 'psp_1'] },
  ]
  return facts.flatMap((fact, number) => subjects.map((subject) => notice(fact, subject, { id: `evt_${number}` })))
}

function isTold(outcome: OperationOutcome): outcome is NoticeOutcome {
  return !['not_sent', 'unknown', 'absent'].includes(outcome.kind)
}

/** What one person may propose: refused only where nothing is in doubt, or where it is not about what was asked. */
export function rulingsOn(operationId: string): readonly ProposeResolution[] {
  return [succeeded(60), declined(), absent].map((outcome) => ({
    type: 'ProposeResolution',
    operationId,
    outcome,
    operator: 'ada',
    evidence: 'report line',
    reason: 'the report says so',
  }))
}

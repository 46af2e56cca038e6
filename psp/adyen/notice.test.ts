import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { NoticeFact } from '../../domain/inbox/notice.ts'
import { operationIdOf } from '../../domain/ids.ts'
import { adyenMessages } from '../../test/support/adyen-contract.ts'
import { samplePayment } from '../../test/support/psp-calls.ts'
import { factOf, knownEventCodes, noticeOf } from './notice.ts'
import { type NotificationItem, readNotification } from './notification.ts'

const own = 'QFQTPCQ8HXSKGK82'
const payment = '9913140798220028'
const attempt = operationIdOf('att', samplePayment, 1)
const capture = operationIdOf('cap', samplePayment, 1)
const refund = operationIdOf('re', samplePayment, 1)

function item(eventCode: string, fields: Partial<NotificationItem> = {}): NotificationItem {
  return {
    pspReference: own,
    originalReference: payment,
    merchantAccountCode: 'ShoesCOM',
    merchantReference: attempt,
    amount: { value: 1000, currency: 'EUR' },
    eventCode,
    success: 'true',
    eventDate: '2021-01-01T01:00:00+01:00',
    reason: '',
    additionalData: {},
    ...fields,
  }
}

const money = { amountMinor: 1000, currency: 'EUR' }
const informative: NoticeFact = { kind: 'none', reason: 'informative' }
const unreadable: NoticeFact = { kind: 'none', reason: 'unreadable' }

function succeeded(operation: 'capture' | 'refund' | 'void', echoedOperationId?: string): NoticeFact {
  return {
    kind: 'outcome',
    operation,
    outcome: { kind: 'succeeded', pspReference: own, ...money, ...(echoedOperationId && { echoedOperationId }) },
  }
}

function declined(operation: 'capture' | 'refund' | 'void', className: 'soft' | 'hard', code: string): NoticeFact {
  return {
    kind: 'outcome',
    operation,
    outcome: { kind: 'declined', decline: { class: className, code }, pspReference: own },
  }
}

function dispute(stage: string, status: string, fundsWithdrawn: boolean): unknown {
  return { kind: 'dispute', pspReference: own, stage, status, ...money, feeMinor: 0, fundsWithdrawn }
}

const failed = { success: 'false' }

describe('an event code', () => {
  it.each<[string, Partial<NotificationItem>, unknown]>([
    [
      'AUTHORISATION',
      { originalReference: '' },
      {
        kind: 'outcome',
        operation: 'authorize',
        outcome: { kind: 'succeeded', pspReference: own, ...money, captured: false, echoedOperationId: attempt },
      },
    ],
    [
      'AUTHORISATION',
      { ...failed, reason: 'Expired Card' },
      {
        kind: 'outcome',
        operation: 'authorize',
        outcome: {
          kind: 'declined',
          decline: { class: 'hard', code: 'expired_card', pspCode: '6' },
          pspReference: own,
        },
      },
    ],
    ['CAPTURE', { merchantReference: capture }, succeeded('capture', capture)],
    ['CAPTURE', {}, succeeded('capture')],
    ['CAPTURE', { ...failed, reason: 'no jane@example.com' }, declined('capture', 'soft', 'capture_refused')],
    ['REFUND', { merchantReference: refund }, succeeded('refund', refund)],
    ['REFUND', failed, declined('refund', 'soft', 'refund_failed')],
    [
      'REFUND',
      { ...failed, reason: "Transaction hasn't been captured, refund not possible" },
      declined('refund', 'hard', 'not_captured'),
    ],
    ['REFUND_WITH_DATA', {}, succeeded('refund')],
    ['CANCELLATION', {}, succeeded('void')],
    ['CANCELLATION', failed, declined('void', 'hard', 'void_refused')],
    ['TECHNICAL_CANCEL', {}, succeeded('void')],
    ['TECHNICAL_CANCEL', failed, declined('void', 'hard', 'void_refused')],
    ['CANCEL_OR_REFUND', { additionalData: { 'modification.action': 'cancel' } }, succeeded('void')],
    ['CANCEL_OR_REFUND', { additionalData: { 'modification.action': 'refund' } }, succeeded('refund')],
    ['CANCEL_OR_REFUND', {}, unreadable],
    ['CANCEL_OR_REFUND', failed, informative],
    [
      'POSTPONED_REFUND',
      {},
      { kind: 'outcome', operation: 'refund', outcome: { kind: 'accepted', pspReference: own } },
    ],
    ['CAPTURE_FAILED', {}, { kind: 'reversal', operation: 'capture', pspReference: own, ...money }],
    ['REFUND_FAILED', {}, { kind: 'reversal', operation: 'refund', pspReference: own, ...money }],
    ['REFUNDED_REVERSED', {}, { kind: 'reversal', operation: 'refund', pspReference: own, ...money }],
    ['EXPIRE', {}, { kind: 'authorization_expired', pspReference: payment, ...money }],
    ['EXPIRE', { originalReference: '' }, { kind: 'authorization_expired', pspReference: own, ...money }],
    ['REQUEST_FOR_INFORMATION', {}, dispute('request_for_information', 'inquiry', false)],
    ['NOTIFICATION_OF_CHARGEBACK', {}, dispute('chargeback', 'open', false)],
    ['CHARGEBACK', {}, dispute('chargeback', 'open', true)],
    ['CHARGEBACK_REVERSED', {}, dispute('chargeback', 'won', false)],
    ['ISSUER_RESPONSE_TIMEFRAME_EXPIRED', {}, dispute('chargeback', 'won', false)],
    ['DISPUTE_DEFENSE_PERIOD_ENDED', {}, dispute('chargeback', 'lost', true)],
    [
      'DISPUTE_DEFENSE_PERIOD_ENDED',
      { additionalData: { disputeStatus: 'Lost' } },
      dispute('chargeback', 'lost', true),
    ],
    ['DISPUTE_DEFENSE_PERIOD_ENDED', { additionalData: { disputeStatus: 'Expired' } }, informative],
    ['SECOND_CHARGEBACK', {}, dispute('second_chargeback', 'open', true)],
    ['PREARBITRATION_OPEN', {}, dispute('pre_arbitration', 'open', false)],
    ['PREARBITRATION_DECLINED', {}, dispute('pre_arbitration', 'open', false)],
    ['PREARBITRATION_ACCEPTED', {}, dispute('pre_arbitration', 'lost', true)],
    ['PREARBITRATION_LOST', {}, dispute('pre_arbitration', 'lost', true)],
    ['PREARBITRATION_WON', {}, dispute('pre_arbitration', 'won', false)],
    ['PREARBITRATION_ISSUER_WITHDRAWN', {}, dispute('pre_arbitration', 'won', false)],
    ['SCHEME_ARBITRATION', {}, dispute('scheme_arbitration', 'open', false)],
    ['SCHEME_ARBITRATION_WON', {}, dispute('scheme_arbitration', 'won', false)],
    ['SCHEME_ARBITRATION_LOST', {}, dispute('scheme_arbitration', 'lost', true)],
    [
      'REPORT_AVAILABLE',
      { pspReference: 'settlement_detail_report_batch_1.csv', reason: 'https://ca-test.adyen.com/reports/x.csv' },
      { kind: 'report', name: 'settlement_detail_report_batch_1.csv', url: 'https://ca-test.adyen.com/reports/x.csv' },
    ],
    ['REPORT_AVAILABLE', { reason: 'URL_TO_DOWNLOAD_REPORT' }, unreadable],
    ['REPORT_AVAILABLE', { reason: 'file:///etc/passwd' }, unreadable],
    ['REPORT_AVAILABLE', { reason: 'https://user:secret@ca-test.adyen.com/' }, unreadable],
    ['REPORT_AVAILABLE', { reason: `https://ca-test.adyen.com/${'x'.repeat(2048)}` }, unreadable],
    ...[
      'AUTHORISATION_ADJUSTMENT',
      'HANDLED_EXTERNALLY',
      'VOID_PENDING_REFUND',
      'PAIDOUT_REVERSED',
      'INFORMATION_SUPPLIED',
      'ISSUER_COMMENTS',
      'NOTIFICATION_OF_FRAUD',
      'MANUAL_REVIEW_ACCEPT',
      'MANUAL_REVIEW_REJECT',
    ].map((eventCode): [string, Partial<NotificationItem>, unknown] => [eventCode, {}, informative]),
  ])('%s with %o', (eventCode, fields, fact) => {
    expect(factOf(item(eventCode, fields))).toEqual(fact)
  })

  it('that is described has a meaning; any other is kept as of an unknown type', () => {
    expect([...adyenMessages.keys()].filter((eventCode) => !knownEventCodes.includes(eventCode))).toEqual([])
    for (const eventCode of ['RECURRING_CONTRACT', 'EVENT', 'constructor', '__proto__']) {
      expect(factOf(item(eventCode)), eventCode).toEqual({ kind: 'none', reason: 'unknown_type' })
    }
  })

  it('of what happens by itself tells nothing where it did not happen', () => {
    for (const eventCode of ['CAPTURE_FAILED', 'REFUND_FAILED', 'REFUNDED_REVERSED', 'EXPIRE', 'CHARGEBACK']) {
      expect(factOf(item(eventCode, failed)), eventCode).toEqual(informative)
    }
  })

  it('never moves money by an amount that is not there, or that ours cannot hold', () => {
    for (const amount of [
      undefined,
      { value: -1, currency: 'EUR' },
      { value: 1, currency: 'XXX' },
      { value: 550, currency: 'ISK' },
    ]) {
      for (const eventCode of knownEventCodes) {
        const fact = factOf(item(eventCode, { amount }))
        if (fact.kind === 'outcome') expect(fact.outcome.kind, eventCode).toBe('accepted')
        else expect(['none', 'report'], eventCode).toContain(fact.kind)
      }
    }
    expect(factOf(item('CAPTURE', { amount: { value: 500, currency: 'CLP' } }))).toMatchObject({
      outcome: { amountMinor: 5, currency: 'CLP' },
    })
  })

  it('tells by when evidence is due while that matters', () => {
    const additionalData = { defensePeriodEndsAt: '2021-07-31T03:03:07+02:00' }
    expect(factOf(item('CHARGEBACK', { additionalData }))).toMatchObject({ evidenceBy: Date.UTC(2021, 6, 31, 1, 3, 7) })
    expect(factOf(item('CHARGEBACK_REVERSED', { additionalData }))).not.toHaveProperty('evidenceBy')
    for (const end of ['soon', 1, '2021-02-31T99:00:00Z', '1'.repeat(5000)]) {
      const fact = factOf(item('CHARGEBACK', { additionalData: { defensePeriodEndsAt: end } }))
      expect(fact, String(end).slice(0, 30)).not.toHaveProperty('evidenceBy')
    }
  })
})

describe('a notice', () => {
  const facts = { merchantAccount: 'ShoesCOM', mode: 'test', digest: 'd', receivedAt: 7 } as const

  it('is known by account, event, reference and success, and leads to its payment by our id and by Adyen’s references', () => {
    expect(noticeOf(item('CAPTURE', { merchantReference: capture }), facts)).toMatchObject({
      id: `ShoesCOM:CAPTURE:${own}:true`,
      type: 'CAPTURE',
      occurredAt: Date.UTC(2021, 0, 1),
      digest: 'd',
      mode: 'test',
      subject: { operationId: capture, references: [own, payment] },
    })
    expect(
      noticeOf(item('AUTHORISATION', { originalReference: '', merchantReference: 'order-42' }), facts).subject,
    ).toEqual({
      references: [own],
    })
    expect(noticeOf(item('REPORT_AVAILABLE', { pspReference: 'a.csv', merchantReference: '' }), facts).subject).toEqual(
      {
        references: [],
      },
    )
  })

  it('of another account of the company changes nothing of ours', () => {
    expect(noticeOf(item('CAPTURE', { merchantAccountCode: 'OtherCOM' }), facts)).toMatchObject({
      id: `OtherCOM:CAPTURE:${own}:true`,
      subject: { references: [] },
      fact: informative,
    })
  })

  it('that does not say when it happened happened when it came', () => {
    for (const eventDate of ['', 'yesterday', '2021-01-01', '2021-13-01T00:00:00Z']) {
      expect(noticeOf(item('CAPTURE', { eventDate }), facts).occurredAt, eventDate).toBe(7)
    }
  })

  it('holds nothing of what Adyen says about the card and the shopper', () => {
    const { standardWebhook } = JSON.parse(
      readFileSync(new URL('fixtures/webhook-signatures.json', import.meta.url), 'utf8'),
    ) as { standardWebhook: { item: unknown }[] }
    for (const { item: recorded } of standardWebhook) {
      const message = { live: 'false', notificationItems: [{ NotificationRequestItem: recorded }] }
      const read = readNotification(Buffer.from(JSON.stringify(message)))?.items[0]
      if (read === undefined) throw new Error('a recorded message is readable')
      expect(JSON.stringify(noticeOf(read, facts))).not.toMatch(/1111|03\/2030|authCode|shopper|hmac/i)
    }
  })
})

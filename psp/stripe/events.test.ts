import { describe, expect, it } from 'vitest'
import { operationIdOf } from '../../domain/ids.ts'
import type { NoticeFact } from '../../domain/inbox/notice.ts'
import type { PspCall } from '../../domain/payment/operations.ts'
import { authorizeCall, captureCall, refundCall, samplePayment, voidCall } from '../../test/support/psp-calls.ts'
import {
  charge,
  event,
  type EventOptions,
  ids,
  intent,
  type Json,
  ourMetadata,
  refund,
  reportRun,
} from '../../test/support/stripe-events.ts'
import { isFields } from '../answer-json.ts'
import { readEvent } from './events-objects.ts'
import { type Told, toldBy } from './events.ts'
import { outcomeOfSend } from './mapping.ts'

function told(type: string, object: Json, options: EventOptions = {}): Told {
  const fields = event(type, object, options)
  const read = isFields(fields) ? readEvent(fields) : undefined
  if (read === undefined) throw new Error('a readable envelope')
  return toldBy(read)
}

const unreadable: NoticeFact = { kind: 'none', reason: 'unreadable' }
const informative: NoticeFact = { kind: 'none', reason: 'informative' }

const automatic = { capture_method: 'automatic', amount_capturable: 0, amount_received: 1234, status: 'succeeded' }
const captured = {
  amount_capturable: 0,
  amount_received: 1234,
  status: 'succeeded',
  metadata: { ...ourMetadata, [ids.capture]: '1234' },
}
const canceled = { amount_capturable: 0, status: 'canceled', canceled_at: 1_800_000_000 }

describe('an event carries the same fact as the answer to the call that caused it', () => {
  it.each<[string, Json, PspCall, Json, string]>([
    ['payment_intent.succeeded', intent(automatic), authorizeCall(), intent(automatic), ids.authorize],
    ['payment_intent.succeeded', intent(captured), captureCall('pi_1'), intent(captured), ids.capture],
    ['payment_intent.canceled', intent(canceled), voidCall('pi_1'), intent(canceled), ids.void],
    ['refund.created', refund(), refundCall('pi_1'), refund(), ids.refund],
    ['refund.updated', refund(), refundCall('pi_1'), refund(), ids.refund],
    ['charge.refund.updated', refund(), refundCall('pi_1'), refund(), ids.refund],
    ['refund.created', refund({ status: 'pending' }), refundCall('pi_1'), refund({ status: 'pending' }), ids.refund],
    // The hold is told by its charge, which knows until when it can be captured.
    ['charge.succeeded', charge(), authorizeCall(), intent({ latest_charge: charge() }), ids.authorize],
  ])('%s', (type, object, call, answer, operationId) => {
    const outcome = outcomeOfSend(call, { status: 200, body: Buffer.from(JSON.stringify(answer)) })
    const { echoedOperationId, ...same } = { echoedOperationId: operationId, ...outcome }
    expect(echoedOperationId).toBe(operationId)
    expect(told(type, object, { key: operationId })).toMatchObject({
      subject: { operationId },
      fact: { kind: 'outcome', operation: call.kind, outcome: same },
    })
  })

  it('payment_intent.payment_failed: the decline, by the same table', () => {
    const error = { type: 'card_error', code: 'card_declined', decline_code: 'lost_card', message: 'call Jane Doe' }
    const declinedIntent = intent({
      status: 'requires_payment_method',
      amount_capturable: 0,
      last_payment_error: error,
    })
    const answer = { error: { ...error, payment_intent: declinedIntent } }
    const outcome = outcomeOfSend(authorizeCall(), { status: 402, body: Buffer.from(JSON.stringify(answer)) })
    expect(told('payment_intent.payment_failed', declinedIntent).fact).toEqual({
      kind: 'outcome',
      operation: 'authorize',
      outcome,
    })
  })

  it('payment_intent.requires_action: where the shopper has to go, or nothing where that cannot be shown', () => {
    const next = { type: 'redirect_to_url', redirect_to_url: { url: 'https://hooks.stripe.com/3ds', return_url: null } }
    expect(
      told('payment_intent.requires_action', intent({ status: 'requires_action', next_action: next })).fact,
    ).toEqual({
      kind: 'outcome',
      operation: 'authorize',
      outcome: {
        kind: 'requires_action',
        pspReference: 'pi_1',
        action: { type: 'redirect', url: 'https://hooks.stripe.com/3ds' },
      },
    })
    const sdk = { type: 'use_stripe_sdk' }
    expect(
      told('payment_intent.requires_action', intent({ status: 'requires_action', next_action: sdk })).fact,
    ).toEqual(unreadable)
  })

  it('payment_intent.processing: accepted, as the operation that caused it', () => {
    const processing = intent({ status: 'processing' })
    expect(told('payment_intent.processing', processing).fact).toMatchObject({
      operation: 'authorize',
      outcome: { kind: 'accepted', pspReference: 'pi_1' },
    })
    expect(told('payment_intent.processing', processing, { key: ids.capture })).toEqual({
      subject: { operationId: ids.capture, references: ['ch_1', 'pi_1'] },
      fact: { kind: 'outcome', operation: 'capture', outcome: { kind: 'accepted', pspReference: 'ch_1' } },
    })
  })
})

describe('an authorization', () => {
  it('is known by the id in its metadata, or by the key of the call, and by charge and intent', () => {
    expect(told('charge.succeeded', charge()).subject).toEqual({
      operationId: ids.authorize,
      references: ['ch_1', 'pi_1'],
    })
    const bare = charge({ metadata: {}, payment_intent: intent() })
    expect(told('charge.succeeded', bare, { key: ids.authorize }).subject).toEqual({
      operationId: ids.authorize,
      references: ['ch_1', 'pi_1'],
    })
    expect(told('charge.succeeded', bare, { key: ids.refund }).subject).toEqual({ references: ['ch_1', 'pi_1'] })
  })

  it('is known by the key of the call where somebody has written the id of another into its metadata', () => {
    const [attempt, refunding] = [operationIdOf('att', samplePayment, 2), operationIdOf('re', samplePayment, 2)]
    const edited = { ...ourMetadata, operation_id: attempt }
    expect(told('charge.succeeded', charge({ metadata: edited }), { key: ids.authorize }).subject.operationId).toBe(
      ids.authorize,
    )
    const refunded = refund({ metadata: { ...ourMetadata, operation_id: refunding } })
    expect(told('refund.created', refunded, { key: ids.refund }).subject.operationId).toBe(ids.refund)
    expect(told('refund.updated', refunded).subject.operationId).toBe(refunding)
    const foreign = charge({ metadata: { operation_id: 'order of jane@example.com' } })
    expect(told('charge.succeeded', foreign).subject).toEqual({ references: ['ch_1', 'pi_1'] })
  })

  it("that was captured at once is told by its intent, one without intent is nobody's here", () => {
    expect(told('charge.succeeded', charge({ captured: true })).fact).toEqual(informative)
    expect(told('charge.succeeded', charge({ payment_intent: null })).fact).toEqual(informative)
  })

  it('is told in our minor units', () => {
    const kronur = told('charge.succeeded', charge({ currency: 'isk', amount: 50_000 }))
    expect(kronur.fact).toMatchObject({ outcome: { amountMinor: 500, currency: 'ISK' } })
    expect(told('charge.succeeded', charge({ currency: 'xxx' })).fact).toEqual(unreadable)
  })
})

describe('a capture', () => {
  it('made in the pages of Stripe is of no operation of ours', () => {
    const object = intent({ ...captured, metadata: ourMetadata })
    expect(told('payment_intent.succeeded', object)).toEqual({
      subject: { references: ['ch_1', 'pi_1'] },
      fact: {
        kind: 'outcome',
        operation: 'capture',
        outcome: { kind: 'succeeded', pspReference: 'ch_1', amountMinor: 1234, currency: 'EUR' },
      },
    })
  })

  it('of ours that took all is known by the word it left, where the event names no call', () => {
    expect(told('payment_intent.succeeded', intent(captured)).subject.operationId).toBe(ids.capture)
  })

  it('that is one of several tells its own amount', () => {
    const second = ids.capture.replace(/1$/, '2')
    const metadata = { ...ourMetadata, [ids.capture]: '400', [second]: '500' }
    const partly = intent({ amount_capturable: 334, amount_received: 900, metadata })
    expect(told('payment_intent.amount_capturable_updated', partly, { key: second })).toMatchObject({
      subject: { operationId: second },
      fact: { operation: 'capture', outcome: { kind: 'succeeded', amountMinor: 500 } },
    })
    const rest = intent({ status: 'succeeded', amount_capturable: 0, amount_received: 1234, metadata })
    expect(told('payment_intent.succeeded', rest)).toMatchObject({
      subject: { references: ['ch_1', 'pi_1'] },
      fact: { operation: 'capture', outcome: { amountMinor: 334 } },
    })
    const explained = intent({ status: 'succeeded', amount_capturable: 0, amount_received: 900, metadata })
    expect(told('payment_intent.succeeded', explained).fact).toEqual(informative)
  })

  it('is not told by a change of the hold', () => {
    expect(told('payment_intent.amount_capturable_updated', intent(), { key: ids.authorize }).fact).toEqual(informative)
  })

  it('needs its charge, which is its reference: also where older versions keep it in a list', () => {
    expect(told('payment_intent.succeeded', intent({ ...captured, latest_charge: null })).fact).toEqual(unreadable)
    const { latest_charge: _, ...older } = intent({ ...captured, charges: { object: 'list', data: [charge()] } })
    expect(told('payment_intent.succeeded', older).fact).toMatchObject({ outcome: { pspReference: 'ch_1' } })
    const expanded = intent({ ...captured, latest_charge: charge() })
    expect(told('payment_intent.succeeded', expanded).fact).toMatchObject({ outcome: { pspReference: 'ch_1' } })
  })
})

describe('a canceled intent', () => {
  it('is the void whose call caused it, of a hold or of what waited for its shopper', () => {
    for (const object of [intent(canceled), intent({ ...canceled, latest_charge: null })]) {
      expect(told('payment_intent.canceled', object, { key: ids.void })).toMatchObject({
        subject: { operationId: ids.void },
        fact: {
          kind: 'outcome',
          operation: 'void',
          outcome: { kind: 'succeeded', pspReference: 'pi_1', amountMinor: 1234 },
        },
      })
    }
  })

  it('is an expiry where Stripe did it, and a void by others where people did', () => {
    expect(told('payment_intent.canceled', intent({ ...canceled, cancellation_reason: 'automatic' }))).toEqual({
      subject: { operationId: ids.authorize, references: ['ch_1', 'pi_1'] },
      fact: { kind: 'authorization_expired', pspReference: 'pi_1', amountMinor: 1234, currency: 'EUR' },
    })
    expect(told('payment_intent.canceled', intent({ ...canceled, cancellation_reason: 'abandoned' }))).toEqual({
      subject: { references: ['ch_1', 'pi_1'] },
      fact: {
        kind: 'outcome',
        operation: 'void',
        outcome: { kind: 'succeeded', pspReference: 'pi_1', amountMinor: 1234, currency: 'EUR' },
      },
    })
  })

  it('that was never authorized is the end of its authorization', () => {
    const error = { type: 'card_error', code: 'card_declined' }
    for (const fields of [{ latest_charge: null }, { last_payment_error: error }]) {
      expect(told('payment_intent.canceled', intent({ ...canceled, ...fields }))).toMatchObject({
        subject: { operationId: ids.authorize },
        fact: { operation: 'authorize', outcome: { kind: 'declined', decline: { code: 'authorization_canceled' } } },
      })
    }
  })

  it('that is not canceled says nothing', () => {
    expect(told('payment_intent.canceled', intent(), { key: ids.void }).fact).toEqual(unreadable)
  })
})

describe('a refund', () => {
  it('that failed is taken back, by every event that says so: its success may still be on its way', () => {
    const failed = refund({ status: 'failed', failure_reason: 'expired_or_canceled_card' })
    for (const type of ['refund.failed', 'refund.updated', 'charge.refund.updated']) {
      expect(told(type, failed), type).toEqual({
        subject: { operationId: ids.refund, references: ['re_1', 'ch_1', 'pi_1'] },
        fact: { kind: 'reversal', operation: 'refund', pspReference: 're_1', amountMinor: 1234, currency: 'EUR' },
      })
    }
  })

  it('that was canceled is declined', () => {
    expect(told('refund.updated', refund({ status: 'canceled' })).fact).toMatchObject({
      outcome: { kind: 'declined', decline: { code: 'refund_canceled' } },
    })
  })

  it('made in the pages of Stripe is of no operation of ours, and found by charge and intent', () => {
    expect(told('refund.created', refund({ metadata: {}, charge: charge(), payment_intent: null }))).toMatchObject({
      subject: { references: ['re_1', 'ch_1'] },
      fact: { operation: 'refund', outcome: { kind: 'succeeded', pspReference: 're_1', amountMinor: 1234 } },
    })
  })

  it('is none where a hold was let go: canceled by us, by people, or by time', () => {
    const release = refund({ metadata: {}, balance_transaction: null })
    expect(told('refund.created', release, { key: ids.void }).fact).toEqual(informative)
    expect(told('refund.created', release).fact).toEqual(informative)
    const expired = refund({ metadata: {}, reason: 'expired_uncaptured_charge' })
    expect(told('refund.created', expired).fact).toEqual(informative)
    expect(told('charge.refunded', charge({ refunded: true, amount_refunded: 1234 })).fact).toEqual(informative)
  })

  it('of ours is one, whatever its balance transaction', () => {
    expect(told('refund.created', refund({ balance_transaction: null })).fact).toMatchObject({ operation: 'refund' })
  })

  it('in a status nobody knows says nothing', () => {
    expect(told('refund.updated', refund({ status: 'lost' })).fact).toEqual(unreadable)
  })
})

describe('a report', () => {
  it('is told with its address, which must be one', () => {
    expect(told('reporting.report_run.succeeded', reportRun())).toEqual({
      subject: { references: ['frr_1'] },
      fact: { kind: 'report', name: 'balance.summary.1', url: 'https://files.stripe.com/v1/files/file_1/contents' },
    })
    for (const url of [null, 'javascript:alert(1)', 'file:///etc/passwd', 7]) {
      expect(told('reporting.report_run.succeeded', reportRun({ result: { url } })).fact).toEqual(unreadable)
    }
  })
})

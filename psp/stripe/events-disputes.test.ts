import { describe, expect, it } from 'vitest'
import type { NoticeFact } from '../../domain/inbox/notice.ts'
import { charge, dispute, event, intent, type Json, movement } from '../../test/support/stripe-events.ts'
import { readEvent } from './events-objects.ts'
import { type Told, toldBy } from './events.ts'

function told(object: Json, name = 'updated'): Told {
  const read = readEvent(event(`charge.dispute.${name}`, object))
  if (read === undefined) throw new Error('a readable envelope')
  return toldBy(read)
}

const unreadable: NoticeFact = { kind: 'none', reason: 'unreadable' }

describe('a dispute', () => {
  it.each([
    ['warning_needs_response', 'inquiry', 'inquiry'],
    ['warning_under_review', 'inquiry', 'inquiry'],
    ['warning_closed', 'inquiry', 'won'],
    ['prevented', 'inquiry', 'won'],
    ['needs_response', 'chargeback', 'open'],
    ['under_review', 'chargeback', 'open'],
    ['won', 'chargeback', 'won'],
    ['lost', 'chargeback', 'lost'],
    ['appeal_needs_response', 'appeal', 'open'],
    ['appeal_under_review', 'appeal', 'open'],
  ])('in status %s is in stage %s, %s', (status, stage, standing) => {
    expect(told(dispute({ status })).fact).toMatchObject({ kind: 'dispute', stage, status: standing })
  })

  it('is told with its deadline and known by itself, its charge and its intent', () => {
    expect(told(dispute(), 'created')).toEqual({
      subject: { references: ['du_1', 'ch_1', 'pi_1'] },
      fact: {
        kind: 'dispute',
        pspReference: 'du_1',
        stage: 'chargeback',
        status: 'open',
        amountMinor: 1234,
        currency: 'EUR',
        feeMinor: 0,
        fundsWithdrawn: false,
        evidenceBy: 1_723_679_999_000,
      },
    })
    const expanded = dispute({
      id: 'dp_1',
      charge: charge(),
      payment_intent: intent(),
      evidence_details: { due_by: null },
    })
    expect(told(expanded).subject.references).toEqual(['dp_1', 'ch_1', 'pi_1'])
    expect(told(expanded).fact).not.toHaveProperty('evidenceBy')
    expect(told(dispute({ payment_intent: null })).subject.references).toEqual(['du_1', 'ch_1'])
  })

  it('has taken the money where its event says so, or where its movements do', () => {
    const withdrawn = (object: Json, name?: string): unknown => told(object, name).fact
    const taken = [movement()]
    const givenBack = [movement(), movement({ amount: 1234, fee: 0 })]
    expect(withdrawn(dispute(), 'funds_withdrawn')).toMatchObject({ fundsWithdrawn: true })
    expect(withdrawn(dispute({ balance_transactions: taken }), 'funds_reinstated')).toMatchObject({
      fundsWithdrawn: false,
    })
    expect(withdrawn(dispute({ balance_transactions: taken }), 'created')).toMatchObject({ fundsWithdrawn: true })
    expect(withdrawn(dispute({ status: 'lost', balance_transactions: taken }), 'closed')).toMatchObject({
      fundsWithdrawn: true,
    })
    expect(withdrawn(dispute({ status: 'won', balance_transactions: givenBack }), 'closed')).toMatchObject({
      fundsWithdrawn: false,
    })
  })

  it("tells its fee in its own currency, and leaves one in the account's to the report", () => {
    const fee = (...movements: Json[]): unknown => told(dispute({ balance_transactions: movements })).fact
    expect(fee(movement())).toMatchObject({ feeMinor: 1500 })
    expect(fee(movement(), movement({ amount: 1234, fee: -1500 }))).toMatchObject({ feeMinor: 0 })
    expect(fee(movement({ currency: 'usd' }))).toMatchObject({ feeMinor: 0, fundsWithdrawn: true })
  })

  it.each<[string, Json]>([
    ['a status nobody knows', { status: 'charge_lost_somewhere' }],
    ['a currency nobody knows', { currency: 'xxx' }],
    ['an amount that is a text', { amount: '1234' }],
    ['movements that are none', { balance_transactions: [movement({ amount: 1.5 })] }],
    ['movements that are no list', { balance_transactions: {} }],
    ['another kind of object', { object: 'charge' }],
    ['an id that is none', { id: 'evil.example' }],
  ])('with %s says nothing', (_, fields) => {
    expect(told(dispute(fields)).fact).toEqual(unreadable)
  })
})

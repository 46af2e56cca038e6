import { describe, expect, test } from 'vitest'
import {
  absent,
  cancel,
  capture,
  create,
  day,
  declined,
  dispute,
  external,
  multicaptureMerchant,
  notSent,
  refund,
  reversal,
  says,
  settlementLine,
  succeeded,
  timedOut,
} from '../payment/testing/fixtures.ts'
import { balancesOf, checkBooks } from '../payment/testing/invariants.ts'
import {
  allTransfers,
  fire,
  given,
  idOf,
  later,
  nothing,
  payment,
  type Scenario,
  transfers,
} from '../payment/testing/scenario.ts'

/** `debit → credit amount`, as a bookkeeper reads it, with the phase where it is not posted. */
function booked(scenario: Scenario): string[] {
  return transfers(scenario).map(
    ({ debit, credit, amountMinor, phase }) =>
      `${debit} → ${credit} ${amountMinor}${phase === 'posted' ? '' : ` ${phase}`}`,
  )
}

const pending = given(nothing(), create())
const attempt = idOf(pending, 'att')
const authorized = given(pending, says(attempt, succeeded()))
const capturing = given(authorized, capture())
const first = idOf(capturing, 'cap')
const captured = given(capturing, says(first, succeeded()))
const refunding = given(captured, refund(60))
const several = given(nothing({ merchant: multicaptureMerchant }), create(), says(attempt, succeeded()))

describe('authorizations are memo: no money yet', () => {
  test('a hold is noted, and names its attempt and connection', () => {
    expect(transfers(pending)).toEqual([])
    expect(transfers(authorized)).toEqual([
      {
        debit: 'auth_hold',
        credit: 'auth_hold_contra',
        amountMinor: 100,
        phase: 'posted',
        connection: 'first',
        operationId: attempt,
      },
    ])
  })

  test('voided or expired, exactly what is still open is given back', () => {
    const voiding = given(authorized, cancel())
    expect(booked(voiding)).toEqual([])
    expect(booked(given(voiding, says(idOf(voiding, 'void'), succeeded())))).toEqual([
      'auth_hold_contra → auth_hold 100',
    ])
    expect(booked(given(authorized, external('authorization_expired', 100)))).toEqual([
      'auth_hold_contra → auth_hold 100',
    ])
    const part = given(several, capture(40, { final: false }), says(first, succeeded(40)))
    const canceling = given(part, cancel())
    expect(booked(canceling)).toEqual(['auth_hold_contra → auth_hold 60'])
    expect(booked(given(canceling, says(idOf(canceling, 'void'), succeeded(60))))).toEqual([])
  })

  test('a smaller authorization that is voided was held meanwhile', () => {
    const partial = given(pending, says(attempt, succeeded(60)))
    expect(booked(partial)).toEqual(['auth_hold → auth_hold_contra 60'])
    expect(booked(given(partial, says(idOf(partial, 'void'), succeeded(60))))).toEqual([
      'auth_hold_contra → auth_hold 60',
    ])
  })
})

describe('captures', () => {
  test('planned they reserve; succeeded they are posted, the reserve and the hold released', () => {
    expect(booked(capturing)).toEqual(['psp_receivable → merchant_payable 100 pending'])
    expect(booked(captured)).toEqual([
      'auth_hold_contra → auth_hold 100',
      'psp_receivable → merchant_payable 100 released',
      'psp_receivable → merchant_payable 100',
    ])
  })

  test('final and smaller, the rest of the hold goes too', () => {
    const less = given(authorized, capture(70), says(first, succeeded(70)))
    expect(booked(less)).toContain('auth_hold_contra → auth_hold 100')
    expect(balancesOf(allTransfers(less)).posted).toMatchObject({ auth_hold: 0, psp_receivable: 70 })
  })

  test('several captures release the hold one by one', () => {
    const part = given(several, capture(40, { final: false }), says(first, succeeded(40)))
    expect(booked(part)[0]).toBe('auth_hold_contra → auth_hold 40')
    expect(balancesOf(allTransfers(part)).posted['auth_hold']).toBe(60)
  })

  test.each([
    ['declined', declined()],
    ['not sent', notSent],
  ])('%s, only the reserve is released', (_how, outcome) => {
    expect(booked(given(capturing, says(first, outcome)))).toEqual(['psp_receivable → merchant_payable 100 released'])
  })

  test('unknown, nothing moves until it is known, as absent too', () => {
    const asked = fire(given(capturing, says(first, timedOut)), 'inquiry', first)
    expect(booked(asked)).toEqual([])
    expect(booked(given(later(asked, day), says(first, absent, { source: 'inquiry' })))).toEqual([
      'psp_receivable → merchant_payable 100 released',
    ])
  })

  test('taken back by the PSP, exactly that is reversed, and no hold comes back', () => {
    expect(booked(given(captured, reversal(first, 30)))).toEqual(['merchant_payable → psp_receivable 30'])
  })

  test('with the authorization in one step, one transfer says it all', () => {
    const sale = given(
      nothing(),
      create({ captureMethod: 'automatic' }),
      says(attempt, succeeded(100, { captured: true })),
    )
    expect(booked(sale)).toEqual(['psp_receivable → merchant_payable 100'])
  })

  test('late, they are posted like any other: the first posting is never skipped', () => {
    const failed = given(pending, says(attempt, declined()))
    const late = given(failed, says(attempt, succeeded(100, { captured: true }), { source: 'webhook', factId: 'w' }))
    expect(booked(late)).toEqual(['psp_receivable → merchant_payable 100'])
    const voided = given(failed, says(attempt, succeeded(), { source: 'webhook', factId: 'w' }))
    expect(booked(voided)).toEqual(['auth_hold → auth_hold_contra 100'])
    expect(booked(given(voided, says(idOf(voided, 'void'), succeeded())))).toEqual(['auth_hold_contra → auth_hold 100'])
  })
})

describe('refunds', () => {
  const id = idOf(refunding, 're')

  test('planned they reserve, succeeded they are posted, ended otherwise the reserve is released', () => {
    expect(booked(refunding)).toEqual(['merchant_payable → psp_receivable 60 pending'])
    expect(booked(given(refunding, says(id, succeeded(60))))).toEqual([
      'merchant_payable → psp_receivable 60 released',
      'merchant_payable → psp_receivable 60',
    ])
    expect(booked(given(refunding, says(id, declined())))).toEqual(['merchant_payable → psp_receivable 60 released'])
  })

  test('reversed after success, the money is receivable again', () => {
    const reversed = given(refunding, says(id, succeeded(60)), reversal(id, 60))
    expect(booked(reversed)).toEqual(['psp_receivable → merchant_payable 60'])
  })

  test('made in the PSP’s pages, they are posted without a reserve', () => {
    expect(booked(given(captured, external('refund', 30)))).toEqual(['merchant_payable → psp_receivable 30'])
  })
})

describe('disputes', () => {
  const opened = given(captured, dispute('open'))

  test('are posted when the PSP withdraws the money, with its fee, and not at inquiry stages', () => {
    expect(booked(given(captured, dispute('inquiry')))).toEqual([])
    expect(booked(given(captured, dispute('open', { fundsWithdrawn: false })))).toEqual([])
    expect(booked(opened)).toEqual(['dispute_receivable → psp_receivable 40', 'dispute_fees → psp_receivable 15'])
  })

  test('won, the money comes back and the fee does not', () => {
    for (const more of [{}, { fundsWithdrawn: false }, { feeMinor: 0 }]) {
      expect(booked(given(opened, dispute('won', more)))).toEqual(['psp_receivable → dispute_receivable 40'])
    }
  })

  test('lost, it is the merchant’s loss; heard of only then, all of it is posted', () => {
    expect(booked(given(opened, dispute('lost')))).toEqual(['merchant_payable → dispute_receivable 40'])
    expect(booked(given(captured, dispute('lost')))).toEqual([
      'dispute_receivable → psp_receivable 40',
      'merchant_payable → dispute_receivable 40',
      'dispute_fees → psp_receivable 15',
    ])
  })

  test('a second chargeback withdraws again', () => {
    const won = given(opened, dispute('won', { fundsWithdrawn: false }))
    const again = given(won, dispute('open', { factId: 'second', stage: 'second_chargeback' }))
    expect(booked(again)).toEqual(['dispute_receivable → psp_receivable 40', 'dispute_fees → psp_receivable 15'])
  })
})

describe('settlement lines', () => {
  test('what the PSP kept is fees, what it pays is on its way: nothing is receivable any more', () => {
    const settled = given(captured, settlementLine())
    expect(transfers(settled)).toMatchObject([
      { debit: 'psp_fees', credit: 'psp_receivable', amountMinor: 3, operationId: 'line 1', connection: 'first' },
      { debit: 'settlement_in_transit', credit: 'psp_receivable', amountMinor: 97, operationId: 'line 1' },
    ])
    expect(balancesOf(allTransfers(settled)).posted['psp_receivable']).toBe(0)
  })

  test('negative ones go the other way, and a fee alone is taken from the next payout', () => {
    const line = { lineType: 'refunded', grossMinor: -60, feeMinor: -1, netMinor: -59 } as const
    expect(booked(given(captured, settlementLine(line)))).toEqual([
      'psp_receivable → psp_fees 1',
      'psp_receivable → settlement_in_transit 59',
    ])
    const fee = { lineType: 'fee', grossMinor: 0, feeMinor: 3, netMinor: -3 } as const
    expect(booked(given(captured, settlementLine(fee)))).toEqual([
      'psp_fees → psp_receivable 3',
      'psp_receivable → settlement_in_transit 3',
    ])
  })
})

test('a payment’s whole life adds up', () => {
  const refunded = given(refunding, says(idOf(refunding, 're'), succeeded(60)))
  const all = given(
    refunded,
    dispute('open'),
    dispute('lost'),
    settlementLine({ grossMinor: 0, feeMinor: 3, netMinor: -18 }),
  )
  checkBooks(payment(all), allTransfers(all))
  expect(balancesOf(allTransfers(all))).toEqual({
    reserved: 0,
    posted: {
      auth_hold: 0,
      auth_hold_contra: 0,
      psp_receivable: 0,
      merchant_payable: 0,
      dispute_receivable: 0,
      dispute_fees: 15,
      psp_fees: 3,
      settlement_in_transit: -18,
    },
  })
})

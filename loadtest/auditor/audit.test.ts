/** The auditor seen red: for every check a world in which that check fails and no other. */
import { createSecretKey } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type CheckCode, checks } from './findings.ts'
import { derivedId, entityOfId, shardOfEntity } from './ids.ts'
import {
  auditOf,
  capturing,
  effect,
  epochRecord,
  type ForgedRow,
  holding,
  merchant,
  refunding,
  terms,
  told,
  type World,
  world,
} from './testing.ts'

const op = (kind: string, { payment }: World, n = 1): string => `${kind}_${payment.slice(4)}_${n}`
const at = <T>(list: readonly T[], index: number): T => {
  const found = list.at(index)
  if (found === undefined) throw new Error(`nothing at ${index}`)
  return found
}
/** Drops decisions from a sequence on, with what was told and done of them. */
function until(forged: World, seq: number, answers: number, effects: number): void {
  forged.rows = forged.rows.slice(0, seq + 1)
  forged.history = [...forged.history.slice(0, answers * 2)]
  forged.book = forged.book.slice(0, effects)
  forged.options = { ...forged.options, finalReads: false }
}
function decided(forged: World, events: ForgedRow['events'], transfers: ForgedRow['transfers'] = []): void {
  const last = at(forged.rows, -1)
  const { position, seq, at: before } = last
  forged.rows.push({
    ...last,
    position: position + 1,
    seq: seq + 1,
    at: before + 1000,
    command: String(position).padStart(32, 'f'),
    events,
    transfers,
  })
}
/** What is open has a timer. */
function awaited(forged: World): void {
  forged.due.set(forged.entity, 1)
  forged.cursors.set(forged.shard, 99)
}
/** Another row of the payment in the place of one of its own: same sequence, another content. */
function replaced(forged: World, seq: number, change: Partial<ForgedRow>): void {
  const index = forged.rows.findIndex((row) => row.seq === seq && row.type !== 'epoch')
  forged.rows[index] = { ...at(forged.rows, index), ...change }
}

const red: Readonly<Record<CheckCode, (forged: World) => void>> = {
  lost_payment(forged) {
    forged.rows = forged.rows.slice(0, 1)
    forged.book = []
  },
  lost_operation(forged) {
    until(forged, 4, 3, 2)
    Object.assign(at(forged.history, -1), { version: 4, value: undefined })
  },
  told_state_unreachable(forged) {
    Object.assign(at(forged.history, 3), {
      value: { object: 'payment', status: 'captured', authorized: 1000, captured: 999, refunded: 0 },
    })
  },
  replay_differs(forged) {
    const [begin, end] = forged.history.slice(0, 2)
    forged.history.push(
      { ...begin, i: 9, t_mono_ns: 20e9 } as never,
      { ...end, i: 9, t_mono_ns: 21e9, resp_hash: 'other', replayed: true } as never,
    )
  },
  reused_key_accepted(forged) {
    const [begin, end] = forged.history.slice(0, 2)
    forged.history.push(
      { ...begin, i: 9, t_mono_ns: 20e9, body_hash: 'b-other' } as never,
      { ...end, i: 9, t_mono_ns: 21e9, replayed: true } as never,
    )
  },
  key_of_two_payments(forged) {
    // without the id key nobody can say which of the two is wrong
    forged.options = { ...forged.options, withoutIdKey: true }
    const other = derivedId(createSecretKey(Buffer.alloc(32, 1)), merchant, 'test', 'k-create')
    const [, create] = forged.rows
    if (create === undefined) throw new Error('no creation')
    const entity = entityOfId(other) ?? ''
    const shard = shardOfEntity(entity)
    const [event] = create.events
    forged.rows.push(epochRecord(shard, 1, 1), {
      ...create,
      entity,
      shard,
      position: 2,
      events: [{ ...event, payment: other }],
    })
    forged.rows.sort((a, b) => a.shard - b.shard || a.position - b.position)
    forged.options = { ...forged.options, finalReads: false }
    const begin = at(forged.history, 0)
    forged.history.push({ ...begin, i: 9, t_mono_ns: 20e9 }, {
      i: 9,
      t_mono_ns: 21e9,
      type: 'ok',
      status: 202,
      payment_id: other,
      version: 1,
    } as never)
  },
  id_not_derived(forged) {
    forged.options = { idKey: Buffer.alloc(32, 9) }
  },
  read_went_back(forged) {
    const read = {
      version: 4,
      value: { object: 'payment', status: 'captured', authorized: 1000, captured: 1000, refunded: 0 },
    }
    forged.history.push(...told(9, 20, { payment_id: forged.payment, gateway: 'g2' }, read))
  },
  answer_went_back(forged) {
    const read = {
      version: 4,
      value: { object: 'payment', status: 'captured', authorized: 1000, captured: 1000, refunded: 0 },
    }
    forged.history.push(...told(9, 20, { payment_id: forged.payment, gateway: 'g2', proc: 'c2' }, read))
  },
  double_charge(forged) {
    until(forged, 2, 1, 1)
    replaced(forged, 2, {
      events: [
        { type: 'OperationDeclined', operationId: op('att', forged), decline: { class: 'retry_elsewhere', code: 'x' } },
        { type: 'AttemptPlanned', operationId: op('att', forged, 2), nonce: '00', terms },
      ],
      transfers: [],
    })
    decided(
      forged,
      [
        {
          type: 'Authorized',
          operationId: op('att', forged, 2),
          pspReference: 'pi_2',
          amountMinor: 1000,
          captureBefore: 1,
        },
      ],
      [holding(op('att', forged, 2), 1000)],
    )
    forged.book.push({ ...effect('authorize', op('att', forged, 2), forged.payment, 1000, 3), psp_reference: 'pi_2' })
    Object.assign(at(forged.history, -1), { version: 3 })
  },
  repeated_effect(forged) {
    forged.book.push(effect('capture', op('cap', forged), forged.payment, 1000, 4))
  },
  phantom_effect(forged) {
    forged.book.push({ ...effect('refund', op('re', forged, 2), forged.payment, 100, 7), psp_reference: 're_2' })
  },
  effect_before_intent(forged) {
    at(forged.book, 1).at -= 3_600_000
  },
  effect_denied(forged) {
    replaced(forged, 6, {
      events: [{ type: 'OperationDeclined', operationId: op('re', forged), decline: { class: 'hard', code: 'x' } }],
      transfers: [refunding(op('re', forged), 400, 'released')],
    })
    forged.history = forged.history.slice(0, 4)
    forged.options = { finalReads: false }
  },
  success_without_effect(forged) {
    forged.book.splice(1, 1)
  },
  amount_differs(forged) {
    at(forged.book, 2).amount = 40
  },
  malformed_row(forged) {
    until(forged, 6, 3, 3)
    replaced(forged, 6, { data: Buffer.from([0xc1]) })
    forged.history = forged.history.slice(0, 4)
    // what is in the row is lost: the refund stays open
    awaited(forged)
  },
  shard_in_two_journals(forged) {
    forged.otherRows = [epochRecord(forged.shard, 1, 1)]
  },
  position_gap(forged) {
    at(forged.rows, -1).position += 1
  },
  epoch_went_back(forged) {
    forged.rows.push(epochRecord(forged.shard, 8, 3), epochRecord(forged.shard, 9, 2))
  },
  epoch_without_record(forged) {
    at(forged.rows, -1).epoch = 2
  },
  two_owners_of_epoch(forged) {
    forged.rows.push(epochRecord(forged.shard, 8, 1, 'node-2'))
  },
  wrong_shard(forged) {
    const wrong = (forged.shard + 1) % 1024
    forged.rows.push(epochRecord(wrong, 1, 1), {
      ...at(forged.rows, 1),
      shard: wrong,
      position: 2,
      type: 'merchant.create_merchant',
      events: [{ type: 'MerchantCreated' }],
    })
    forged.rows.sort((a, b) => a.shard - b.shard || a.position - b.position)
  },
  sequence_gap(forged) {
    for (const row of forged.rows.slice(-1)) row.seq += 1
    for (const line of forged.history) if (line['version'] === 6) line['version'] = 7
  },
  entity_time_went_back(forged) {
    at(forged.rows, -1).at -= 3_600_000
  },
  command_twice(forged) {
    at(forged.rows, -1).command = at(forged.rows, -2).command
  },
  illegal_transition(forged) {
    decided(forged, [{ type: 'PaymentCanceled' }])
  },
  illegal_step(forged) {
    const declined = { type: 'OperationDeclined', operationId: op('re', forged), decline: { class: 'hard', code: 'x' } }
    // what it was worth goes out of the books with it, and stays at the PSP: only the step is wrong
    decided(forged, [declined, { type: 'RefundSucceeded', operationId: op('re', forged), pspReference: 're_1' }])
  },
  captured_beyond_authorized(forged) {
    const cap = op('cap', forged, 2)
    const plan = { attemptId: op('att', forged), amountMinor: 1, final: false, cause: 'merchant', terms }
    decided(forged, [{ type: 'CapturePlanned', operationId: cap, ...plan }], [capturing(cap, 1, 'pending')])
    awaited(forged)
  },
  refunded_beyond_captured(forged) {
    decided(
      forged,
      [
        {
          type: 'RefundPlanned',
          operationId: op('re', forged, 2),
          attemptId: op('att', forged),
          amountMinor: 601,
          cause: 'merchant',
          terms,
        },
      ],
      [refunding(op('re', forged, 2), 601, 'pending')],
    )
    awaited(forged)
  },
  invalid_transfer(forged) {
    at(forged.rows, -1).transfers.push({ ...refunding(op('re', forged), 0), amountMinor: 0 })
  },
  books_differ(forged) {
    at(forged.rows, -1).transfers.pop()
  },
  stuck_payment(forged) {
    until(forged, 5, 2, 2)
    forged.cursors.set(forged.shard, 99)
  },
}

test('finds nothing in three books that agree', async () => {
  const report = await auditOf(world())
  expect(report.findings).toEqual([])
  expect(report.result).toBe('pass')
  expect(report.seen).toEqual({ operations: 4, acknowledged: 4, payments: 1, rows: 7, shards: 1, effects: 3 })
  expect(report.money).toEqual({ EUR: { captured: 1000, refunded: 400, pspCaptured: 1000, pspRefunded: 400 } })
})

describe('is seen red', () => {
  test.each(Object.keys(checks) as CheckCode[])('%s', async (code) => {
    const forged = world()
    red[code](forged)
    const report = await auditOf(forged)
    expect(Object.keys(report.counts), JSON.stringify(report.findings, null, 1)).toEqual([code])
    const [finding] = report.findings
    if (finding?.payment === forged.payment) expect(finding.story?.length).toBeGreaterThan(0)
    expect(report.result).toBe('fail')
  })
})

describe('does not call a pass', () => {
  test('a payment that nobody read after the load', async () => {
    const forged = world()
    forged.history = forged.history.slice(0, -2)
    const report = await auditOf(forged)
    expect([report.result, report.unknowns]).toEqual([
      'unknown',
      ['1 acknowledged payments were not read after the load'],
    ])
  })

  test('an unknown outcome that was never repeated to an answer; one that was says whether it was applied', async () => {
    const forged = world()
    const lost = { f: 'refund', key: 'k-lost', body_hash: 'b-lost', payment_id: forged.payment } as const
    forged.history.push(...told(9, 20, lost, { type: 'info', status: undefined, code: 'ECONNRESET' }))
    const open = await auditOf(forged)
    expect([open.result, open.unknowns]).toEqual([
      'unknown',
      ['1 operations of unknown outcome were never repeated to an answer'],
    ])
    forged.history.push(...told(10, 22, lost, { type: 'fail', status: 409, code: 'refund_exceeds_capture' }))
    const resolved = await auditOf(forged)
    expect([resolved.result, resolved.honesty]).toEqual(['pass', { refund: { applied: 0, notApplied: 1 } }])
  })

  test('an operation that never ended, and one that was applied though its client never heard of it', async () => {
    const forged = world()
    const [begin] = forged.history
    forged.history.push({ ...begin, i: 9 } as never)
    expect((await auditOf(forged)).honesty).toEqual({ create: { applied: 0, notApplied: 1 } })
    Object.assign(at(forged.history, 1), { replayed: true })
    const report = await auditOf(forged)
    expect([report.result, report.honesty]).toEqual(['pass', { create: { applied: 1, notApplied: 0 } }])
  })

  test('a fault that met nothing', async () => {
    const forged = world()
    forged.options = { windows: [{ name: 'kill -9', fromNs: 3.5e9, toNs: 3.6e9, atLeast: 2 }] }
    const report = await auditOf(forged)
    expect(report.coverage).toEqual([{ name: 'kill -9', atLeast: 2, inFlight: 1 }])
    expect([report.result, report.unknowns]).toEqual(['unknown', ['kill -9 met 1 operations in flight, not 2']])
  })
})

describe('is no judge of', () => {
  test('a history that is none', async () => {
    const forged = world()
    forged.history.splice(0, 1)
    await expect(auditOf(forged)).rejects.toThrow('operation 1 ends without having begun')
  })
})

test('a timer that was due and never served is a stuck payment, one that waits for a person or for the cursor is not', async () => {
  const forged = world()
  until(forged, 5, 2, 2)
  awaited(forged)
  forged.options = { finalReads: false, overdueBefore: 2 }
  expect(Object.keys((await auditOf(forged)).counts)).toEqual(['stuck_payment'])
  forged.options = { finalReads: false, overdueBefore: 1 }
  expect((await auditOf(forged)).open).toEqual({ timer: 1, person: 0, tail: 0 })
  forged.cursors.set(forged.shard, 1)
  expect((await auditOf(forged)).open).toEqual({ timer: 0, person: 0, tail: 1 })
  const asked = ['OutcomeUnknown', 'ManualNeeded'].map((type) => ({ type, operationId: op('re', forged) }))
  decided(forged, asked)
  expect((await auditOf(forged)).open).toEqual({ timer: 0, person: 1, tail: 0 })
})

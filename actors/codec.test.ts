import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Transfer } from '../domain/ledger/transfer.ts'
import { AssertionFailure } from '../runtime/assert.ts'
import { decodeDecision, decodeState, encodeDecision, encodeState } from './codec.ts'
import { words } from './journal-words.ts'

const created = {
  type: 'PaymentCreated',
  request: { key: 'order-1', fingerprint: '0aff'.repeat(16) },
  captureMethod: 'automatic',
  amountMinor: 4999,
  metadata: { type: 'gift', cart: '7', live: 'yes', nonce: 'not hexadecimal', fingerprint: 'ABCD' },
  private: { paymentMethod: { type: 'card', token: 'pm_card_visa' } },
}
const transfer: Transfer = {
  debit: 'auth_hold',
  credit: 'auth_hold_contra',
  amountMinor: 4999,
  phase: 'posted',
  connection: 'stripe-test',
  operationId: 'att_1',
}

describe('a decision as bytes', () => {
  it('is read back as it was, private data in its place', () => {
    const plain = { type: 'RouteChosen', connection: 'stripe-test', rule: 0 }
    const { data, private: hidden } = encodeDecision([plain, created], [transfer])
    expect(decodeDecision(data, hidden)).toEqual({ events: [plain, created], transfers: [transfer] })
    expect(data.includes('pm_card_visa')).toBe(false)
    expect(hidden?.includes('pm_card_visa')).toBe(true)
  })

  it('has no private column where nothing is private, and no transfers where there are none', () => {
    const encoded = encodeDecision([{ type: 'PaymentExpired' }], [])
    expect(encoded.private).toBeNull()
    expect(decodeDecision(encoded.data, null)).toEqual({ events: [{ type: 'PaymentExpired' }], transfers: [] })
  })

  it('is the bytes that it always was', () => {
    const { data, private: hidden } = encodeDecision([created], [transfer])
    expect(data.toString('hex')).toBe(
      '83a17601a1659185004e0c8211a76f726465722d3112c4200aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff0aff18cc8b03cd13871b8500a467696674a463617274a137cc89a37965731daf6e6f742068657861646563696d616c12a441424344a1749186097c0a7d03cd13870bcc8605ab7374726970652d7465737401a56174745f31',
    )
    expect(hidden?.toString('hex')).toBe('82a17601a170810081418200cc9842ac706d5f636172645f76697361')
  })

  it('has frequent names as numbers: a created payment with its transfer takes half of what plain msgpack takes', () => {
    const plain = new Packr({ useRecords: false, variableMapSize: true })
    const { private: _left, ...open } = created
    const { data } = encodeDecision([created], [transfer])
    expect(data.length).toBeLessThan(plain.pack({ v: 1, e: [open], t: [transfer] }).length * 0.62)
  })

  it('of any plain events is read back as it was, whatever their members are called', () => {
    const name = fc.oneof(fc.constantFrom(...words), fc.string(), fc.constantFrom('__proto__', '0', 'constructor'))
    const text = fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'grapheme' }), fc.constant('00ff'))
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, text, fc.boolean(), fc.constant(null), tie('list'), tie('map')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      map: fc.dictionary(name, tie('value'), { maxKeys: 5 }),
    }))
    const event = fc.dictionary(name, value, { maxKeys: 8 }).filter((members) => !Object.hasOwn(members, 'private'))
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 3 }), (events) => {
        const { data } = encodeDecision(events, [])
        const decoded = decodeDecision<Record<string, unknown>>(data, null).events
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(events))
      }),
      { numRuns: 500 },
    )
  })

  it('keeps whole numbers exact, and refuses one where a word belongs', () => {
    const event = { type: 'X', amountMinor: Number.MAX_SAFE_INTEGER, feeMinor: -1, captureBefore: 1_795_737_600_001 }
    expect(decodeDecision(encodeDecision([event], []).data, null).events).toEqual([event])
    expect(() => encodeDecision([{ type: 5 }], [])).toThrow(AssertionFailure)
  })

  it('leaves out members that are undefined', () => {
    const { data } = encodeDecision([{ type: 'X', reason: undefined }], [])
    expect(Object.keys(decodeDecision<object>(data, null).events[0] ?? {})).toEqual(['type'])
  })

  it('that no build wrote is not read: other versions, no map, no events, unknown words', () => {
    const pack = (value: unknown): Buffer => new Packr({ useRecords: false, variableMapSize: true }).pack(value)
    for (const value of [{ v: 2, e: [{}] }, { v: 1 }, { v: 1, e: [] }, [], 7, null]) {
      expect(() => decodeDecision(pack(value), null), JSON.stringify(value)).toThrow(AssertionFailure)
    }
    const unknownWord = new Map<string, unknown>([
      ['v', 1],
      ['e', [new Map([[words.length, 1]])]],
    ])
    expect(() => decodeDecision(pack(unknownWord), null)).toThrow(AssertionFailure)
  })
})

describe('a state as bytes', () => {
  it('is read back as it was', () => {
    const state = { id: 'pay_1', requests: { 'order-1': { operation: 'create' } }, lines: [], review: false, seq: 3 }
    expect(decodeState(encodeState(state))).toEqual(state)
  })
})

describe('words', () => {
  it('are each listed once, and the first stay where they are', () => {
    expect(new Set(words).size).toBe(words.length)
    expect(words.slice(0, 16).join(' ')).toBe(
      'type operationId attemptId amountMinor pspReference connection cause terms final debit credit phase request reason ' +
        'currency operation',
    )
    expect(words.indexOf('stripe')).toBe(154)
  })

  it('stand in docs/journal-format.md as they are here', () => {
    const page = readFileSync(new URL('../docs/journal-format.md', import.meta.url), 'utf8')
    const lines = [...page.matchAll(/^ *(\d+) {2}(\w[\w ]*)$/gm)]
    for (const [, first, line] of lines) expect(words.indexOf(String(line?.split(' ')[0]))).toBe(Number(first))
    expect(lines.flatMap(([, , line]) => line?.split(' '))).toEqual(words)
  })
})

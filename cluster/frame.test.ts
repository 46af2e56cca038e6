import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { beforeEach, describe, expect, test } from 'vitest'
import { scaled } from '../test/support/scale.ts'
import { decodeFrame, encodeFrames, type Message, messageTypes } from './frame.ts'
import { readHello } from './frame-hello.ts'
import { scanFrame } from './frame-scan.ts'
import { defaultLinkLimits as limits } from './links-limits.ts'

const packr = new Packr({ useRecords: true, encodeUndefinedAsNil: false })
const tell = (body: unknown): Message => [messageTypes.tell, 'topic', body]

function roundTrip(messages: readonly Message[]): readonly Message[] {
  const { frames, refused } = encodeFrames(messages, limits)
  expect(refused).toEqual([])
  return frames.flatMap(({ bytes }) => {
    const frame = decodeFrame(bytes, limits)
    if (frame.kind === 'refused') throw new Error(frame.problem)
    return frame.messages
  })
}

/** What bodies may hold. */
const body = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, undefined, true, false),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value')),
    fc.dictionary(
      fc.string({ maxLength: 20 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value

describe('a frame', () => {
  test('brings bodies back as they were sent, many in one', () => {
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 5 }), (bodies) => {
        expect(roundTrip(bodies.map(tell))).toEqual(bodies.map(tell))
      }),
      { numRuns: Math.min(scaled('fuzzCases'), 20_000) },
    )
  })

  test('is read without any frame that came before it', () => {
    const shapes = Array.from({ length: 200 }, (_, index) => ({
      [`key${index}`]: { nested: index, [`other${index}`]: 1 },
    }))
    for (let round = 0; round < 3; round += 1) {
      const { frames } = encodeFrames(shapes.map(tell), limits)
      const [first] = frames
      const fresh = new Packr({ useRecords: true })
      expect(fresh.unpack(first?.bytes as Buffer)).toEqual(shapes.map(tell))
    }
  })

  test('keeps bytes as bytes and maps as maps', () => {
    const sent = tell([Buffer.from('abc'), new Map<unknown, unknown>([[1, { a: 1 }]])])
    expect(roundTrip([sent])).toEqual([sent])
  })

  test('cannot change the prototype of what it decodes to', () => {
    const bytes = packr.pack([[messageTypes.tell, 'topic', JSON.parse('{"__proto__":{"admin":true}}')]])
    const frame = decodeFrame(bytes, limits)
    const [message] = frame.kind === 'frame' ? frame.messages : []
    expect(message?.[2]).toBeTypeOf('object')
    expect(Reflect.get(message?.[2] as object, 'admin')).toBeUndefined()
    expect(Reflect.get({}, 'admin')).toBeUndefined()
  })

  test.each<[string, Uint8Array, string]>([
    ['nested a hundred thousand deep', Buffer.alloc(100_000, 0x91), 'too_deep'],
    ['an array that claims four billion elements', Buffer.from('ddffffffff', 'hex'), 'malformed'],
    ['a text longer than the frame', Buffer.from('91dbffffffff', 'hex'), 'malformed'],
    [
      'an array of a million empty objects',
      Buffer.concat([Buffer.from('dd000fffff', 'hex'), Buffer.alloc(0xfffff, 0x80)]),
      'too_many_values',
    ],
    ['a record that was never defined', Buffer.from('9140', 'hex'), 'malformed'],
    ['a date', packr.pack([tell(new Date(0))]), 'malformed'],
    ['a regular expression', new Packr({ moreTypes: true }).pack([tell(/a+b/)]), 'malformed'],
    ['two values', Buffer.concat([packr.pack([tell(1)]), packr.pack([tell(2)])]), 'malformed'],
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['no message', packr.pack([]), 'malformed'],
    ['no array', packr.pack({ a: 1 }), 'malformed'],
    ['a message that is none', packr.pack(['hello']), 'malformed'],
    ['a call without an id', packr.pack([[messageTypes.call, 0, 'method', 1, 1, null]]), 'malformed'],
    ['a call whose time is no number', packr.pack([[messageTypes.call, 1, 'method', 'soon', 1, null]]), 'malformed'],
    [
      'a method of a thousand characters',
      packr.pack([[messageTypes.call, 1, 'm'.repeat(1_000), 1, 1, null]]),
      'malformed',
    ],
    ['an unknown type', packr.pack([[30, 1]]), 'unknown_message'],
  ])('that is %s is refused', (_, bytes, problem) => {
    expect(decodeFrame(bytes, limits)).toEqual({ kind: 'refused', problem })
  })

  test('a record has so many members at most', () => {
    const wide = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]))
    expect(encodeFrames([tell(wide(limits.recordFieldsMax))], limits).refused).toHaveLength(0)
    expect(encodeFrames([tell(wide(limits.recordFieldsMax + 1))], limits).refused).toHaveLength(1)
  })
})

describe('fuzzed, the decoder never throws and never hangs', () => {
  const outcomes = new Map<string, number>()

  beforeEach(() => outcomes.clear())

  const decode = (bytes: Uint8Array): void => {
    const frame = decodeFrame(bytes, limits)
    const outcome = frame.kind === 'frame' ? 'frame' : frame.problem
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    if (frame.kind === 'frame') {
      // whatever gets through has passed the scan, and can be sent again
      expect(scanFrame(bytes, limits)).toBeUndefined()
      for (const message of frame.messages) if (message[0] === messageTypes.hello) readHello(message[1])
    }
  }

  test('on random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), decode), { numRuns: scaled('fuzzCases') })
    expect([...outcomes.keys()]).toContain('malformed')
  })

  test('on bytes that look like messages', () => {
    const token = fc.constantFrom(
      0x91,
      0x92,
      0x96,
      0x00,
      0x04,
      0xa1,
      0xd4,
      0x72,
      0x40,
      0x41,
      0xdc,
      0xdd,
      0xde,
      0xdf,
      0xc1,
      0xc7,
      0xd9,
      0xdb,
      0xcf,
      0xff,
    )
    const bytes = fc.array(fc.oneof(token, fc.integer({ min: 0, max: 255 })), { maxLength: 120 })
    fc.assert(
      fc.property(bytes, (each) => decode(Uint8Array.from(each))),
      { numRuns: scaled('fuzzCases') },
    )
    expect([...outcomes.keys()]).toContain('malformed')
  })

  test('on frames with a few bytes changed, cut or repeated', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(body, { minLength: 1, maxLength: 3 }),
        fc.array(change, { maxLength: 4 }),
        (bodies, changes) => {
          const [frame] = encodeFrames(bodies.map(tell), limits).frames
          let bytes = Uint8Array.from(frame?.bytes ?? [])
          for (const { at, byte, cut } of changes) {
            if (bytes.length === 0) break
            const position = at % bytes.length
            bytes[position] = byte
            if (cut) bytes = bytes.slice(0, position)
          }
          decode(bytes)
        },
      ),
      { numRuns: scaled('fuzzCases') },
    )
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['frame', 'malformed']))
  })
})

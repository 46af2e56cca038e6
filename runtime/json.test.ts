import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isJudged } from '../test/support/json-oracle.ts'
import { type JsonRefusalCode, parseJson, parseJsonLeniently, unreadable } from './json.ts'

const limits = { jsonDepthMax: 16, jsonValuesMax: 1_000 }

function refusalOf(text: string | Buffer): JsonRefusalCode | 'accepted' {
  const result = parseJson(Buffer.from(text as string), limits)
  return result.ok ? 'accepted' : result.refusal.code
}

function valueOf(text: string): unknown {
  const result = parseJson(Buffer.from(text), limits)
  if (!result.ok) throw new Error(result.refusal.code)
  return result.value
}

/** Values with a single canonical form: safe integers, text that can be stored, no key `__proto__`. */
const canonicalValue = fc.letrec<{ value: unknown; text: string }>((tie) => ({
  text: fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed() && !text.includes('\0')),
  value: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    tie('text'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      tie('text').filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value

describe('the body reader', () => {
  it('reads what JSON.parse reads from every canonical document, however it is spaced', () => {
    fc.assert(
      fc.property(canonicalValue, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, space) => {
        const text = JSON.stringify(value, undefined, space?.toString().includes('\r') ? undefined : space)
        const result = parseJson(Buffer.from(text), { jsonDepthMax: 64, jsonValuesMax: 100_000 })
        expect(result).toStrictEqual({ ok: true, value: JSON.parse(text) })
      }),
      { numRuns: 1_000 },
    )
  })

  it('reads no byte sequence that JSON.parse refuses, and never reads one differently', () => {
    const fragment = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        '"',
        '\\',
        '\\u00',
        'd8',
        '00',
        '"a"',
        '1',
        '0',
        '-',
        '.',
        'e',
        'true',
        'nul',
        ' ',
        '\n',
      ],
    )
    const hostile = fc.oneof(
      fc.array(fragment, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
        const bytes = Buffer.from(text)
        if (bytes.length > 0) bytes[at % bytes.length] = byte
        return bytes
      }),
    )
    fc.assert(
      fc.property(hostile, (bytes) => {
        const result = parseJson(bytes, limits)
        const expected: unknown = result.ok ? JSON.parse(bytes.toString('utf8')) : undefined
        fc.pre(!result.ok || isJudged(result.value))
        expect(result.ok ? result.value : undefined).toStrictEqual(expected)
      }),
      { numRuns: 5_000 },
    )
  })

  it.each([
    '1e2',
    '1E2',
    '1.0',
    '100.00',
    '-0',
    '0.0',
    '-0.0',
    '9007199254740993',
    '-9007199254740992',
    '1e999',
    '1e-7',
    '123456789012345678901234567890',
  ])('refuses the number %s, which is not canonical', (text) => {
    expect(refusalOf(`{"amount":${text}}`)).toBe('number_not_canonical')
  })

  it.each([0, 1, -1, 100, 1.5, -0.25, 9007199254740991, -9007199254740991, 999999999999999, 1000000000000000])(
    'reads the canonical number %d',
    (number) => {
      expect(valueOf(String(number))).toBe(number)
    },
  )

  it.each([
    '01',
    '+1',
    'NaN',
    'Infinity',
    '-',
    '.5',
    '1.',
    '1e',
    '0x10',
    '{',
    '[1,]',
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '"\u0001"',
    '"\\x"',
    '"\\u12"',
    '1 2',
    'tru',
    '"a',
    '"\\',
  ])('refuses %s as invalid JSON', (text) => {
    expect(refusalOf(text)).toBe('json_invalid')
  })

  it('refuses a key that appears twice, also when one of the two is escaped', () => {
    expect(refusalOf('{"amount":100,"amount":1}')).toBe('duplicate_key')
    expect(refusalOf('{"a":{"b":1,"\\u0062":2}}')).toBe('duplicate_key')
    expect(refusalOf('{"a":{"b":1},"c":{"b":2}}')).toBe('accepted')
  })

  it('refuses __proto__ as a key and takes constructor as any other', () => {
    expect(refusalOf('{"__proto__":{"amount":1}}')).toBe('key_not_allowed')
    expect(refusalOf('{"\\u005f_proto__":1}')).toBe('key_not_allowed')
    expect(valueOf('{"constructor":"x","toString":1}')).toStrictEqual({ constructor: 'x', toString: 1 })
  })

  it('refuses NUL and lone surrogates, and takes surrogate pairs', () => {
    expect(refusalOf('{"a":"x\\u0000y"}')).toBe('text_not_storable')
    expect(refusalOf('{"a":"\\ud800"}')).toBe('text_not_storable')
    expect(refusalOf('{"\\udc00":1}')).toBe('text_not_storable')
    expect(valueOf('"\\ud83d\\ude00"')).toBe('😀')
  })

  it('refuses a byte order mark, bytes that are not UTF-8, and UTF-16', () => {
    expect(refusalOf(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))).toBe('encoding')
    expect(refusalOf(Buffer.from([0x22, 0xff, 0x22]))).toBe('encoding')
    expect(refusalOf(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBe('encoding')
    expect(refusalOf(Buffer.from('{}', 'utf16le'))).toBe('json_invalid')
  })

  it('refuses an empty body and one of blanks', () => {
    expect(refusalOf('')).toBe('body_empty')
    expect(refusalOf(' \n')).toBe('body_empty')
  })

  it('takes nesting of 16 and refuses 17, and a depth of 20,000 costs no stack', () => {
    expect(refusalOf('['.repeat(16) + ']'.repeat(16))).toBe('accepted')
    expect(refusalOf('['.repeat(17) + ']'.repeat(17))).toBe('too_deep')
    expect(refusalOf('{"a":'.repeat(20_000))).toBe('too_deep')
  })

  it('refuses a body of more than a thousand values', () => {
    expect(refusalOf(`[${'1,'.repeat(998)}1]`)).toBe('accepted')
    expect(refusalOf(`[${'1,'.repeat(999)}1]`)).toBe('too_many_values')
  })

  it('says where it stopped', () => {
    const result = parseJson(Buffer.from('{"metadata":{"a":[1,2e0]}}'), limits)
    expect(result).toStrictEqual({
      ok: false,
      refusal: { code: 'number_not_canonical', offset: 20, path: 'metadata.a.1' },
    })
  })
})

describe('the lenient reader', () => {
  const read = (text: string) => parseJsonLeniently(Buffer.from(text), limits)

  it.each(['"a\\u0000"', '"\\ud83d"', '1e2', '1.0', '-0', '9007199254740993', '1e999'])(
    'reads %s, of which nobody knows what it means, as of no type, and all around it as it is',
    (odd) => {
      expect(read(`{"a":1,"b":[${odd},"x"],"c":${odd},"d":"y"}`)).toStrictEqual({
        ok: true,
        value: { a: 1, b: [unreadable, 'x'], c: unreadable, d: 'y' },
      })
    },
  )

  it('drops members whose name cannot be read, however many have one', () => {
    expect(read('{"\\ud83d":1,"\\ud83d":2,"a\\u0000":"__proto__","b":3}')).toStrictEqual({ ok: true, value: { b: 3 } })
  })

  it.each(['{"a":1,"a":1}', '{"__proto__":1}', '[1,]', '01', '"\\x"', '', `${'['.repeat(17)}${']'.repeat(17)}`])(
    'refuses what else is refused: %s',
    (text) => {
      expect(read(text)).toStrictEqual(parseJson(Buffer.from(text), limits))
      expect(read(text).ok).toBe(false)
    },
  )

  it('reads what the other accepts as the other does', () => {
    fc.assert(
      fc.property(canonicalValue, (value) => {
        expect(read(JSON.stringify(value))).toStrictEqual(parseJson(Buffer.from(JSON.stringify(value)), limits))
      }),
    )
  })
})

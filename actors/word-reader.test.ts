import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { AssertionFailure } from '../runtime/assert.ts'
import { words } from './journal-words.ts'
import { WordReader } from './word-reader.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true, mapsAsObjects: false })

function read(bytes: Buffer): unknown {
  const reader = new WordReader(bytes)
  const value = reader.value()
  reader.end()
  return value
}

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')
const word = (name: string): number => words.indexOf(name)

test('every whole number is read as it is, however wide it was written', () => {
  const edges = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]
  for (const number of edges.flatMap((each) => [each, 0 - each, -each - 1])) {
    expect(read(packr.pack(number)), String(number)).toBe(number)
  }
  const wide = [
    'cc05',
    'cd0005',
    'ce00000005',
    'cf0000000000000005',
    'd005',
    'd10005',
    'd200000005',
    'd30000000000000005',
  ]
  for (const bytes of wide) expect(read(hex(bytes)), bytes).toBe(5)
  expect(read(hex('d3ffffffffffffffff'))).toBe(-1)
})

test('texts, lists, maps and bytes are read whatever the width of their headers', () => {
  for (const length of [0, 31, 32, 255, 256, 65_536]) {
    const text = 'ü'.repeat(length)
    const list = Array.from({ length }, (_, index) => index % 2 === 0)
    expect(read(packr.pack(text))).toBe(text)
    expect(read(packr.pack(list))).toEqual(list)
    expect(read(packr.pack(Buffer.alloc(length, 7)))).toEqual(Buffer.alloc(length, 7))
    expect(read(packr.pack(new Map(list.map((each, index) => [`k${index}`, each]))))).toEqual(
      Object.fromEntries(list.map((each, index) => [`k${index}`, each])),
    )
  }
  expect(read(hex('de0001 a161 01'))).toEqual({ a: 1 })
  expect(read(hex('df00000001 d90161 c0'))).toEqual({ a: null })
  expect(read(hex('dd00000001 ca3fc00000'))).toEqual([1.5])
})

test('a number is a word as a key, and as a value only under the keys that hold words', () => {
  const value = new Map<unknown, unknown>([
    [word('type'), word('Authorized')],
    [word('amountMinor'), word('Authorized')],
    [word('live'), [word('test')]],
  ])
  expect(read(packr.pack(value))).toEqual({
    type: 'Authorized',
    amountMinor: word('Authorized'),
    live: [word('test')],
  })
})

test('bytes outlive the buffer that they were read from', () => {
  const bytes = packr.pack(Buffer.from('abc'))
  const value = read(bytes) as Buffer
  bytes.fill(0)
  expect(value.toString()).toBe('abc')
})

test('bytes that end too early, go on too long or are of no format of ours are refused', () => {
  const whole = packr.pack(new Map<unknown, unknown>([['a', ['text', 7, 1.5, Buffer.alloc(3)]]]))
  for (let length = 0; length < whole.length; length += 1) {
    expect(() => read(Buffer.from(whole.subarray(0, length))), `${length} bytes`).toThrow(AssertionFailure)
  }
  expect(() => read(Buffer.concat([whole, Buffer.alloc(1)]))).toThrow(AssertionFailure)
  // an extension, a byte that msgpack never uses, a key that is a list
  for (const bytes of ['d40101', 'c1', '8190c0', 'dfffffffff', 'ddffffffff', 'c6ffffffff', 'dbffffffff']) {
    expect(() => read(hex(bytes)), bytes).toThrow(AssertionFailure)
  }
})

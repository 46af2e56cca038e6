import { expect, test } from 'vitest'
import { parseInt8, safeIntegerTypes } from './int8.ts'

test('64-bit integers are numbers as long as they are exact', () => {
  expect(parseInt8('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER)
  expect(parseInt8('-1')).toBe(-1)
  expect(() => parseInt8('9007199254740992')).toThrow('safe integer')
})

test('other types are parsed as they were', () => {
  const parserOf = safeIntegerTypes.getTypeParser as (oid: number) => (text: string) => unknown
  expect(parserOf(17)('\\x00ff')).toEqual(Buffer.from([0, 255]))
})

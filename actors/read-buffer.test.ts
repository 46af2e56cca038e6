import { describe, expect, test } from 'vitest'
import { heardMax, ReadBuffer } from './read-buffer.ts'

function heardOf(...positions: readonly number[]): ReadBuffer {
  const buffer = new ReadBuffer(10)
  for (const position of positions) buffer.hear(position, undefined)
  return buffer
}

describe('what the read side has heard', () => {
  test('ends before the first gap, in whatever order it came', () => {
    expect(heardOf().heard).toBe(10)
    expect(heardOf(11, 12, 14).heard).toBe(12)
    expect(heardOf(14, 12, 11).heard).toBe(12)
    expect(heardOf(14, 12, 11, 13).heard).toBe(14)
  })

  test('counts once what is heard twice, and nothing that is stored', () => {
    const buffer = heardOf(9, 10, 11, 11, 13, 13)
    expect(buffer.heard).toBe(11)
    buffer.hear(12, undefined)
    expect(buffer.heard).toBe(13)
    expect(buffer.first(100)).toHaveLength(3)
  })

  test('goes on behind what was stored, also where more was stored than was heard', () => {
    const buffer = heardOf(11, 12, 13, 16)
    buffer.storedUpTo(12)
    expect([buffer.stored, buffer.heard, buffer.first(100).length]).toEqual([12, 13, 1])
    buffer.storedUpTo(15)
    expect([buffer.stored, buffer.heard, buffer.first(100).length]).toEqual([15, 16, 1])
    expect(() => buffer.storedUpTo(14)).toThrow('a cursor moves forward')
  })

  test('begins anew where the cursor is found behind what was stored', () => {
    const buffer = heardOf(11, 12, 13, 14)
    buffer.storedUpTo(12)
    buffer.found(13)
    expect([buffer.stored, buffer.heard]).toEqual([13, 14])
    buffer.found(11)
    expect([buffer.stored, buffer.heard]).toEqual([11, 11])
  })

  test('is bounded: what there is no room for is read later', () => {
    const buffer = new ReadBuffer(0)
    for (let position = 1; position <= heardMax + 10; position += 1) buffer.hear(position, undefined)
    expect(buffer.heard).toBe(heardMax)
    buffer.storedUpTo(heardMax)
    buffer.hear(heardMax + 11, undefined)
    expect(buffer.heard).toBe(heardMax)
    buffer.forget()
    expect([buffer.stored, buffer.heard]).toEqual([heardMax, heardMax])
  })
})

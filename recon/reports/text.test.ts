import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunksOf } from '../../test/support/report-reading.ts'
import { scaled } from '../../test/support/scale.ts'
import { readText } from './text.ts'

async function read(bytes: Uint8Array, sizes: readonly number[] = [], pieceBytes?: number): Promise<string> {
  let text = ''
  for await (const piece of readText(chunksOf(bytes, sizes), pieceBytes)) text += piece
  return text
}

async function refused(bytes: Uint8Array): Promise<string> {
  return read(bytes).then(
    () => 'read',
    (error: { code: string }) => error.code,
  )
}

describe('text', () => {
  it('comes back whatever chunks and pieces it is cut into', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter((each) => each.isWellFormed())
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        async (each, sizes, pieceBytes) => {
          const bytes = Buffer.from(each)
          fc.pre(!each.startsWith('\uFEFF'))
          expect(await read(bytes, sizes, pieceBytes)).toBe(each)
        },
      ),
      { numRuns: scaled('propertyRuns') },
    )
  })

  it('loses a byte order mark at its beginning, and none elsewhere', async () => {
    expect(await read(Buffer.from('\uFEFFa\uFEFFb'), [1], 1 << 10)).toBe('a\uFEFFb')
  })

  it.each([
    ['nothing', '', 'empty'],
    ['gzip', '1f8b0800', 'archive'],
    ['zip', '504b030414', 'archive'],
    ['UTF-16, little endian', 'fffe61000a00', 'encoding'],
    ['UTF-16, big endian', 'feff0061000a', 'encoding'],
    ['Latin-1', '61e92c', 'encoding'],
    ['half a character at the end', '61c3', 'encoding'],
    ['an overlong form', 'c0af', 'encoding'],
    ['half a surrogate pair', 'eda080', 'encoding'],
  ])('that is %s is refused', async (_, hex, code) => {
    expect(await refused(Buffer.from(hex, 'hex'))).toBe(code)
  })
})

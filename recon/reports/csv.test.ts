import { parse } from 'csv-parse/sync'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reportLimits } from '../../runtime/limits.ts'
import { scaled } from '../../test/support/scale.ts'
import { CsvReader } from './csv.ts'
import { ReportRefused } from './errors.ts'

interface Read {
  readonly records: readonly (readonly string[])[]
  readonly lines: readonly number[]
}

function read(text: string, { cuts = [] as readonly number[], mayLackLastEnd = false } = {}): Read {
  const records: (readonly string[])[] = []
  const lines: number[] = []
  const take = (cells: readonly string[], line: number): void => {
    records.push(cells)
    lines.push(line)
  }
  const reader = new CsvReader({ mayLackLastEnd })
  let at = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.read(text.slice(at, cut), take)
    at = Math.max(at, cut)
  }
  reader.read(text.slice(at), take)
  reader.end(take)
  return { records, lines }
}

function refusal(text: string, options: { readonly mayLackLastEnd?: boolean } = {}): readonly unknown[] {
  try {
    read(text, options)
    return ['read']
  } catch (error) {
    if (!(error instanceof ReportRefused)) throw error
    return [error.code, error.line, error.column]
  }
}

const cell = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', ' ', '=', 'é', '😀'), maxLength: 8 }),
)

function written(records: readonly (readonly string[])[], lineEnd: string, quoteAll: boolean): string {
  const quoted = (text: string): string =>
    quoteAll || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  return records.map((cells) => `${cells.map(quoted).join(',')}${lineEnd}`).join('')
}

describe('CSV', () => {
  it('comes back as it was written, with either line end, cut into any chunks, and as csv-parse reads it', () => {
    const records = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(
        records,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.array(fc.nat(60), { maxLength: 8 }),
        (cells, lineEnd, quoteAll, cuts) => {
          const clean = cells.map((record) => record.map((text) => text.replaceAll('\0', '')))
          const text = written(clean, lineEnd, quoteAll)
          expect(read(text, { cuts }).records).toEqual(clean)
          const theirs = parse(text, { record_delimiter: lineEnd, relax_column_count: true })
          expect(read(text).records).toEqual(theirs)
        },
      ),
      { numRuns: scaled('propertyRuns') },
    )
  })

  it('is read alike in any chunks, or refused alike, whatever the text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\r', '\n', '\0'), maxLength: 25 })
    const outcome = (given: string, cuts: readonly number[]): unknown => {
      try {
        return read(given, { cuts })
      } catch (error) {
        if (error instanceof ReportRefused) return [error.code, error.line, error.column]
        throw error
      }
    }
    fc.assert(
      fc.property(text, fc.array(fc.nat(25), { maxLength: 6 }), (given, cuts) => {
        expect(outcome(given, cuts)).toEqual(outcome(given, []))
      }),
      { numRuns: scaled('propertyRuns') },
    )
  })

  it('tells the line that a record begins in, line ends within quotes counted', () => {
    expect(read('a,b\n"1\n\n2",c\nd,"e"\n').lines).toEqual([1, 2, 5])
    expect(read('a\r\n"1\r\n2"\r\nb\r\n').lines).toEqual([1, 2, 4])
  })

  it('takes cells that a spreadsheet would run for what they are', () => {
    const cells = ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', "=cmd|' /C calc'!A0"]
    expect(read(`${cells.join(',')}\n`).records).toEqual([cells])
  })

  it.each([
    ['a quote in the middle of a cell', 'a,b\nc,d"e\n', ['quote', 2, 2]],
    ['text behind a closing quote', 'a,b\n"c"d,e\n', ['quote', 2, 1]],
    ['a quote that is never closed', 'a,b\nc,"d\ne,f\n', ['quote', 2, null]],
    ['a carriage return alone', 'a,b\rc,d\r', ['line_ends', 1, null]],
    ['a carriage return within a line', 'a\n1\r2\n', ['line_ends', 2, null]],
    ['LF after CRLF', 'a\r\nb\nc\r\n', ['line_ends', 2, null]],
    ['CRLF after LF', 'a\nb\r\n', ['line_ends', 2, null]],
    ['CRLF after LF behind a quoted cell', 'a\n"b"\r\n', ['line_ends', 2, null]],
    ['NUL', 'a\nb\0c\n', ['nul_character', 2, null]],
    ['no line end at the end', 'a\nb', ['cut', 2, null]],
    ['no line end behind a quoted cell at the end', 'a\n"b"', ['cut', 2, null]],
  ])('with %s is refused, and the line named', (_, text, expected) => {
    expect(refusal(text)).toEqual(expected)
  })

  it('may lack its last line end where the format has a trailer, but not the end of a quote', () => {
    expect(read('a\nb,"c"', { mayLackLastEnd: true }).records).toEqual([['a'], ['b', 'c']])
    expect(refusal('a\nb,"c', { mayLackLastEnd: true })).toEqual(['quote', 2, null])
  })

  it.each([
    ['plain', `a\n${'x'.repeat(10_000_000)}\n`],
    ['never ending', `a\n${'x'.repeat(10_000_000)}`],
    ['quoted', `a\n"${'x'.repeat(10_000_000)}"\n`],
    ['quoted and never closed', `a\n"${'x\n'.repeat(5_000_000)}`],
  ])('with a line of 10 MB, %s, is refused, and no more than a limit of it is kept', (_, text) => {
    const reader = new CsvReader({ mayLackLastEnd: false })
    let fed = 0
    const feed = (): void => {
      for (; fed < text.length; fed += 65_536) reader.read(text.slice(fed, fed + 65_536), () => undefined)
    }
    expect(feed).toThrow(/^line 2: is longer than 1000000 characters/)
    expect(fed).toBeLessThan(reportLimits.recordCharactersMax + 2 * 65_536)
  })
})

/**
 * CSV by RFC 4180, from text in any chunks to records, strictly: whatever could be read in two ways is refused.
 *
 * Line ends are CRLF or LF, the same in the whole file; inside quotes anything goes. A quote stands only around a whole
 * cell, doubled within. NUL is refused. A record is at most `recordCharactersMax` long, which bounds memory too. Blank
 * lines are records of one empty cell, for whoever counts cells. Reading a line without quotes is one search and one split:
 * csv-parse 7 takes five times as long (docs/decisions/0012-own-csv-reader.md); a test compares the two.
 */
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'

/** @param line where the record begins, from 1 */
export type TakeRecord = (cells: readonly string[], line: number) => void

export interface CsvOptions {
  /**
   * Whether the last record may lack its line end. Only of formats with a trailer: elsewhere a file that was cut in its last
   * cell would look whole.
   */
  readonly mayLackLastEnd: boolean
}

export class CsvReader {
  readonly #options: CsvOptions
  /** What was read of a record that has not ended. */
  #rest = ''
  #line = 1
  #lineEnd: '\n' | '\r\n' | undefined
  /** Where the quote was opened that has not been closed, if one was. */
  #openQuoteLine: number | undefined

  constructor(options: CsvOptions) {
    this.#options = options
  }

  /** The line that the next record begins in. */
  get line(): number {
    return this.#line
  }

  read(text: string, take: TakeRecord): void {
    const nul = text.indexOf('\0')
    if (nul !== -1) {
      this.#records(this.#rest + text.slice(0, nul), take)
      throw new ReportRefused('nul_character', 'has a NUL character', { line: this.#line })
    }
    this.#records(this.#rest === '' ? text : this.#rest + text, take)
  }

  /** After the last text. */
  end(take: TakeRecord): void {
    if (this.#rest === '') return
    const line = this.#line
    const last: (readonly string[])[] = []
    this.#records(this.#rest + (this.#lineEnd ?? '\n'), (cells) => last.push(cells))
    if (this.#openQuoteLine !== undefined) {
      throw new ReportRefused('quote', 'a quote is opened and never closed', { line: this.#openQuoteLine })
    }
    if (!this.#options.mayLackLastEnd) {
      throw new ReportRefused('cut', 'the last line has no line end: the file may have been cut', { line })
    }
    for (const cells of last) take(cells, line)
  }

  #records(data: string, take: TakeRecord): void {
    let at = 0
    let quote = data.indexOf('"')
    let carriage = data.indexOf('\r')
    this.#openQuoteLine = undefined
    for (;;) {
      const end = data.indexOf('\n', at)
      if (quote !== -1 && quote < at) quote = data.indexOf('"', at)
      if (quote !== -1 && (end === -1 || quote < end)) {
        const next = this.#quotedRecord(data, at, take)
        if (next === undefined) break
        at = next
        continue
      }
      if (carriage !== -1 && carriage < at) carriage = data.indexOf('\r', at)
      if (end === -1) {
        if (carriage !== -1 && carriage < data.length - 1) throw this.#lineEndRefused()
        break
      }
      const stop = carriage !== -1 && carriage < end ? carriage : end
      this.#ends(stop === end ? '\n' : '\r\n', stop, end)
      this.#refuseLong(end - at)
      take(data.slice(at, stop).split(','), this.#line)
      this.#line += 1
      at = end + 1
    }
    this.#rest = data.slice(at)
    this.#refuseLong(this.#rest.length)
  }

  /** Checks that the line ends as those before it, with nothing between its carriage return and its line feed. */
  #ends(found: '\n' | '\r\n', stop: number, end: number): void {
    this.#lineEnd ??= found
    if (found !== this.#lineEnd || end - stop !== found.length - 1) throw this.#lineEndRefused()
  }

  /** @returns where the next record begins; undefined where this one has not ended */
  #quotedRecord(data: string, start: number, take: TakeRecord): number | undefined {
    const cells: string[] = []
    let at = start
    let line = this.#line
    for (;;) {
      let stop: number
      if (data[at] === '"') {
        const cell = quotedCell(data, at + 1)
        if (cell === undefined) {
          this.#openQuoteLine = line
          return undefined
        }
        line += newLinesIn(cell.text)
        cells.push(cell.text)
        stop = cell.end
      } else {
        stop = plainCellEnd(data, at)
        cells.push(data.slice(at, stop))
      }
      const next = data[stop]
      if (next === ',') {
        at = stop + 1
        continue
      }
      if (next === undefined) return undefined
      const end = next === '\r' ? stop + 1 : stop
      if (end === data.length) return undefined
      if (next !== '\r' && next !== '\n') {
        const rule = 'a quote stands inside a cell; it may only stand around a whole one, doubled within'
        throw new ReportRefused('quote', rule, { line, column: cells.length })
      }
      if (data[end] !== '\n') throw this.#lineEndRefused(line)
      this.#ends(next === '\r' ? '\r\n' : '\n', stop, end)
      this.#refuseLong(end - start)
      take(cells, this.#line)
      this.#line = line + 1
      return end + 1
    }
  }

  #lineEndRefused(line = this.#line): ReportRefused {
    const rule = 'line ends are CRLF or LF, the same in the whole file; this one is not'
    return new ReportRefused('line_ends', rule, { line })
  }

  #refuseLong(characters: number): void {
    if (characters <= reportLimits.recordCharactersMax) return
    const { recordCharactersMax: max } = reportLimits
    const open = this.#openQuoteLine === undefined ? '' : `; a quote is opened in line ${this.#openQuoteLine}`
    throw new ReportRefused('too_long', `is longer than ${max} characters${open}`, { line: this.#line })
  }
}

/** @param at behind the opening quote. @returns undefined where the cell goes on, or may go on, behind the data */
function quotedCell(data: string, at: number): { readonly text: string; readonly end: number } | undefined {
  let text = ''
  for (let from = at; ; ) {
    const quote = data.indexOf('"', from)
    if (quote === -1 || quote + 1 === data.length) return undefined
    if (data[quote + 1] !== '"') return { text: text + data.slice(from, quote), end: quote + 1 }
    text += data.slice(from, quote + 1)
    from = quote + 2
  }
}

/** Of a cell without quotes around it: where its comma, line end or a quote stands, or the data end. */
function plainCellEnd(data: string, at: number): number {
  for (let index = at; index < data.length; index += 1) {
    const character = data.charCodeAt(index)
    if (character === 0x2c || character === 0x0a || character === 0x0d || character === 0x22) return index
  }
  return data.length
}

function newLinesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

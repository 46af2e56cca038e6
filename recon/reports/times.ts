/**
 * Dates and times of reports as unix milliseconds. Wall-clock times are of a zone of the time zone database: what does not
 * exist there (30 February, an hour that the clocks leap over) is refused, and so is what exists twice unless the report
 * tells which.
 */
import { ReportRefused } from './errors.ts'

/** Zones change their offsets at whole quarters of an hour. */
const quarterMs = 15 * 60_000
const dayMs = 24 * 3_600_000
/** Quarters whose offsets are remembered: ten years of them; then it begins anew. */
const rememberedMax = 350_000

const dateTimePattern = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/
const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/

/** What a wall clock shows, as if it were UTC's; undefined where no calendar has it. */
export function wallClock(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): number | undefined {
  if (hour > 23 || minute > 59 || second > 59 || year < 1970) return undefined
  const date = Date.UTC(year, month - 1, day)
  const parts = new Date(date)
  if (parts.getUTCMonth() !== month - 1 || parts.getUTCDate() !== day) return undefined
  return date + ((hour * 60 + minute) * 60 + second) * 1000
}

/** `YYYY-MM-DD HH:MM:SS` of whatever clock, as if it were UTC's. Remembers the last day: lines come in order of time. */
export class WallClockReader {
  #day = ''
  #dayMs = 0

  read(cell: string, line: number, column: string): number {
    if (cell.length === 19 && this.#day !== '' && cell.startsWith(this.#day) && dateTimePattern.test(cell)) {
      const at = (start: number): number => (cell.charCodeAt(start) - 48) * 10 + cell.charCodeAt(start + 1) - 48
      const hour = at(11)
      const minute = at(14)
      const second = at(17)
      if (hour <= 23 && minute <= 59 && second <= 59) return this.#dayMs + ((hour * 60 + minute) * 60 + second) * 1000
    }
    const match = dateTimePattern.exec(cell)
    const wall = match === null ? undefined : wallClock(...numbersOf(match))
    if (wall === undefined) throw refusedDate(cell, 'YYYY-MM-DD HH:MM:SS', line, column)
    this.#day = cell.slice(0, 10)
    this.#dayMs = Math.floor(wall / dayMs) * dayMs
    return wall
  }
}

function numbersOf(match: RegExpExecArray): [number, number, number, number, number, number] {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return [year, month, day, hour, minute, second]
}

export function refusedDate(cell: string, form: string, line: number, column: string): ReportRefused {
  return cell === ''
    ? new ReportRefused('blank', 'is empty', { line, column })
    : new ReportRefused('date', `is no date that exists, written as ${form}`, { line, column })
}

/** `YYYY-MM-DD`, as unix milliseconds of that day's beginning in UTC. */
export function readDate(cell: string, line: number, column: string): number {
  const match = datePattern.exec(cell)
  const day = match === null ? undefined : wallClock(Number(match[1]), Number(match[2]), Number(match[3]))
  if (day === undefined) throw refusedDate(cell, 'YYYY-MM-DD', line, column)
  return day
}

const isoPattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))?$/

/** A time of ISO 20022. Without an offset it is a wall clock's. */
export function readIsoTime(
  cell: string,
  zone: TimeZone,
  line: number,
  column: string,
): { readonly at: number; readonly date: string } {
  const match = isoPattern.exec(cell)
  const wall = match === null ? undefined : wallClock(...numbersOf(match))
  const offset = cell.endsWith('Z') ? 0 : offsetMs(match?.[8], match?.[9], match?.[10])
  const isOffsetWrong = offset === undefined && match?.[8] !== undefined
  if (match === null || wall === undefined || isOffsetWrong)
    throw refusedDate(cell, 'YYYY-MM-DDTHH:MM:SS±HH:MM', line, column)
  const ms = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const at = offset === undefined ? zone.instant(wall, line, column) + ms : wall + ms - offset
  return { at, date: cell.slice(0, 10) }
}

/** `±HH:MM` in milliseconds; undefined where there is none, or no zone has it. */
export function offsetMs(sign?: string, hours?: string, minutes?: string): number | undefined {
  if (sign === undefined || Number(hours) > 14 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}

/** A zone of the time zone database. */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()
  /** Names of days by their number since 1970. */
  readonly #days = new Map<number, string>()

  /** @throws {ReportRefused} `settings` where there is no such zone */
  constructor(name: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: name,
        hourCycle: 'h23',
        ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
      })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new ReportRefused('settings', 'timeZone is no zone of the time zone database, such as Europe/Amsterdam')
    }
  }

  /** How far the zone is ahead of UTC at an instant, in milliseconds. */
  offset(at: number): number {
    const quarter = Math.floor(at / quarterMs)
    const known = this.#offsets.get(quarter)
    if (known !== undefined) return known
    const parts = new Map(
      this.#format.formatToParts(quarter * quarterMs).map(({ type, value }) => [type, Number(value)]),
    )
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
    const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
    if (this.#offsets.size >= rememberedMax) this.#offsets.clear()
    this.#offsets.set(quarter, shown - quarter * quarterMs)
    return shown - quarter * quarterMs
  }

  /** The instants at which the zone's clocks show this, earliest first: none, one or two. */
  instants(wall: number): readonly number[] {
    const [before, after] = [this.offset(wall - dayMs), this.offset(wall + dayMs)]
    const found = [wall - before, wall - after].filter((at) => wall - this.offset(at) === at)
    return before === after || found[0] === found[1] ? found.slice(0, 1) : found.sort((a, b) => a - b)
  }

  /** The instant at which the zone's clocks show this. */
  instant(wall: number, line: number, column: string): number {
    const [at, second] = this.instants(wall)
    if (at === undefined) throw skipped(line, column)
    if (second === undefined) return at
    throw new ReportRefused('date', 'is a time that the zone has twice, and the report does not tell which', {
      line,
      column,
    })
  }

  /** `YYYY-MM-DD` that calendars of the zone show. */
  date(at: number): string {
    const day = Math.floor((at + this.offset(at)) / dayMs)
    let name = this.#days.get(day)
    if (name === undefined) {
      name = new Date(day * dayMs).toISOString().slice(0, 10)
      this.#days.set(day, name)
    }
    return name
  }
}

export function skipped(line: number, column: string): ReportRefused {
  return new ReportRefused('date', 'is a time that the zone does not have: its clocks leap over it', { line, column })
}

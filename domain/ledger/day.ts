/**
 * Days and months of a time zone as instants. A day begins with the first instant whose local date is that day, however long
 * it is: 23 or 25 hours where clocks change, none where a zone skipped it. Pure, by the time zone database of the runtime.
 */
import { assert } from '../../runtime/assert.ts'

/** No zone is further from UTC. */
const offsetMsMax = 15 * 3_600_000
const dayMs = 24 * 3_600_000

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
    formats.set(timeZone, format)
  }
  return format
}

/** Whether it is a zone's name, such as `Europe/Berlin` or `UTC`. */
export function isTimeZone(text: string): boolean {
  // offsets such as +02:00 are understood by the runtime, and are no zone: they know no summer
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) return false
  try {
    return formatOf(text).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** `2026-11-21`, of the calendar, from 1970 to 2199. */
export function isDay(text: string): boolean {
  if (!/^(?:19[7-9]\d|2[01]\d\d)-\d\d-\d\d$/.test(text)) return false
  const instant = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(instant) && dayAt(instant, 'UTC') === text
}

/** `2026-11`. */
export function isMonth(text: string): boolean {
  return isDay(`${text}-01`)
}

/** The day in that zone that holds the instant. */
export function dayAt(unixMs: number, timeZone: string): string {
  return formatOf(timeZone).format(unixMs)
}

/** Its first instant, unix ms. */
export function startOfDay(day: string, timeZone: string): number {
  assert(isDay(day), 'a day is of the calendar', { day })
  const midnight = Date.parse(`${day}T00:00:00Z`)
  let before = midnight - offsetMsMax
  let after = midnight + offsetMsMax
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (dayAt(middle, timeZone) < day) before = middle
    else after = middle
  }
  return after
}

/** The first instant after it, unix ms. */
export function endOfDay(day: string, timeZone: string): number {
  return startOfDay(nextDay(day), timeZone)
}

/** The first instant after it, unix ms. */
export function endOfMonth(month: string, timeZone: string): number {
  return startOfDay(`${nextMonth(month)}-01`, timeZone)
}

export function nextMonth(month: string): string {
  assert(isMonth(month), 'a month is of the calendar', { month })
  const [year, number] = month.split('-').map(Number) as [number, number]
  return dayAt(Date.UTC(year, number, 1), 'UTC').slice(0, 7)
}

function nextDay(day: string): string {
  assert(isDay(day), 'a day is of the calendar', { day })
  return dayAt(Date.parse(`${day}T00:00:00Z`) + dayMs, 'UTC')
}

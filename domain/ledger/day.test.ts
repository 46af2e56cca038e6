import { describe, expect, test } from 'vitest'
import { dayAt, endOfDay, endOfMonth, isDay, isMonth, isTimeZone, nextMonth, startOfDay } from './day.ts'

const hours = (day: string, zone: string): number => (endOfDay(day, zone) - startOfDay(day, zone)) / 3_600_000
const iso = (unixMs: number): string => new Date(unixMs).toISOString()

describe('a day', () => {
  test('of UTC is a day', () => {
    expect(iso(startOfDay('2026-11-21', 'UTC'))).toBe('2026-11-21T00:00:00.000Z')
    expect(iso(endOfDay('2026-12-31', 'UTC'))).toBe('2027-01-01T00:00:00.000Z')
    expect(hours('2028-02-29', 'UTC')).toBe(24)
  })

  test.each([
    ['Europe/Berlin', '2026-03-29', 23],
    ['Europe/Berlin', '2026-10-25', 25],
    ['Europe/Berlin', '2026-07-01', 24],
    ['America/New_York', '2026-03-08', 23],
    ['America/New_York', '2026-11-01', 25],
    ['Australia/Lord_Howe', '2026-04-05', 24.5],
    ['Australia/Lord_Howe', '2026-10-04', 23.5],
    // clocks go forward at midnight: the day begins at one
    ['Africa/Cairo', '2026-04-24', 23],
    // and back at midnight: the evening before is an hour longer
    ['Africa/Cairo', '2026-10-29', 25],
    ['Africa/Cairo', '2026-10-30', 24],
    // the day that Samoa left out
    ['Pacific/Apia', '2011-12-30', 0],
  ])('of %s, %s, has %d hours', (zone, day, length) => {
    expect(hours(day, zone)).toBe(length)
  })

  test.each(['Asia/Kathmandu', 'Pacific/Kiritimati', 'Pacific/Pago_Pago', 'America/St_Johns', 'Europe/Berlin'])(
    'of %s begins where the one before ends, all year, and holds its own instants alone',
    (zone) => {
      for (let index = 0; index < 365; index += 1) {
        const day = iso(Date.UTC(2026, 0, 1 + index)).slice(0, 10)
        const start = startOfDay(day, zone)
        const end = endOfDay(day, zone)
        expect([dayAt(start, zone), dayAt(end - 1, zone)]).toEqual([day, day])
        expect(dayAt(start - 1, zone) < day && dayAt(end, zone) > day).toBe(true)
      }
    },
  )
})

test('a month ends where the next begins', () => {
  expect(iso(endOfMonth('2026-11', 'UTC'))).toBe('2026-12-01T00:00:00.000Z')
  expect(iso(endOfMonth('2026-12', 'Europe/Berlin'))).toBe('2026-12-31T23:00:00.000Z')
  expect([nextMonth('2026-12'), nextMonth('2028-01')]).toEqual(['2027-01', '2028-02'])
})

test('what is no day, month or zone is told apart', () => {
  expect(['2026-02-30', '2026-13-01', '2026-1-01', '', '2026-11-21T00:00:00Z', '1969-12-31'].filter(isDay)).toEqual([])
  expect(['2026-13', '2026-00', '26-01', '2026-1'].filter(isMonth)).toEqual([])
  expect(['Europe/Berlin', 'UTC', 'Etc/GMT+5'].every(isTimeZone)).toBe(true)
  expect(['Mars/Olympus', '+02:00', '', 'Europe/Berlin; DROP', 'x'.repeat(65)].filter(isTimeZone)).toEqual([])
})

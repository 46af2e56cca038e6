import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scaled } from '../../test/support/scale.ts'
import { AccountTimes } from './account-times.ts'
import { ReportRefused } from './errors.ts'
import { readDate, readIsoTime, TimeZone, WallClockReader } from './times.ts'

const columns = { time: 'Creation Date', zone: 'TimeZone' }

function outcome(read: () => number | string): number | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof ReportRefused) return `${error.code} ${error.column}`
    throw error
  }
}

function account(zone: string, time: string, abbreviation: string): number | string {
  const times = new AccountTimes(new TimeZone(zone))
  return outcome(() => {
    const at = times.read({ time, zone: abbreviation }, 2, columns)
    return new Date(at).toISOString()
  })
}

describe('wall-clock times', () => {
  it('of any instant and zone name that instant, or two of which it is one', () => {
    const zones = ['Europe/Amsterdam', 'Europe/London', 'America/Los_Angeles', 'Asia/Kolkata', 'Australia/Lord_Howe']
    const instant = fc.integer({ min: Date.UTC(2020, 0, 1) / 1000, max: Date.UTC(2035, 0, 1) / 1000 })
    fc.assert(
      fc.property(fc.constantFrom(...zones), instant, (name, seconds) => {
        const zone = new TimeZone(name)
        const at = seconds * 1000
        const found = zone.instants(at + zone.offset(at))
        expect(found).toContain(at)
        expect(found.length).toBeLessThanOrEqual(2)
      }),
      { numRuns: scaled('propertyRuns') },
    )
  })

  it('that clocks leap over do not exist, those that they show twice are two', () => {
    const zone = new TimeZone('Europe/Amsterdam')
    expect(zone.instants(Date.UTC(2026, 2, 29, 2, 30))).toEqual([])
    expect(zone.instants(Date.UTC(2026, 9, 25, 2, 30))).toEqual([
      Date.UTC(2026, 9, 25, 0, 30),
      Date.UTC(2026, 9, 25, 1, 30),
    ])
    expect(outcome(() => zone.instant(Date.UTC(2026, 2, 29, 2, 30), 2, 'created'))).toBe('date created')
    expect(outcome(() => zone.instant(Date.UTC(2026, 9, 25, 2, 30), 2, 'created'))).toBe('date created')
  })

  it.each([
    '2026-02-29 10:00:00',
    '2026-04-31 10:00:00',
    '2026-13-01 10:00:00',
    '2026-00-10 10:00:00',
    '2026-01-00 10:00:00',
    '2026-01-01 24:00:00',
    '2026-01-01 10:60:00',
    '2026-01-01 10:00:60',
    '2026-1-1 10:00:00',
    '2026-01-01T10:00:00',
    '2026-01-01 10:00',
    '2026-01-01 10:00:00Z',
    '01/02/2026 10:00:00',
    '1969-12-31 10:00:00',
    '٢٠٢٦-01-01 10:00:00',
  ])('that no calendar and clock has, or of another form, are refused: %s', (text) => {
    const fresh = new WallClockReader()
    expect(outcome(() => fresh.read(text, 2, 'created'))).toBe('date created')
    const warm = new WallClockReader()
    warm.read('2026-01-01 00:00:00', 2, 'created')
    expect(outcome(() => warm.read(text, 2, 'created'))).toBe('date created')
  })

  it('are the same whether the day was read before or not', () => {
    const reader = new WallClockReader()
    for (const text of ['2024-02-29 23:59:59', '2024-02-29 00:00:00', '2024-03-01 12:34:56']) {
      expect(reader.read(text, 1, 'x')).toBe(Date.parse(`${text.replace(' ', 'T')}Z`))
    }
  })
})

describe('abbreviations of zones', () => {
  it.each([
    ['Europe/Amsterdam', '2026-10-25 02:30:00', 'CEST', '2026-10-25T00:30:00.000Z'],
    ['Europe/Amsterdam', '2026-10-25 02:30:00', 'CET', '2026-10-25T01:30:00.000Z'],
    ['Europe/London', '2026-07-01 12:00:00', 'BST', '2026-07-01T11:00:00.000Z'],
    ['Asia/Dhaka', '2026-07-01 12:00:00', 'BST', '2026-07-01T06:00:00.000Z'],
    ['America/Chicago', '2026-01-01 12:00:00', 'CST', '2026-01-01T18:00:00.000Z'],
    ['Asia/Shanghai', '2026-01-01 12:00:00', 'CST', '2026-01-01T04:00:00.000Z'],
    ['Asia/Kolkata', '2026-01-01 12:00:00', 'IST', '2026-01-01T06:30:00.000Z'],
    ['Asia/Jerusalem', '2026-01-01 12:00:00', 'IST', '2026-01-01T10:00:00.000Z'],
    ['America/Los_Angeles', '2026-07-01 12:00:00', 'PDT', '2026-07-01T19:00:00.000Z'],
    ['Europe/Amsterdam', '2026-07-01 12:00:00', 'CET', 'time_zone TimeZone'],
    ['Europe/Amsterdam', '2026-07-01 12:00:00', 'BST', 'time_zone TimeZone'],
    ['Europe/Amsterdam', '2026-07-01 12:00:00', 'XYZ', 'time_zone TimeZone'],
    ['Europe/Amsterdam', '2026-07-01 12:00:00', '', 'blank TimeZone'],
    ['Europe/Amsterdam', '2026-03-29 02:30:00', 'CET', 'date Creation Date'],
    ['Europe/Amsterdam', '2026-03-29 02:30:00', 'CEST', 'date Creation Date'],
  ])('mean what the zone of the account says: in %s, %s %s is %s', (zone, time, abbreviation, expected) => {
    expect(account(zone, time, abbreviation)).toBe(expected)
  })
})

describe('times and dates of ISO 20022', () => {
  const zone = new TimeZone('Europe/Amsterdam')
  it.each([
    ['2026-10-27T09:15:00.250+01:00', '2026-10-27T08:15:00.250Z'],
    ['2026-10-27T09:15:00Z', '2026-10-27T09:15:00.000Z'],
    ['2026-10-27T09:15:00', '2026-10-27T08:15:00.000Z'],
    ['2026-10-25T02:30:00', 'date ValDt'],
    ['2026-10-27T09:15', 'date ValDt'],
    ['2026-10-27T09:15:00+25:00', 'date ValDt'],
    ['2026-02-30T09:15:00Z', 'date ValDt'],
    ['', 'blank ValDt'],
  ])('“%s” is %s', (text, expected) => {
    expect(outcome(() => new Date(readIsoTime(text, zone, 2, 'ValDt').at).toISOString())).toBe(expected)
  })

  it('have days that exist', () => {
    expect(readDate('2024-02-29', 1, 'x')).toBe(Date.UTC(2024, 1, 29))
    for (const text of ['2026-02-29', '2026-2-1', '20260201'])
      expect(outcome(() => readDate(text, 1, 'x'))).toBe('date x')
  })
})

describe('a time zone', () => {
  it('is one of the time zone database', () => {
    expect(outcome(() => new TimeZone('Europe/Atlantis').offset(0))).toBe('settings null')
  })

  it('has days of its own', () => {
    expect(new TimeZone('Pacific/Auckland').date(Date.UTC(2026, 0, 1, 12))).toBe('2026-01-02')
    expect(new TimeZone('America/Los_Angeles').date(Date.UTC(2026, 0, 1, 7))).toBe('2025-12-31')
  })
})

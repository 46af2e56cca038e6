import { describe, expect, it } from 'vitest'
import { accountTimes, localTimes, utcTime } from './local-time.ts'

const zones = ['Europe/Amsterdam', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/Los_Angeles', 'Etc/UTC']

describe('times in reports', () => {
  it.each(zones)('of %s are what Intl writes, through a year with its changes of the clock', (zone) => {
    const local = localTimes(zone) ?? utcTime
    const options = { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' } as const
    const format = new Intl.DateTimeFormat('sv-SE', options)
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 1_799_000) {
      expect(local(at)).toBe(format.format(at))
    }
  })

  it('have no zone that does not exist', () => {
    expect(localTimes('Mars/Olympus')).toBeUndefined()
  })

  it.each([
    ['Europe/Amsterdam', 0, '2026-01-15 13:00:00 CET'],
    ['Europe/Amsterdam', 6, '2026-07-15 14:00:00 CEST'],
    ['Europe/London', 6, '2026-07-15 13:00:00 BST'],
    ['America/Los_Angeles', 0, '2026-01-15 04:00:00 PST'],
    ['Etc/UTC', 6, '2026-07-15 12:00:00 UTC'],
  ] as const)('of an account in %s have its abbreviation (month %i)', (accountZone, month, expected) => {
    const { time, zone } = accountTimes(accountZone)(Date.UTC(2026, month, 15, 12))
    expect(`${time} ${zone}`).toBe(expected)
  })
})

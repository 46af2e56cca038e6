/** Times as reports write them: `YYYY-MM-DD HH:MM:SS` of a time zone. */

/** @param zone an IANA name. @returns undefined where there is no such zone */
export function localTimes(zone: string): ((unixMs: number) => string) | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
  return (unixMs) => {
    const parts = new Map(format.formatToParts(unixMs).map(({ type, value }) => [type, value]))
    const part = (name: Intl.DateTimeFormatPartTypes): string => parts.get(name) ?? ''
    return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')}`
  }
}

export function utcTime(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** Zones that an Adyen account can be in, with the abbreviations of winter and summer. */
export const zoneAbbreviations = {
  'Europe/Amsterdam': ['CET', 'CEST'],
  'Europe/London': ['GMT', 'BST'],
  'America/Los_Angeles': ['PST', 'PDT'],
  'Etc/UTC': ['UTC', 'UTC'],
} as const
export type AccountZone = keyof typeof zoneAbbreviations

/** A time of an account's zone, and the zone's abbreviation at that time. */
export function accountTimes(zone: AccountZone): (unixMs: number) => { readonly time: string; readonly zone: string } {
  const local = localTimes(zone) ?? utcTime
  const [winter, summer] = zoneAbbreviations[zone]
  return (unixMs) => {
    const time = local(unixMs)
    const january = Date.UTC(new Date(unixMs).getUTCFullYear(), 0, 1)
    return { time, zone: aheadOfUtc(time, unixMs) === aheadOfUtc(local(january), january) ? winter : summer }
  }
}

function aheadOfUtc(time: string, unixMs: number): number {
  return Date.parse(`${time.replace(' ', 'T')}Z`) - Math.floor(unixMs / 1000) * 1000
}

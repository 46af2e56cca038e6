/** Times as reports write them: `YYYY-MM-DD HH:MM:SS` of a time zone. */

/** Zones change their offsets at whole quarters of an hour. */
const quarterMs = 15 * 60_000

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
  let quarter: number | undefined
  let offsetMs = 0
  return (unixMs) => {
    const asked = Math.floor(unixMs / quarterMs)
    if (asked !== quarter) offsetMs = offsetOf(format, asked * quarterMs)
    quarter = asked
    return utcTime(unixMs + offsetMs)
  }
}

/** How far the format's zone is ahead of UTC. @param unixMs a whole second */
function offsetOf(format: Intl.DateTimeFormat, unixMs: number): number {
  const parts = new Map(format.formatToParts(unixMs).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
  const date = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return date - unixMs
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

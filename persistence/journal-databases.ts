/**
 * Which Postgres keeps which shards: `JOURNAL_DATABASE_URLS`, such as `0-511=postgres://a,512-1023=postgres://b`, or one
 * URL for all of them. The database of shard 0 is also the membership database, in whatever order they are written.
 *
 * The ranges are of the cluster, not of a process: each database records its own at its first start and refuses another
 * (migrate.ts). Messages name entries by number and never repeat a URL: it holds a password.
 */
export interface ShardRange {
  readonly first: number
  readonly last: number
}

export interface JournalDatabase extends ShardRange {
  readonly url: string
}

/** What is wrong with the setting, in words that may be logged. */
export class JournalDatabasesError extends Error {
  override readonly name = 'JournalDatabasesError'
  readonly code = 'journal_databases_invalid'
}

const databasesMax = 64
const entryStart = /,(?=\s*\d+\s*-\s*\d+\s*=)/
const entryForm = /^(\d{1,9})\s*-\s*(\d{1,9})\s*=\s*(\S+)$/

/**
 * @returns in order of shard, without gaps; the first is the membership database.
 * @throws {JournalDatabasesError}
 */
export function parseJournalDatabases(text: string, shardCount: number): readonly JournalDatabase[] {
  const whole = text.trim()
  if (/^postgres(?:ql)?:/.test(whole)) {
    // A URL of one server may hold commas; what looks like a second entry in it is a range that was forgotten.
    if (entryStart.test(whole)) throw new JournalDatabasesError('database 1 has no shard range before its URL')
    return [{ first: 0, last: shardCount - 1, url: urlOf(whole, 1) }]
  }
  const databases = whole.split(entryStart).map((entry, index) => parseEntry(entry.trim(), index + 1, shardCount))
  if (databases.length > databasesMax) throw new JournalDatabasesError(`more than ${databasesMax} databases`)
  const sorted = databases.toSorted((a, b) => a.first - b.first)
  let next = 0
  for (const { first, last } of sorted) {
    if (first > next) throw new JournalDatabasesError(`no database for shards ${next}-${first - 1}`)
    if (first < next) {
      throw new JournalDatabasesError(`two databases for shards ${first}-${Math.min(last, next - 1)}`)
    }
    next = last + 1
  }
  if (next < shardCount) throw new JournalDatabasesError(`no database for shards ${next}-${shardCount - 1}`)
  const places = new Map<string, number>()
  for (const [index, { url }] of databases.entries()) {
    const other = places.get(placeOf(url))
    if (other !== undefined) throw new JournalDatabasesError(`databases ${other} and ${index + 1} are the same`)
    places.set(placeOf(url), index + 1)
  }
  return sorted
}

function parseEntry(entry: string, number: number, shardCount: number): JournalDatabase {
  const [, first, last, url] = entryForm.exec(entry) ?? []
  if (first === undefined || last === undefined || url === undefined) {
    throw new JournalDatabasesError(`database ${number} is not written as first-last=postgres://…`)
  }
  const range = { first: Number(first), last: Number(last) }
  if (range.first > range.last) throw new JournalDatabasesError(`database ${number} ends before it begins`)
  if (range.last >= shardCount) {
    throw new JournalDatabasesError(`database ${number} has a shard beyond ${shardCount - 1}`)
  }
  return { ...range, url: urlOf(url, number) }
}

function urlOf(text: string, number: number): string {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw new JournalDatabasesError(`database ${number} has no postgres:// URL`)
  }
  return text
}

/** Server and database, without credentials. */
function placeOf(url: string): string {
  const { hostname, port, pathname, username } = new URL(url)
  const database = pathname.length > 1 ? pathname : `/${username}`
  return `${hostname.toLowerCase()}:${port === '' ? '5432' : port}${database}`
}

/** The range as operators read it. */
export function nameOfRange({ first, last }: ShardRange): string {
  return `${first}-${last}`
}

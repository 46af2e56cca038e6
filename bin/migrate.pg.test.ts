/** `npm run migrate` as an operator runs it, against servers of their own. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { checkJournalDatabases } from '../persistence/migrate.ts'
import { createEmptyDatabase, type TestDatabase } from '../test/support/test-database.ts'

const program = fileURLToPath(new URL('./migrate.ts', import.meta.url))
const databases: TestDatabase[] = []

afterEach(async () => {
  for (const database of databases.splice(0)) await database.drop()
})

async function empty(): Promise<TestDatabase> {
  const database = await createEmptyDatabase()
  databases.push(database)
  return database
}

async function run(environment: Readonly<Record<string, string>>): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, DATABASE_URL: '', JOURNAL_DATABASE_URLS: '', ...environment }
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { env })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}

test('every journal database gets the schema, and a second run changes nothing', async () => {
  const [first, second] = [await empty(), await empty()]
  const urls = { JOURNAL_DATABASE_URLS: `0-511=${first.url},512-1023=${second.url}` }
  for (let n = 0; n < 2; n += 1) expect(await run(urls)).toMatchObject({ code: 0, out: '2 databases are up to date\n' })
  await checkJournalDatabases(
    [
      { first: 0, last: 511, url: first.url },
      { first: 512, last: 1023, url: second.url },
    ],
    new Uint8Array(32),
  )
})

test('a database without the schema is refused with the command that makes it', async () => {
  const { url } = await empty()
  const refused = checkJournalDatabases([{ first: 0, last: 1023, url }], new Uint8Array(32))
  await expect(refused).rejects.toThrow('npm run migrate')
})

test('without a database, or with one that is away, it says so in one line and repeats no URL', async () => {
  expect(await run({})).toMatchObject({
    code: 2,
    err: expect.stringContaining('DATABASE_URL or JOURNAL_DATABASE_URLS'),
  })
  const away = await run({ DATABASE_URL: 'postgres://shardpay:hush@127.0.0.1:1/pay' })
  expect(away.code).toBe(1)
  expect(away.err).toContain('ECONNREFUSED')
  expect(away.err).not.toContain('hush')
})

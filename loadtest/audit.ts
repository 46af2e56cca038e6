/**
 * The judge's command line. Exit code 0: every check passed; 1: an invariant is broken; 2: it was not asked rightly, or
 * could not read what it was given; 3: unknown, because the run does not tell (docs/auditor.md).
 *
 *   node loadtest/audit.ts --history run.jsonl --journal postgres://… --book http://127.0.0.1:4242/_admin/book --id-key-file .shardpay/id-key
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../runtime/clock.ts'
import { audit } from './auditor/audit.ts'
import { readBook } from './auditor/book.ts'
import { PostgresJournal } from './auditor/postgres-journal.ts'
import { describeReport } from './auditor/report.ts'
import { messageOf } from './auditor/shard-check.ts'
import { readHistory } from './history.ts'

const usage = `usage: node loadtest/audit.ts --history FILE --journal URL [--journal URL …] [--book URL|FILE …] [--id-key-file FILE] [--no-final-reads] [--json]`
const exitCodes = { pass: 0, fail: 1, unknown: 3 } as const
const exitUsage = 2

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      history: { type: 'string' },
      journal: { type: 'string', multiple: true },
      book: { type: 'string', multiple: true, default: [] },
      'id-key-file': { type: 'string' },
      'no-final-reads': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { history, journal: urls, book: books } = values
  if (history === undefined || urls === undefined) throw new Error('a history and a journal are needed')
  const idKeyFile = values['id-key-file']
  const idKey = idKeyFile === undefined ? undefined : await readIdKey(idKeyFile)
  const journals: PostgresJournal[] = []
  try {
    for (const url of urls) journals.push(await PostgresJournal.open(url))
    const report = await audit({
      history: readHistory(history),
      journals,
      books: books.map(readBook),
      ...(idKey !== undefined && { idKey }),
      finalReads: !values['no-final-reads'],
      monotonic: () => systemClock.monotonic(),
    })
    process.stdout.write(`${values.json ? JSON.stringify(report) : describeReport(report)}\n`)
    return exitCodes[report.result]
  } finally {
    for (const journal of journals) await journal.close()
  }
}

/** 32 bytes or more, in hexadecimal digits. The message never shows what is in the file. */
async function readIdKey(path: string): Promise<Buffer> {
  const text = (await readFile(path, 'utf8')).trim()
  if (!/^(?:[0-9a-f]{2}){32,}$/i.test(text)) throw new Error(`${path} holds no id key`)
  return Buffer.from(text, 'hex')
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n${usage}\n`)
  return exitUsage
})

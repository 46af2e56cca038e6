/**
 * `shardpay projections rebuild` over a database full of payments: rows of the journal a second, processor time of the command
 * and of Postgres, memory, and how long lists wait for the swap. Then live rows are changed, removed and doubled: a dry run has
 * to name each, and a rebuild to heal them.
 * `--payments=N`: another number than 100,000; `--quick` is a smoke run.
 */
import { startBenchServer } from './support/bench-server.ts'
import { runBenchmark } from './support/benchmark.ts'
import { shown } from './support/cluster-part.ts'
import { fillDatabase } from './support/paid-database.ts'
import { type CommandRun, runCommand, runProof } from './support/proof-command.ts'
import type { Table } from './support/table.ts'

const isQuick = process.argv.includes('--quick')
const flag = process.argv.find((each) => each.startsWith('--payments='))
const payments = flag === undefined ? (isQuick ? 5_000 : 100_000) : Number(flag.slice('--payments='.length))
if (!Number.isSafeInteger(payments) || payments < 5_000) throw new Error('--payments is a number from 5,000')
const rounds = isQuick ? 1 : 3

interface Answer {
  readonly databases: readonly {
    readonly rows: number
    readonly seconds: number
    readonly rows_per_second: number
    readonly swapped: boolean
    readonly held_ms: number | null
    readonly difference_count: number
    readonly differences: readonly { readonly shard: number | null; readonly table: string }[]
  }[]
}

type Run = CommandRun<Answer>

/** What a dry run has to name, and what makes it so. */
const harms = [
  ['shard 17, transfer', 'UPDATE read.transfer SET amount = amount + 1 WHERE shard = 17 AND n = 0'],
  ['shard 18, payment', 'DELETE FROM read.payment WHERE shard = 18'],
  [
    'shard 19, transfer',
    `INSERT INTO read.transfer (posted_at, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation)
    SELECT posted_at + 1, position, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation
    FROM read.transfer WHERE shard = 19 AND n = 0`,
  ],
  ['all shards, balance', 'UPDATE read.balance SET debits = debits + 1'],
] as const

function costTable(runs: readonly Run[]): Table {
  return {
    title: 'Cost of a rebuild',
    columns: [
      ...['run', 'rows of the journal', 'rows a second', 'of processor time: µs a row', 'rows a second on two cores'],
      ...['command CPU s', 'Postgres CPU s', 'memory MiB', 'lists wait ms'],
    ],
    rows: runs.map(({ answer, nodeMs, postgresMs, memoryMiB }, index) => {
      const { rows = 0, rows_per_second: rate = 0, held_ms: heldMs } = answer.databases[0] ?? {}
      const microseconds = (1_000 * (nodeMs + postgresMs)) / rows
      return [
        ...[String(index + 1), rows, rate, microseconds, 2_000_000 / microseconds],
        ...[nodeMs / 1_000, postgresMs / 1_000, memoryMiB, heldMs ?? Number.NaN],
      ]
    }),
  }
}

await runBenchmark({
  name: 'rebuild',
  title: 'Making the read side anew',
  method: `${payments.toLocaleString('en-US')} payments of a thousand merchants, decided by the payment machine, appended through the journal and stored by the projector's own statement: three decisions and about three transfers each, over two months. \`shardpay projections rebuild\` runs as operators run it, ${rounds} times. Then live rows are changed, removed and doubled past all rights: \`--dry-run\` has to name each, and a rebuild to leave what \`ledger verify\` proves.${isQuick ? ' **This was a smoke run: its figures mean nothing.**' : ''}`,
  async run(log) {
    if (process.argv.includes('--write') && isQuick) throw new Error('what is kept is measured in full')
    const postgres = await startBenchServer()
    const wrong: string[] = []
    const rebuild = async (...options: readonly string[]): Promise<Run> => {
      const run = await runCommand<Answer>(['projections', 'rebuild', ...options], postgres)
      log(`rebuild ${options.join(' ')}: ${shown(run.seconds)} s, exit code ${run.exitCode}`)
      return run
    }
    try {
      const { decisions } = await fillDatabase(postgres.url, payments, log)
      const runs: Run[] = []
      for (let round = 0; round < rounds; round += 1) {
        const run = await rebuild()
        const [database] = run.answer.databases
        if (run.exitCode !== 0 || database?.swapped !== true) wrong.push('a rebuild swapped nothing')
        if ((database?.rows ?? 0) < decisions) wrong.push(`${database?.rows} rows were folded of ${decisions}`)
        runs.push(run)
      }
      for (const [, text] of harms) await postgres.client.query(text)
      const found = (await rebuild('--dry-run')).answer.databases[0]?.differences ?? []
      const places = found.map(({ shard, table }) => `${shard === null ? 'all shards' : `shard ${shard}`}, ${table}`)
      for (const [place] of harms) if (!places.includes(place)) wrong.push(`not found: ${place}`)
      if (places.length !== harms.length) wrong.push(`${places.length} places were found of ${harms.length}`)
      await rebuild()
      const proof = await runProof('ledger', postgres)
      if (proof.exitCode !== 0) wrong.push(`what was harmed is not healed: ${proof.answer.problems.join('; ')}`)
      return {
        tables: [costTable(runs)],
        versions: { postgres: postgres.version },
        notes: [
          'A row of the journal is one decision, of one event or more.',
          'Postgres and the command share the machine. Processor time is user and system time, of all threads and of all backends; on two cores that nothing else uses a rebuild takes about half of it.',
          'Lists wait from when the live tables are asked to be locked until they are swapped. Nobody reads or writes meanwhile here.',
        ],
        wrong,
      }
    } finally {
      await postgres.stop()
    }
  },
})

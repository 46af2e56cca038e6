/** A process that archives and kills itself at a step: `node archive-then-die.ts '{"url", "directory", "step", "times", "shard"}'`. */
import { type ArchiveStep, archiveJournal } from '../../bin/archive/archive.ts'
import { shardCount } from '../../domain/ids.ts'

interface Scope {
  readonly url: string
  readonly directory: string
  readonly step: ArchiveStep
  /** How often the step is reached until it dies. */
  readonly times: number
  readonly shard: number
}

const { url, directory, step, times, shard } = JSON.parse(process.argv[2] ?? '') as Scope
const now = Date.now() + 1_000
let met = 0

await archiveJournal({
  databases: [{ url, first: 0, last: shardCount - 1 }],
  ...{ shards: new Set([shard]), directory, closedBefore: now, now, paymentsAtOnce: 2 },
  reached(each) {
    if (each !== step) return
    met += 1
    if (met === times) process.kill(process.pid, 'SIGKILL')
  },
})

/**
 * The deterministic simulation (docs/simulation.md):
 *
 *   npm run sim -- --seeds 10000            many seeds, on as many processes as there are processors
 *   npm run sim -- --seed 123               one seed again, with all that is known of it
 *   npm run sim -- --seed 123 --shrink      the same, made smaller while it fails
 *   npm run sim -- --seeds 200 --sabotage 'owner check off'
 *
 * Exit code 0: every claim held. Workers are started anew every few hundred seeds, since nact keeps what it knew of actors
 * whose process was killed.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describe, flagsOf } from '../test/sim/flags.ts'
import { sabotages } from '../test/sim/sabotage/list.ts'
import { shrink, textOf } from '../test/sim/shrink.ts'
import { type RunResult, runWorld, type Sabotage } from '../test/sim/world.ts'

const chunkSeeds = 250
/** Failures that are shown; after these the run ends. */
const failuresMax = 10

const usage = `npm run sim -- [--seeds 500] [--from 1] [--workers N]   many seeds
npm run sim -- --seed N [--shrink]                      one seed again, made smaller while it fails
npm run sim -- --seeds 200 --sabotage NAME              with one rule broken:
  ${sabotages.map(({ name }) => name).join('\n  ')}
docs/simulation.md says what is claimed.`

const values = readFlags()
if (values.help) {
  console.log(usage)
  process.exit(0)
}

function readFlags() {
  try {
    return parseArgs({
      options: {
        seed: { type: 'string' },
        seeds: { type: 'string', default: '500' },
        from: { type: 'string', default: '1' },
        workers: { type: 'string', default: String(Math.min(availableParallelism(), 8)) },
        shrink: { type: 'boolean', default: false },
        sabotage: { type: 'string' },
        worker: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exit(2)
  }
}

interface SeedReport {
  readonly seed: number
  readonly failure: string | undefined
  readonly flags: string
  readonly turns: number
  readonly virtualMs: number
  readonly answers: number
  readonly decisions: number
  readonly effects: number
}

if (values.worker) work()
else if (values.seed !== undefined) await one(whole('seed', values.seed))
else await many(whole('from', values.from), whole('seeds', values.seeds), whole('workers', values.workers))

function whole(name: string, text: string): number {
  if (!/^[0-9]{1,10}$/.test(text)) {
    console.error(`--${name} is a whole number`)
    process.exit(2)
  }
  return Number(text)
}

function makeSabotage(): Sabotage {
  if (values.sabotage === undefined) return {}
  const found = sabotages.find(({ name }) => name === values.sabotage)
  if (found === undefined) {
    console.error(`--sabotage is one of: ${sabotages.map(({ name }) => name).join(' | ')}`)
    process.exit(2)
  }
  return found.make()
}

// --- one seed ------------------------------------------------------------------------------------------------------------

async function one(seed: number): Promise<void> {
  let result = await runWorld(flagsOf(seed), makeSabotage())
  print(result)
  if (result.failure === undefined || !values.shrink) return
  let tries = 0
  result = await shrink(
    result,
    (flags) => runWorld(flags, makeSabotage()),
    () => {
      tries += 1
    },
  )
  console.log(`\nsmallest of ${tries + 1} runs that fails alike:`)
  print(result)
}

function print(result: RunResult): void {
  const { flags, failure, hash, turns, virtualMs, decisions, answers, effects, compared, shown, troubles } = result
  console.log(`seed ${flags.seed} ${describe(flags)}`)
  console.log(
    `${(virtualMs / 1000).toFixed(1)} s virtual, ${turns} turns, ${decisions} decisions, ${answers} answers, ` +
      `${effects} effects, ${compared} payments compared with the book, ${shown} rows of the read side with the journal, hash ${hash}`,
  )
  if (Object.keys(troubles).length > 0) console.log(`troubles ${JSON.stringify(troubles)}`)
  if (failure === undefined) console.log('every claim held')
  else {
    console.log(textOf(failure))
    process.exitCode = 1
  }
}

// --- many seeds ------------------------------------------------------------------------------------------------------------

async function many(from: number, count: number, workers: number): Promise<void> {
  const began = performance.now()
  const totals = { seeds: 0, failed: 0, turns: 0, virtualMs: 0, answers: 0, decisions: 0, effects: 0 }
  let next = from
  let shownAt = 0
  const take = (report: SeedReport): void => {
    totals.seeds += 1
    for (const name of ['turns', 'virtualMs', 'answers', 'decisions', 'effects'] as const) totals[name] += report[name]
    if (report.failure !== undefined) {
      totals.failed += 1
      console.log(`\nseed ${report.seed} failed: ${report.failure}\n  ${report.flags}`)
      console.log(`  npm run sim -- --seed ${report.seed} --shrink`)
      if (totals.failed >= failuresMax) next = from + count
    }
    if (performance.now() - shownAt < 2_000) return
    shownAt = performance.now()
    const perSecond = totals.seeds / ((shownAt - began) / 1000)
    process.stderr.write(`${totals.seeds}/${count} seeds, ${totals.failed} failed, ${perSecond.toFixed(0)}/s\r`)
  }
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      const chunk = { from: next, to: Math.min(next + chunkSeeds, from + count) }
      next = chunk.to
      await inWorker(chunk, take, () => next < from + count || totals.failed < failuresMax)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, workers) }, lane))
  const tookS = (performance.now() - began) / 1000
  console.log(
    `\n${totals.seeds} seeds, ${totals.failed} failed: ${(totals.virtualMs / 3_600_000).toFixed(1)} h virtual in ` +
      `${tookS.toFixed(0)} s, ${(totals.seeds / tookS).toFixed(1)} seeds/s, ${totals.turns} turns, ` +
      `${totals.decisions} decisions, ${totals.answers} answers, ${totals.effects} effects at the PSP`,
  )
  process.exitCode = totals.failed > 0 ? 1 : 0
}

interface Chunk {
  readonly from: number
  readonly to: number
}

function inWorker(chunk: Chunk, take: (report: SeedReport) => void, goOn: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const sabotage = values.sabotage === undefined ? [] : ['--sabotage', values.sabotage]
    const child = fork(fileURLToPath(import.meta.url), ['--worker', ...sabotage])
    child.on('message', (report) => {
      take(report as SeedReport)
      if (!goOn()) child.kill()
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0 || !goOn()) resolve()
      else reject(new Error(`the worker for seeds ${chunk.from} to ${chunk.to - 1} ended: ${code ?? signal}`))
    })
    child.send(chunk)
  })
}

function work(): void {
  process.once('message', (message) => {
    const { from, to } = message as Chunk
    void seeds(from, to).finally(() => process.disconnect())
  })
}

async function seeds(from: number, to: number): Promise<void> {
  for (let seed = from; seed < to; seed += 1) {
    const { failure, flags, turns, virtualMs, answers, decisions, effects } = await runWorld(
      flagsOf(seed),
      makeSabotage(),
    )
    const report: SeedReport = {
      seed,
      failure: failure === undefined ? undefined : textOf(failure).slice(0, 800),
      flags: describe(flags),
      turns,
      virtualMs,
      answers,
      decisions,
      effects,
    }
    process.send?.(report)
  }
}

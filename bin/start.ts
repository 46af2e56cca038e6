/**
 * `npm start`: a whole development cluster on this machine, and the box that says how to use it. The supervisor does the
 * work; here are the command line, the terminal, signals and exit codes: 0 after an orderly stop, 1 where something failed,
 * 2 where the command line or the configuration is wrong, 130 where a second Ctrl-C ended it at once.
 */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, styleText } from 'node:util'
import { ConfigError, loadConfig, unknownVariables } from '../runtime/config.ts'
import { systemRandom } from '../runtime/random.ts'
import { serverSettings, startSettings } from './config.ts'
import { renderBox, terminalStyle } from './dev/box.ts'
import { parentGone } from './dev/npm.ts'
import { StartError } from './dev/start-error.ts'
import { type Death, Interrupted, Supervisor } from './dev/supervisor.ts'

const usage = `npm start [-- --fresh]

Starts a development cluster: embedded Postgres (or DATABASE_URL), a simulated PSP, three nodes and a gateway.
  --fresh   empty the data of earlier starts first (embedded Postgres and simulated PSP; keys are kept)
  --help    this text
Settings: docs/config.md`

async function main(): Promise<number> {
  const flags = parseFlags()
  if (flags === undefined) return 2
  if (flags.help) {
    console.log(usage)
    return 0
  }
  const config = readConfig()
  if (config === undefined) return 2
  if (flags.fresh && config.databaseUrl !== undefined) {
    console.error('--fresh empties the embedded Postgres only: empty the database of DATABASE_URL yourself')
    return 2
  }
  const directory = resolve(config.directory ?? fileURLToPath(new URL('../.shardpay', import.meta.url)))
  // Half of a process's start is compiling what the one before it has compiled.
  process.env['NODE_COMPILE_CACHE'] ||= join(directory, 'compiled')
  const supervisor = new Supervisor({
    config,
    directory,
    fresh: flags.fresh,
    tick: (text, tookMs) => console.log(`${styleText('green', '✔')} ${text} (${(tookMs / 1000).toFixed(1)} s)`),
    show: (line) => console.error(line),
  })
  const asked = askedToStop()
  void asked.then(() => supervisor.interrupt())
  const end = await live(supervisor, asked)
  if (end.kind === 'failed') console.error(end.message)
  console.log(end.kind === 'asked' ? 'stopping: accepted requests are answered first' : 'stopping what was started')
  const impatient = await Promise.race([supervisor.stop(), secondSignal()])
  if (impatient === 'again') {
    await supervisor.kill()
    return 130
  }
  for (const problem of impatient) console.error(`${styleText('red', '✘')} ${problem}`)
  return end.kind === 'asked' && impatient.length === 0 ? 0 : 1
}

type End = { readonly kind: 'asked' } | { readonly kind: 'failed'; readonly message: string }

/** From the start to the moment the cluster is to be stopped. */
async function live(supervisor: Supervisor, asked: Promise<'asked'>): Promise<End> {
  try {
    const cluster = await supervisor.start()
    const idempotencyKey = `try-${systemRandom.hex(4)}`
    const nodes = cluster.processes.filter(({ role }) => role === 'node')
    const operatorToken = cluster.operator_tokens[0]?.token ?? ''
    console.log(
      renderBox({ ...cluster, apiKeys: cluster.api_keys, operatorToken, nodes, idempotencyKey }, terminalStyle),
    )
  } catch (error) {
    if (error instanceof Interrupted) return { kind: 'asked' }
    return { kind: 'failed', message: `${styleText('red', '✘')} ${textOf(error)}` }
  }
  const end = await Promise.race([asked, supervisor.died])
  return end === 'asked' ? { kind: 'asked' } : { kind: 'failed', message: obituary(end) }
}

function obituary({ what, how, lastLines }: Death): string {
  const heading = `${styleText('red', '✘')} ${what} ${how}, unasked`
  return [heading, ...(lastLines.length > 0 ? ['its last lines:', ...lastLines] : [])].join('\n  ')
}

function textOf(error: unknown): string {
  if (error instanceof StartError) return error.text
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function askedToStop(): Promise<'asked'> {
  return new Promise((resolve) => {
    for (const name of signals) process.once(name, () => resolve('asked'))
    void parentGone().then(() => resolve('asked'))
  })
}

/** npm passes Ctrl-C on to a process that the terminal has told already: what comes within a second is the same wish. */
const sameWishMs = 1_000

function secondSignal(): Promise<'again'> {
  const asked = performance.now()
  return new Promise((resolve) => {
    for (const name of signals) {
      process.on(name, () => {
        if (performance.now() - asked > sameWishMs) resolve('again')
      })
    }
  })
}

function parseFlags(): { readonly fresh: boolean; readonly help: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: { fresh: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    })
    return values
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return undefined
  }
}

function readConfig() {
  for (const variable of unknownVariables('SHARDPAY_', process.env, serverSettings, startSettings)) {
    console.error(`${variable} is set, but nothing reads it (docs/config.md lists the settings)`)
  }
  try {
    return loadConfig(startSettings, process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(new StartError('configuration_invalid', error.message).text)
    return undefined
  }
}

process.exit(await main())

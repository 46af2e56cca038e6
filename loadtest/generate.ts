/**
 * The generator's command line: open-loop load on the merchants' API, then final reads, into a history for `audit.ts`.
 * Exit code 0: every payment came to rest; 1: some did not, or requests were never answered; 2: not asked rightly.
 *
 *   node loadtest/generate.ts --target http://127.0.0.1:8080 --key-file .shardpay/dev.json --rate 200 --duration 10 --history run.jsonl
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../runtime/clock.ts'
import { Load } from './generator.ts'
import { HistoryWriter } from './history-writer.ts'
import { createOnly, defaultMix } from './journey.ts'
import { describeLatency } from './latency.ts'
import { clientDefaults, type Merchant, MerchantClient, pause } from './merchant-client.ts'

const usage = `usage: node loadtest/generate.ts --target URL [--target URL …] --key-file FILE --history FILE [--rate 200] [--duration 10]
  [--seed N] [--arrivals poisson|constant] [--create-only] [--in-flight 512] [--patience 60] [--remote] [--json]
  --key-file: .shardpay/dev.json, or lines of a merchant's id and its API key
  --rate: journeys per second; --duration, --patience: seconds`

class UsageError extends Error {}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true },
      'key-file': { type: 'string' },
      history: { type: 'string' },
      rate: { type: 'string', default: '200' },
      duration: { type: 'string', default: '10' },
      seed: { type: 'string' },
      arrivals: { type: 'string', default: 'poisson' },
      'create-only': { type: 'boolean', default: false },
      'in-flight': { type: 'string', default: '512' },
      patience: { type: 'string', default: '60' },
      remote: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { target, 'key-file': keyFile, history: path, arrivals } = values
  if (target === undefined || keyFile === undefined || path === undefined) {
    throw new UsageError('a target, a key file and a history are needed')
  }
  if (arrivals !== 'poisson' && arrivals !== 'constant') throw new UsageError('--arrivals is poisson or constant')
  const rate = positive('--rate', values.rate, 100_000)
  const durationMs = positive('--duration', values.duration, 86_400) * 1_000
  const patienceMs = positive('--patience', values.patience, 3_600) * 1_000
  const inFlightMax = positive('--in-flight', values['in-flight'], 65_536)
  const seed = values.seed === undefined ? randomBytes(4).readUInt32BE() : positive('--seed', values.seed, 2 ** 32)
  const merchants = await readMerchants(keyFile)
  const clock = systemClock
  const history = new HistoryWriter(path)
  const client = new MerchantClient({
    ...clientDefaults,
    gateways: target,
    history,
    clock,
    patienceMs,
    remote: values.remote,
  })
  try {
    const mix = values['create-only'] ? createOnly : defaultMix
    const run = randomBytes(4).toString('hex')
    const load = new Load({ client, history, clock, merchants, seed, run, rate, arrivals, mix, inFlightMax })
    load.start()
    await pause(clock, durationMs)
    await load.stop()
    const restless = await load.finish(patienceMs)
    const summary = load.summary()
    if (values.json)
      process.stdout.write(`${JSON.stringify({ seed, payments: load.payments, restless, ...summary })}\n`)
    else {
      const lines = [
        `seed ${seed}: ${summary.journeys} journeys, ${load.payments} payments, ${summary.shed} never begun, ${restless} not at rest`,
        ...Object.entries(summary.latencies).map(([f, latency]) => `  ${f}: ${describeLatency(latency)}`),
        `  answers: ${counts(summary.answers)}`,
        `  sent again after: ${counts(summary.troubles)}`,
      ]
      process.stdout.write(`${lines.join('\n')}\n`)
    }
    const isUnanswered = Object.keys(summary.answers).some((name) => name.endsWith(' none'))
    return restless > 0 || isUnanswered ? 1 : 0
  } finally {
    await client.close()
    await history.close()
  }
}

function counts(of: Readonly<Record<string, number>>): string {
  return (
    Object.entries(of)
      .map(([name, count]) => `${name} × ${count}`)
      .join(', ') || 'nothing'
  )
}

function positive(name: string, text: string, max: number): number {
  const value = Number(text)
  if (!(value > 0 && value <= max)) throw new UsageError(`${name} is a number above zero, at most ${max}`)
  return value
}

/** The message never shows what is in the file. */
async function readMerchants(path: string): Promise<Merchant[]> {
  const text = await readFile(path, 'utf8')
  const pairs = text.trimStart().startsWith('{')
    ? (JSON.parse(text) as { readonly api_keys: readonly { merchant: string; key: string }[] }).api_keys
    : text
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .flatMap(([merchant, key]) => (merchant === undefined || key === undefined ? [] : [{ merchant, key }]))
  if (pairs.length === 0) throw new UsageError(`${path} names no merchant`)
  return pairs.map(({ merchant, key }) => ({
    id: merchant,
    apiKey: key,
    mode: key.startsWith('sk_live_') ? 'live' : 'test',
  }))
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\n${error instanceof UsageError ? `${usage}\n` : ''}`,
  )
  return 2
})

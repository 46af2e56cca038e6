/**
 * The edges to PSPs measured: webhooks that are durably accepted, and our connectors beside the PSPs' own libraries. Every
 * result is compared with the journal, or with the simulator's book. `--only=webhooks,connectors` selects parts, `--quick` is
 * a smoke run.
 */
import { readFileSync } from 'node:fs'
import { startBenchServer } from './support/bench-server.ts'
import { runBenchmark } from './support/benchmark.ts'
import { shown, type Target, targetTable } from './support/cluster-part.ts'
import type { TopFunction } from './support/cpu-profile.ts'
import { librariesOf, measureConnectors } from './support/psp-connectors.ts'
import type { PushingPsp } from './support/psp-messages.ts'
import { type About, type PushLoad, WebhookRig } from './support/psp-webhooks.ts'
import type { Table } from './support/table.ts'

const isQuick = process.argv.includes('--quick')
const nodeFlags = listOf('--node-flags=') ?? []
const parts = ['webhooks', 'connectors']
const chosen = listOf('--only=') ?? parts
const messages = isQuick ? 4_000 : 30_000
const warmUpMessages = isQuick ? 1_000 : 10_000
const profiledMs = 2_000
const connectionsUsual = 256
const targetPerSecond = 10_000

interface Cell {
  readonly about: About
  readonly connections: number
}

const cellsOf: Readonly<Record<PushingPsp, readonly Cell[]>> = {
  stripe: [
    { about: 'payment', connections: 64 },
    { about: 'payment', connections: connectionsUsual },
    { about: 'nothing', connections: connectionsUsual },
    { about: 'copies', connections: connectionsUsual },
  ],
  adyen: [
    { about: 'payment', connections: connectionsUsual },
    { about: 'nothing', connections: connectionsUsual },
  ],
}

const words: Readonly<Record<About, string>> = {
  payment: 'a payment each',
  nothing: 'nothing of a payment',
  copies: 'copies of these',
}

interface Measured {
  readonly psp: PushingPsp
  readonly load: PushLoad
}

/** The values of a flag such as `--only=webhooks`; undefined where it is not there. */
function listOf(prefix: string): readonly string[] | undefined {
  return process.argv
    .find((each) => each.startsWith(prefix))
    ?.slice(prefix.length)
    .split(',')
}

interface WebhooksResult {
  readonly measured: readonly Measured[]
  readonly top: readonly TopFunction[]
  readonly postgres: string
  readonly wrong: readonly string[]
}

async function measureWebhooks(log: (line: string) => void): Promise<WebhooksResult> {
  const postgres = await startBenchServer()
  const measured: Measured[] = []
  const wrong: string[] = []
  let top: readonly TopFunction[] = []
  try {
    for (const psp of Object.keys(cellsOf) as PushingPsp[]) {
      const rig = await WebhookRig.start({ psp, postgres, nodeFlags })
      try {
        await rig.push('payment', warmUpMessages, connectionsUsual)
        await rig.push('nothing', warmUpMessages, connectionsUsual)
        for (const { about, connections } of cellsOf[psp]) {
          const load = await (about === 'copies'
            ? rig.pushCopies(messages, connections)
            : rig.push(about, messages, connections))
          measured.push({ psp, load })
          log(`${psp}, ${words[about]}, ${connections} connections: ${Math.round(messages / load.result.seconds)}/s`)
        }
        if (psp === 'stripe') top = await rig.profile(messages, connectionsUsual, profiledMs)
      } finally {
        await rig.stop()
        wrong.push(...rig.wrong)
      }
    }
  } finally {
    await postgres.stop()
  }
  return { measured, top, postgres: postgres.version, wrong }
}

function accepted(measured: readonly Measured[], about: About): Target {
  const load = measured.find(
    (each) => each.psp === 'stripe' && each.load.about === about && each.load.connections === connectionsUsual,
  )?.load
  const perSecond = load === undefined ? 0 : load.messages / load.result.seconds
  return {
    what: `webhooks of stripe durably accepted, ${words[about]}`,
    target: `≥ ${targetPerSecond.toLocaleString('en-US')}/s`,
    measured: `${shown(perSecond)}/s`,
    isMet: perSecond >= targetPerSecond,
  }
}

function speedTable(measured: readonly Measured[]): Table {
  return {
    title: 'Webhooks durably accepted',
    columns: [
      ...['PSP', 'about', 'connections', 'accepted/s', 'p50 ms', 'p99 ms', 'p99.9 ms'],
      ...['server busy', 'Postgres', 'generator', 'others'],
    ],
    rows: measured.map(({ psp, load }) => {
      const { result, serverMs, postgresMs, machineMs } = load
      const { seconds, p50, p99, p999, cpuMs } = result
      const busy = (milliseconds: number): string => `${Math.round(milliseconds / seconds / 10)} %`
      const others = busy(machineMs - serverMs - postgresMs - cpuMs)
      return [
        ...[psp, words[load.about], load.connections, load.messages / seconds, p50, p99, p999],
        ...[busy(serverMs), busy(postgresMs), busy(cpuMs), others],
      ]
    }),
  }
}

function costTable(measured: readonly Measured[]): Table {
  return {
    title: 'Cost of one webhook',
    columns: [
      ...['PSP', 'about', 'connections', 'server µs', 'of it garbage collection µs', 'Postgres µs', 'generator µs'],
      ...['decisions', 'decisions per flush', 'ms per flush'],
    ],
    rows: measured.map(({ psp, load }) => {
      const { messages: count, decisions, flushes, flushSeconds } = load
      const each = (milliseconds: number): number => (milliseconds * 1000) / count
      return [
        ...[psp, words[load.about], load.connections],
        ...[each(load.serverMs), each(load.gcMs), each(load.postgresMs), each(load.result.cpuMs)],
        ...[
          decisions / count,
          flushes === 0 ? 0 : decisions / flushes,
          flushes === 0 ? 0 : (flushSeconds * 1000) / flushes,
        ],
      ]
    }),
  }
}

/** As installed. */
function versionOf(library: string): string {
  const file = new URL(`../node_modules/${library}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

await runBenchmark({
  name: 'psp',
  title: 'PSPs: webhooks in, calls out',
  method: `Webhooks: ${messages.toLocaleString('en-US')} messages per figure, signed ahead, pushed in a closed loop by a process of its own until all are answered, to one process that is gateway and node, over Postgres with fsync and synchronous_commit on. Each is about a payment of its own, made before, to which it is handed over after the acknowledgement; or about nothing of a payment; or a copy of one before. Accepted is 200, which is answered once it is in the journal; any other answer fails the benchmark. After each load every message that was accepted must be in the journal once, and with its payment; in the end every payment must be captured once still. Calls: the same payments by our connector and by the PSP’s own library, each in a process of its own, over TLS to the same simulator, by turns; the turn with the least processor time of each. After each turn the simulator’s book must show every payment once.${isQuick ? ' **This was a smoke run: its figures mean nothing.**' : ''}`,
  async run(log) {
    const unknown = chosen.filter((name) => !parts.includes(name))
    if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are: ${parts.join(', ')}`)
    if (process.argv.includes('--write') && (isQuick || chosen.length < parts.length)) {
      throw new Error('what is kept has all parts, in full')
    }
    const webhooks = chosen.includes('webhooks') ? await measureWebhooks(log) : undefined
    const connectors = chosen.includes('connectors') ? await measureConnectors(isQuick, log) : undefined
    const measured = webhooks?.measured ?? []
    const targets = [
      ...(webhooks === undefined ? [] : [accepted(measured, 'nothing'), accepted(measured, 'payment')]),
      ...(connectors?.targets ?? []),
    ]
    return {
      tables: [
        targetTable(targets),
        ...(webhooks === undefined ? [] : [speedTable(measured), costTable(measured)]),
        ...(connectors?.tables ?? []),
      ],
      versions: {
        ...(webhooks !== undefined && { postgres: webhooks.postgres }),
        ...Object.fromEntries(Object.values(librariesOf).map((library) => [library, versionOf(library)])),
      },
      notes: [
        'Server, Postgres and generator share the machine: what one of them uses the others do not have. The last columns of the first table are processor time against time, until all was handed over; “others” is what was spent on the machine by nobody here, or taken away by its host.',
        'Latency is that of a closed loop: with n connections it is n divided by the rate.',
        'What a webhook costs has in it what follows from it: handing it over, and journaling that.',
        'Adyen’s library dials anew for each call, TLS included.',
        `The profile is of the server while Stripe’s messages are about a payment each, ${connectionsUsual} connections.${nodeFlags.length > 0 ? ` Node’s flags: ${nodeFlags.join(' ')}.` : ''}`,
      ],
      topFunctions: webhooks?.top ?? [],
      wrong: [...(webhooks?.wrong ?? []), ...(connectors?.wrong ?? [])].slice(0, 20),
    }
  },
})

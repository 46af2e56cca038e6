/**
 * Links between processes: what a frame costs to make and to read, and calls per second between two processes over
 * WebSockets on the loopback, plain and under mutual TLS. Every answer is compared with its call.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { decodeFrame, encodeFrames, type Message, messageTypes } from '../cluster/frame.ts'
import type { Link } from '../cluster/link.ts'
import { createLinks } from '../cluster/links.ts'
import { defaultLinkLimits } from '../cluster/links-limits.ts'
import { LinkTls, type LinkTlsFiles } from '../cluster/tls.ts'
import { DevelopmentAuthority } from '../cluster/tls-authority.ts'
import { createWsNetwork } from '../cluster/ws-network.ts'
import { systemClock } from '../runtime/clock.ts'
import { systemRandom } from '../runtime/random.ts'
import { runBenchmark } from './support/benchmark.ts'
import { closedLoop, type LoopResult } from './support/closed-loop.ts'
import { answerTo, type BenchAnswer, envelope, nodePeer } from './support/link-envelopes.ts'
import type { Table } from './support/table.ts'

const calls = 60_000
const concurrencies = [1, 32, 256, 1_024] as const
const rounds = 3

interface Files {
  readonly node: LinkTlsFiles
  readonly gateway: LinkTlsFiles
}

interface Measured {
  readonly transport: string
  readonly concurrency: number
  readonly result: LoopResult
  readonly frames: number
  readonly frameBytes: number
  readonly peerCpuUs: number
}

/** Microseconds of CPU per envelope, making and reading, in frames of so many. */
function codec(perFrame: number): (string | number)[] {
  const envelopes = Array.from({ length: perFrame }, (_, index) => envelope(index))
  const messages = envelopes.map((each, index): Message => [messageTypes.call, index + 1, 'route', 15_000, 420, each])
  const count = Math.ceil(100_000 / perFrame)
  const time = (work: () => void): number => {
    for (let index = 0; index < count / 10; index += 1) work()
    const before = process.cpuUsage()
    for (let index = 0; index < count; index += 1) work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / count / perFrame
  }
  const [frame] = encodeFrames(messages, defaultLinkLimits).frames
  if (frame === undefined) throw new Error('the messages fit a frame')
  const encode = time(() => void encodeFrames(messages, defaultLinkLimits))
  const decode = time(() => void decodeFrame(frame.bytes, defaultLinkLimits))
  return [perFrame, frame.bytes.length / perFrame, encode, decode]
}

async function measure(files: Files | undefined, log: (line: string) => void, wrong: string[]): Promise<Measured[]> {
  const transport = files === undefined ? 'plain' : 'TLS 1.3'
  const script = fileURLToPath(new URL('support/link-peer.ts', import.meta.url))
  const args = files === undefined ? [] : [files.node.certFile, files.node.keyFile, files.node.caFile]
  const peer = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => void peer.once('exit', resolve))
  const address = await new Promise<string>((resolve) => void createInterface(peer.stdout).once('line', resolve))
  const tls = files === undefined ? undefined : new LinkTls({ files: files.gateway, clock: systemClock })
  const sent = { frames: 0, bytes: 0 }
  const links = createLinks({
    self: { node: 'gateway-1', incarnation: 'bench', roles: ['gateway'], build: 'bench' },
    network: createWsNetwork({ host: '127.0.0.1', port: 0, ...(tls !== undefined && { tls }) }),
    clock: systemClock,
    random: systemRandom,
    observer: {
      frameSent(bytes) {
        sent.frames += 1
        sent.bytes += bytes
      },
    },
  })
  const link = await new Promise<Link>((resolve) => {
    links.on({ up: resolve })
    links.connectTo([{ ...nodePeer, address }])
  })
  const peerCpu = async (): Promise<number> => Number(await link.call('cpu', null, { timeoutMs: 10_000 }))
  const measured: Measured[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const concurrency of concurrencies) {
      const count = concurrency === 1 ? calls / 10 : calls
      const cpuBefore = await peerCpu()
      Object.assign(sent, { frames: 0, bytes: 0 })
      const result = await closedLoop({
        concurrency,
        count,
        async start(index) {
          const options = { timeoutMs: 15_000, bytes: 420 }
          const answer = (await link.call('route', envelope(index), options)) as BenchAnswer
          const right = answerTo(envelope(index))
          if (answer.entity !== right.entity || answer.amountMinor !== right.amountMinor) wrong.push(`call ${index}`)
        },
      })
      const peerCpuUs = ((await peerCpu()) - cpuBefore) / count
      measured.push({ transport, concurrency, result, frames: sent.frames, frameBytes: sent.bytes, peerCpuUs })
      log(`round ${round + 1}: ${transport}, ${concurrency} at once: ${Math.round(result.perSecond)}/s`)
    }
  }
  await links.close()
  tls?.close()
  peer.stdin.end()
  await exited
  return measured
}

function callsTable(measured: readonly Measured[]): Table {
  const rows = ['plain', 'TLS 1.3'].flatMap((transport) =>
    concurrencies.map((concurrency) => {
      const best = measured
        .filter((each) => each.transport === transport && each.concurrency === concurrency)
        .reduce((a, b) => (b.result.perSecond > a.result.perSecond ? b : a))
      const { result, frames, frameBytes, peerCpuUs } = best
      return [
        transport,
        concurrency,
        result.perSecond,
        frames / result.seconds,
        result.count / frames,
        frameBytes / result.count,
        result.cpuUsPerOperation,
        peerCpuUs,
        result.latency.percentile(0.5),
        result.latency.percentile(0.99),
      ]
    }),
  )
  return {
    title: 'Calls between two processes',
    columns: [
      'link',
      'at once',
      'calls/s',
      'frames/s sent',
      'calls per frame',
      'bytes per call',
      'µs CPU, caller',
      'µs CPU, answerer',
      'p50 ms',
      'p99 ms',
    ],
    rows,
  }
}

async function makeFiles(directory: string): Promise<Files> {
  const now = systemClock.now()
  const validity = { notBefore: new Date(now - 60_000), notAfter: new Date(now + 3_600_000) }
  const authority = await DevelopmentAuthority.create('bench', validity)
  const store = (file: string, text: string): string => {
    const path = join(directory, file)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const caFile = store('ca.crt', authority.certificate)
  const issue = async (node: string, role: 'node' | 'gateway'): Promise<LinkTlsFiles> => {
    const { certificate, key } = await authority.issue({ node, roles: [role] }, validity)
    return { certFile: store(`${node}.crt`, certificate), keyFile: store(`${node}.key`, key), caFile }
  }
  return { node: await issue(nodePeer.node, 'node'), gateway: await issue('gateway-1', 'gateway') }
}

await runBenchmark({
  name: 'links',
  title: 'Links between processes',
  method: `Closed loops of calls from one process to another on the same machine, one link, ${calls} calls each; the best of ${rounds} rounds. A call carries an envelope with a payment's command, its answer a payment; each is compared with the call.`,
  async run(log) {
    const wrong: string[] = []
    const frames: Table = {
      title: 'Frames, made and read in one process',
      columns: ['envelopes per frame', 'bytes each', 'µs CPU to make each', 'µs CPU to read each'],
      rows: [1, 8, 32, 256].map(codec),
    }
    const directory = mkdtempSync(join(tmpdir(), 'shardpay-bench-'))
    try {
      const measured = [
        ...(await measure(undefined, log, wrong)),
        ...(await measure(await makeFiles(directory), log, wrong)),
      ]
      return {
        tables: [frames, callsTable(measured)],
        versions: {},
        notes: [
          'Making and reading include the check of every byte that frame-scan.ts makes, in both directions.',
          'The caller’s CPU includes the generator. Both processes share the machine’s processors.',
          'With one call at once every call and every answer is a frame of its own.',
        ],
        wrong,
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
})

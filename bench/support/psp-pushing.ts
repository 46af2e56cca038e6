/**
 * Pushes prepared requests in a closed loop: each connection sends the next request once its last was answered, until all are
 * answered. Plain sockets, because whatever the generator spends the receiver does not have.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Samples } from './percentile.ts'

export interface PushResult {
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** User and system time of this process meanwhile. */
  readonly cpuMs: number
  /** How many answers had each status. */
  readonly statuses: readonly (readonly [status: string, count: number])[]
}

/** The request of a message as it goes on the wire. */
export function requestBytes(
  url: string,
  { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
): Buffer {
  const { host, pathname } = new URL(url)
  const lines = Object.entries({
    host,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** @throws where a connection ends while an answer is awaited. */
export async function pushAll(url: string, requests: readonly Buffer[], connections: number): Promise<PushResult> {
  const { hostname, port } = new URL(url)
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  const latencies = new Samples(requests.length)
  const statuses = new Map<string, number>()
  const queue = requests.values()
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  try {
    await Promise.all(
      sockets.map((socket) =>
        keepBusy(socket, queue, (status, ms) => {
          latencies.add(ms)
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }),
      ),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const [p50 = 0, p99 = 0, p999 = 0] = [0.5, 0.99, 0.999].map((share) => latencies.percentile(share))
  return { seconds, p50, p99, p999, cpuMs: (user + system) / 1000, statuses: [...statuses] }
}

/** Ends when the queue is empty and the last request is answered. */
function keepBusy(
  socket: Socket,
  queue: Iterator<Buffer, undefined>,
  answered: (status: string, ms: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0
    let text = ''
    const next = (): void => {
      const request = queue.next().value
      if (request === undefined) {
        resolve()
        return
      }
      sentAt = performance.now()
      socket.write(request)
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!isWhole(text)) return
      answered(text.slice(9, 12), performance.now() - sentAt)
      text = ''
      next()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('a connection was closed before its answer')))
    next()
  })
}

const endOfHeaders = '\r\n\r\n'

/** An answer of a server that tells the length of its bodies. */
function isWhole(text: string): boolean {
  const end = text.indexOf(endOfHeaders)
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, end + 2))?.[1]
  return text.length >= end + endOfHeaders.length + Number(length ?? 0)
}

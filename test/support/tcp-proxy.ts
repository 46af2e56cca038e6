/**
 * A TCP proxy that does to a connection what networks do: hold bytes back, lose answers, reset. One proxy, one target; every
 * switch works on the connections that are open and on those to come.
 *
 *   hold      bytes in that direction wait, in order, until `resume`, and so does the end of the connection
 *   swallow   bytes in that direction are read and thrown away
 *   cut       both sides get a reset, whatever was held is lost
 *   refuse    new connections are reset at once
 *
 * It knows two things of Postgres' wire protocol: where a message ends, so that bytes can be held between Execute and
 * Sync, and which message is a Sync.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export type Direction = 'to_server' | 'to_client' | 'both'

export interface TcpProxyOptions {
  readonly targetPort: number
  readonly targetHost?: string
  readonly port?: number
}

export type SyncAction = 'hold_all' | 'hold_sync' | 'cut_before' | 'cut_after' | 'swallow_after'

interface Pipe {
  readonly from: Socket
  readonly to: Socket
  readonly direction: 'to_server' | 'to_client'
  held: Buffer[]
  /** `from` has ended; `to` is told once nothing is held any more. */
  ended: boolean
  /** The next bytes are lost, and the connection with them. */
  cutOnData: boolean
}

export class TcpProxy {
  #targetPort: number
  readonly #options: TcpProxyOptions
  readonly #server: Server
  readonly #pipes = new Set<Pipe>()
  readonly #holding = new Set<string>()
  readonly #swallowing = new Set<string>()
  #latencyMs = 0
  #refusing = false
  #swallowedBytes = 0
  #cutAfterBytes: { left: number; direction: 'to_server' | 'to_client' } | undefined
  #onSync: { action: SyncAction; reached: () => void } | undefined

  constructor(options: TcpProxyOptions) {
    this.#options = options
    this.#targetPort = options.targetPort
    this.#server = createServer({ allowHalfOpen: false }, (client) => this.#accept(client))
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
    return address.port
  }

  /** The same URL through this proxy. */
  through(url: string): string {
    const proxied = new URL(url)
    proxied.hostname = '127.0.0.1'
    proxied.port = String(this.port)
    return proxied.href
  }

  get connections(): number {
    return this.#pipes.size / 2
  }

  get swallowedBytes(): number {
    return this.#swallowedBytes
  }

  /** New connections go there. */
  retarget(port: number): void {
    this.#targetPort = port
  }

  /** Delays every chunk in both directions. */
  latency(ms: number): void {
    this.#latencyMs = ms
  }

  hold(direction: Direction): void {
    for (const each of directionsOf(direction)) this.#holding.add(each)
  }

  swallow(direction: Direction): void {
    for (const each of directionsOf(direction)) this.#swallowing.add(each)
  }

  /** Ends holding, swallowing, refusing and latency; what was held goes on, in order. */
  resume(): void {
    this.#holding.clear()
    this.#swallowing.clear()
    this.#refusing = false
    this.#latencyMs = 0
    this.#onSync = undefined
    for (const pipe of this.#pipes) {
      const held = pipe.held
      pipe.held = []
      for (const chunk of held) pipe.to.write(chunk)
      this.#release(pipe)
    }
  }

  /** Resets all connections now. */
  cut(): void {
    for (const pipe of this.#pipes) {
      pipe.held = []
      pipe.from.resetAndDestroy()
    }
    this.#pipes.clear()
  }

  /** Resets new connections until `resume`. */
  refuse(): void {
    this.#refusing = true
  }

  /** Resets all connections once this many further bytes have passed. */
  cutAfter(bytes: number, direction: 'to_server' | 'to_client'): void {
    this.#cutAfterBytes = { left: bytes, direction }
  }

  /**
   * At the client's next Sync after a statement. Resolves when it is reached.
   *   hold_all       the statement and its Sync wait: the server has nothing of it
   *   hold_sync      everything before it goes through, it waits: the server stands between Execute and Sync
   *   cut_before     everything before it goes through, then the connection is reset: the server executes and does not commit
   *   cut_after      it goes through and is answered, but the answer is lost with the connection: the server has committed
   *   swallow_after  it goes through, the answers are thrown away: the server commits and the client never hears of it
   */
  atNextSync(action: SyncAction): Promise<void> {
    return new Promise((resolve) => {
      this.#onSync = { action, reached: resolve }
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#options.port ?? 0, '127.0.0.1', resolve)
    })
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy()
      return
    }
    const server = connect(this.#targetPort, this.#options.targetHost ?? '127.0.0.1')
    client.setNoDelay(true)
    server.setNoDelay(true)
    const up: Pipe = { from: client, to: server, direction: 'to_server', held: [], ended: false, cutOnData: false }
    const down: Pipe = { from: server, to: client, direction: 'to_client', held: [], ended: false, cutOnData: false }
    for (const pipe of [up, down]) {
      this.#pipes.add(pipe)
      pipe.from.on('data', (chunk: Buffer) => this.#data(pipe, chunk))
      // A reset on either side is what this proxy is for; the other side learns of it by 'close', which follows.
      pipe.from.on('error', () => undefined)
      pipe.from.on('close', () => {
        pipe.ended = true
        this.#release(pipe)
      })
    }
  }

  /** Bytes that were sent are delivered before the end of the connection, as a network would; only `cut` resets. */
  #release(pipe: Pipe): void {
    if (!pipe.ended || pipe.held.length > 0 || this.#holding.has(pipe.direction)) return
    this.#pipes.delete(pipe)
    pipe.to.end()
  }

  #data(pipe: Pipe, chunk: Buffer): void {
    if (this.#latencyMs > 0) setTimeout(() => this.#pass(pipe, chunk), this.#latencyMs)
    else this.#pass(pipe, chunk)
  }

  #pass(pipe: Pipe, chunk: Buffer): void {
    const { direction } = pipe
    if (pipe.cutOnData) {
      pipe.to.resetAndDestroy()
      return
    }
    if (this.#swallowing.has(direction)) {
      this.#swallowedBytes += chunk.length
      return
    }
    if (this.#holding.has(direction) || pipe.held.length > 0) {
      pipe.held.push(chunk)
      return
    }
    const sync = direction === 'to_server' && this.#onSync !== undefined ? syncAt(chunk) : undefined
    if (sync !== undefined) this.#atSync(pipe, chunk, sync)
    else pipe.to.write(chunk)
    const cut = this.#cutAfterBytes
    if (cut?.direction !== direction) return
    cut.left -= chunk.length
    if (cut.left > 0) return
    this.#cutAfterBytes = undefined
    this.cut()
  }

  #atSync(pipe: Pipe, chunk: Buffer, offset: number): void {
    const trigger = this.#onSync
    this.#onSync = undefined
    switch (trigger?.action) {
      case 'hold_all':
        pipe.held.push(chunk)
        break
      case 'hold_sync':
        if (offset > 0) pipe.to.write(chunk.subarray(0, offset))
        pipe.held.push(chunk.subarray(offset))
        break
      case 'cut_before':
        if (offset > 0) pipe.to.write(chunk.subarray(0, offset))
        pipe.from.resetAndDestroy()
        break
      case 'cut_after':
        for (const down of this.#pipes) if (down.to === pipe.from) down.cutOnData = true
        pipe.to.write(chunk)
        break
      case 'swallow_after':
        this.swallow('to_client')
        pipe.to.write(chunk)
        break
      case undefined:
        pipe.to.write(chunk)
    }
    trigger?.reached()
  }
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new TcpProxy(options)
  await proxy.listen()
  return proxy
}

function directionsOf(direction: Direction): readonly string[] {
  return direction === 'both' ? ['to_server', 'to_client'] : [direction]
}

const syncMessage = Buffer.from([0x53, 0, 0, 0, 4])

/** Where the Sync at the end of this chunk begins: pg sends a statement and its Sync together, or the Sync by itself. */
function syncAt(chunk: Buffer): number | undefined {
  const offset = chunk.length - syncMessage.length
  return offset >= 0 && chunk.subarray(offset).equals(syncMessage) ? offset : undefined
}

/**
 * Links over WebSockets: one binary message is one frame. Nothing is compressed, nothing is buffered beyond the socket, and
 * what a peer may send is bounded before it is read.
 *
 * The listener serves `GET /link` as an upgrade and nothing else: other requests are told 426, other paths and anything that
 * a browser would send 403. With TLS both ends show certificates, 1.3 only, and each knows the other's node and roles from
 * its certificate before the first frame; whether they are the right ones is decided with the hello (links-connection.ts).
 *
 * An end counts as orderly only with the close code that this file sends; a process that dies, or a proxy that gives up,
 * is a reset.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { assert } from '../runtime/assert.ts'
import { type Accept, DialError, type Network, type Pipe, type PipeEvents, type PipeIdentity } from './link.ts'
import { defaultLinkLimits } from './links-limits.ts'
import { identityOf, type LinkTls } from './tls.ts'

export interface WsNetworkOptions {
  /** Where to listen. */
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** host:port that others dial; default: `host` and the port listened on. */
  readonly advertise?: string
  readonly tls?: LinkTls
  /** Somebody connected who is no peer: told before there is a hello, without knowing who it was. */
  readonly turnedAway?: (reason: TurnedAway) => void
}

export type TurnedAway =
  /** No TLS, not 1.3, no certificate, or one of an authority that is not trusted here. */
  | 'tls_handshake'
  /** The certificate names no process of a cluster. */
  | 'certificate_identity'
  /** Not what links ask for: another path, or a browser. */
  | 'request'
  /** The system could not take the connection: no file descriptors left, or a firewall. The next one may do. */
  | 'accept'

const path = '/link'
const orderly = 1000

export const wsLimits = {
  /** A little more than a frame may have: that one is too large is said by the link. */
  payloadBytesMax: defaultLinkLimits.frameBytesMax + 1024,
  /** TCP, TLS and upgrade together. */
  handshakeTimeoutMs: 2_000,
  /** How long the other end has to answer an orderly close. */
  closeTimeoutMs: 2_000,
  keepAliveDelayMs: 5_000,
  headerBytesMax: 8 * 1024,
  connectionsMax: 2 * defaultLinkLimits.peersMax,
} as const

const socketOptions = {
  perMessageDeflate: false,
  maxPayload: wsLimits.payloadBytesMax,
  closeTimeout: wsLimits.closeTimeoutMs,
  // a frame in pieces is nothing that we send
  maxFragments: 1,
} as const

export function createWsNetwork(options: WsNetworkOptions): Network {
  return new WsNetwork(options)
}

class WsNetwork implements Network {
  readonly #options: WsNetworkOptions
  readonly #upgrader = new WebSocketServer({ noServer: true, clientTracking: false, ...socketOptions })
  readonly #sockets = new Set<WebSocket>()
  #server: Server | HttpsServer | undefined
  #forgetTls: (() => void) | undefined

  constructor(options: WsNetworkOptions) {
    this.#options = options
  }

  async listen(accept: Accept): Promise<string> {
    assert(this.#server === undefined, 'a network listens once')
    const { host, port, advertise, tls } = this.#options
    const server = this.#createServer(tls)
    this.#server = server
    server.maxConnections = wsLimits.connectionsMax
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head, accept))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => {
        server.off('error', reject)
        // without a listener a connection that cannot be taken would end the process
        server.on('error', () => this.#options.turnedAway?.('accept'))
        resolve()
      })
    })
    const bound = server.address() as AddressInfo
    return advertise ?? `${host.includes(':') ? `[${host}]` : host}:${bound.port}`
  }

  dial(address: string, events: PipeEvents): ReturnType<Network['dial']> {
    const { tls } = this.#options
    return new Promise((resolve, reject) => {
      const settings: object = {
        ...socketOptions,
        handshakeTimeout: wsLimits.handshakeTimeoutMs,
        followRedirects: false,
        // masking protects proxies between browsers and servers; here it would copy every frame
        generateMask: () => {},
        ...tls?.dialOptions(),
      }
      // the package's types know TLS options of another shape; they go to `tls.connect` as they are
      const url = `${tls === undefined ? 'ws' : 'wss'}://${address}${path}`
      const socket = new WebSocket(url, settings)
      let carrier: Duplex | undefined
      socket.once('upgrade', (response) => {
        carrier = response.socket
      })
      const fail = (error: Error): void => {
        socket.removeAllListeners()
        // closing what is not open yet raises one more
        socket.on('error', () => {})
        socket.terminate()
        const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
        reject(new DialError(`could not dial ${address}: ${error.message}`, refused, { cause: error }))
      }
      socket.once('error', fail)
      socket.once('open', () => {
        try {
          assert(carrier !== undefined, 'an open WebSocket has a connection')
          const identity = tls === undefined ? undefined : identityOf(carrier as TLSSocket)
          assert(tls === undefined || identity !== undefined, 'a node shows who it is in its certificate')
          socket.off('error', fail)
          const pipe = this.#pipeOver(socket, carrier as Socket)
          pipe.deliverTo(events)
          resolve({ pipe, identity })
        } catch (error) {
          fail(error as Error)
        }
      })
    })
  }

  async close(): Promise<void> {
    this.#forgetTls?.()
    const server = this.#server
    const closed = new Promise<void>((resolve) => {
      if (server?.listening === true) server.close(() => resolve())
      else resolve()
    })
    server?.closeAllConnections()
    // links have said goodbye; a peer that does not answer is cut off after the close timeout
    for (const socket of this.#sockets) socket.close(orderly)
    const ends = [...this.#sockets].map((socket) => new Promise((resolve) => void socket.once('close', resolve)))
    await Promise.all([closed, ...ends])
  }

  #createServer(tls: LinkTls | undefined): Server | HttpsServer {
    const common = {
      maxHeaderSize: wsLimits.headerBytesMax,
      headersTimeout: wsLimits.handshakeTimeoutMs,
      requestTimeout: wsLimits.handshakeTimeoutMs,
      connectionsCheckingInterval: wsLimits.handshakeTimeoutMs,
    }
    const refuse = (_request: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
    if (tls === undefined) return createHttpServer(common, refuse)
    const server = createHttpsServer(
      { ...common, ...tls.listenOptions(), handshakeTimeout: wsLimits.handshakeTimeoutMs },
      refuse,
    )
    // closed by Node; one that connects and says nothing ends up here as well
    server.on('tlsClientError', () => this.#options.turnedAway?.('tls_handshake'))
    this.#forgetTls = tls.onChange(() => tls.renew(server))
    return server
  }

  #upgrade(request: IncomingMessage, carrier: Duplex, head: Buffer, accept: Accept): void {
    // what goes wrong before the WebSocket is there ends this connection alone
    const ignore = (): void => void carrier.destroy()
    carrier.on('error', ignore)
    let identity: PipeIdentity | undefined
    if (this.#options.tls !== undefined) {
      identity = carrier instanceof TLSSocket && carrier.authorized ? identityOf(carrier) : undefined
      if (identity === undefined) return this.#turnAway(carrier, 'certificate_identity')
    }
    if (request.url !== path || request.headers.origin !== undefined) return this.#turnAway(carrier, 'request')
    this.#upgrader.handleUpgrade(request, carrier, head, (socket) => {
      carrier.off('error', ignore)
      const pipe = this.#pipeOver(socket, carrier as Socket)
      pipe.deliverTo(accept(pipe, identity))
    })
  }

  #turnAway(carrier: Duplex, reason: TurnedAway): void {
    this.#options.turnedAway?.(reason)
    carrier.once('finish', () => carrier.destroy())
    carrier.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  }

  #pipeOver(socket: WebSocket, carrier: Socket): WsPipe {
    assert(socket.extensions === '', 'nothing is compressed', { extensions: socket.extensions })
    carrier.setNoDelay(true)
    carrier.setKeepAlive(true, wsLimits.keepAliveDelayMs)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return new WsPipe(socket, carrier)
  }
}

class WsPipe implements Pipe {
  readonly #socket: WebSocket
  readonly #carrier: Socket
  #isDestroyed = false
  #isMalformed = false

  constructor(socket: WebSocket, carrier: Socket) {
    this.#socket = socket
    this.#carrier = carrier
  }

  deliverTo(events: PipeEvents): void {
    const socket = this.#socket
    socket.on('message', (data, isBinary) => {
      if (this.#isDestroyed || this.#isMalformed) return
      if (isBinary && data instanceof Uint8Array) events.frame(data)
      else {
        this.#isMalformed = true
        socket.terminate()
      }
    })
    this.#carrier.on('drain', () => {
      if (!this.#isDestroyed && socket.bufferedAmount === 0) events.drained()
    })
    socket.on('error', (error) => {
      // its own rules broken, or the connection lost: `close` follows either way
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (code.startsWith('WS_ERR_')) this.#isMalformed = true
    })
    socket.once('close', (code) => {
      if (this.#isDestroyed) return
      if (this.#isMalformed) events.ended('malformed')
      else events.ended(code === orderly ? 'closed' : 'reset')
    })
  }

  send(frame: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame, { binary: true })
  }

  get buffered(): number {
    return this.#socket.bufferedAmount
  }

  close(): void {
    this.#socket.close(orderly)
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#socket.terminate()
  }
}

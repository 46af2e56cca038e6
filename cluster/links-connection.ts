/**
 * One connection to one peer, from its first byte to its end.
 *
 *   greeting   the hellos are on their way; nothing else is taken. Bounded by `helloTimeoutMs`.
 *   open       calls and messages, both ways
 *   retiring   another connection took over: no new calls from here; the peer may still make some until it says `done`. Ends
 *              when both have said it and every call is answered, or after `retireMs`.
 *   ended      for good; the next connection is another object
 *
 * All that queued up in a turn leaves as one frame, unless the pipe has too much in hand already: then answers and calls
 * wait until it has drained, and hints are dropped. A frame that breaks the rules ends this connection and nothing else.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import { decodeFrame, encodeFrames, type Message, messageTypes, protocolVersion } from './frame.ts'
import { type Hello, helloBody, readHello } from './frame-hello.ts'
import type { CallHandler, CallOptions, Link, LinkEnd, Peer, Pipe, PipeEvents, PipeIdentity } from './link.ts'
import { LinkError } from './link.ts'
import { IncomingCalls } from './links-incoming.ts'
import type { LinkLimits } from './links-limits.ts'
import type { LinksObserver, RefusalReason } from './links-observer.ts'
import { OutgoingCalls } from './links-outgoing.ts'
import { type Incarnation, sameIncarnation } from './member.ts'

/** What a connection needs of the links it belongs to. */
export interface ConnectionHost {
  readonly self: Peer
  readonly clock: Clock
  readonly limits: LinkLimits
  readonly observer: LinksObserver
  readonly defer: (callback: () => void) => void
  nextCallId(): number
  handlerOf(method: string): CallHandler | undefined
  /** The peer's hello is right: why it is refused all the same, or undefined. */
  admit(hello: Hello): RefusalReason | undefined
  /** The connection is open; called once, after this end's hello was queued. */
  opened(connection: Connection): void
  ended(connection: Connection, end: LinkEnd, wasOpen: boolean): void
  told(connection: Connection, topic: string, body: unknown): void
  /** The peer asks for a new connection in place of this one. */
  redial(connection: Connection): void
}

/** The dialled peer and the number of the attempt, where this end dialled. */
export interface Dialled {
  readonly to: Incarnation
  readonly dial: number
}

/** Reasons in a bye. */
export const byeReasons = {
  /** The process stops: it is not dialled until it starts anew. */
  stopping: 'stopping',
  unwanted: 'unwanted',
  replaced: 'replaced',
  malformed: 'malformed',
} as const

const endByReason: Readonly<Record<string, LinkEnd>> = {
  [byeReasons.stopping]: 'closed',
  [byeReasons.unwanted]: 'closed',
  [byeReasons.replaced]: 'replaced',
  [byeReasons.malformed]: 'malformed',
}

export class Connection implements Link {
  readonly dialled: Dialled | undefined
  readonly #host: ConnectionHost
  readonly #outgoing: OutgoingCalls
  readonly #incoming: IncomingCalls
  readonly #cancelHelloTimer: Cancel
  #cancelRetireTimer: Cancel | undefined
  #state: 'greeting' | 'open' | 'retiring' | 'ended' = 'greeting'
  #pipe: Pipe | undefined
  #identity: PipeIdentity | undefined
  #hello: Hello | undefined
  /** Messages of this turn, calls apart. */
  #outbox: Message[] = []
  #isFlushDue = false
  #isBlocked = false
  #peerIsDone = false
  #isPeerStopping = false
  #hasHeard = true
  #silentTicks = 0
  #openSince = 0

  constructor(host: ConnectionHost, dialled: Dialled | undefined) {
    this.#host = host
    this.dialled = dialled
    const { clock, limits, observer } = host
    const send = (message: Message): void => this.#enqueue(message)
    this.#outgoing = new OutgoingCalls({
      clock,
      nextId: () => host.nextCallId(),
      queuedCallsMax: limits.queuedCallsMax,
      queuedBytesMax: limits.queuedBytesMax,
      wake: () => this.#wake(),
      send,
    })
    this.#incoming = new IncomingCalls({
      clock,
      callsMax: limits.callsMax,
      callBytesMax: limits.callBytesMax,
      answerGraceMs: limits.answerGraceMs,
      handlerOf: (method) => host.handlerOf(method),
      send,
      failed: (method, error) => observer.handlerFailed?.(method, error),
    })
    this.#cancelHelloTimer = clock.schedule(limits.helloTimeoutMs, () => this.end('silent', 'no hello'))
  }

  readonly events: PipeEvents = {
    frame: (bytes) => this.#receive(bytes),
    drained: () => {
      this.#isBlocked = false
      this.#wake()
    },
    // an orderly end without a goodbye is none: a process that stops says so
    ended: (how) => this.#finish('reset', how === 'reset' ? 'it was reset' : 'it ended without a goodbye', 'ended'),
  }

  /** The pipe is connected. The dialler speaks first. */
  attach(pipe: Pipe, identity: PipeIdentity | undefined): void {
    if (this.#state === 'ended') {
      pipe.destroy()
      return
    }
    this.#pipe = pipe
    this.#identity = identity
    if (this.dialled !== undefined) this.#sendHello()
  }

  get peer(): Peer {
    if (this.#hello === undefined) throw new LinkError('link_closed', 'the peer has not said who it is')
    return this.#hello.peer
  }

  /** The dialler's number of the attempt. */
  get dial(): number {
    return this.dialled?.dial ?? this.#hello?.dial ?? 0
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** It said goodbye for good. */
  get isPeerStopping(): boolean {
    return this.#isPeerStopping
  }

  /** Its peer is known. */
  get isGreeted(): boolean {
    return this.#hello !== undefined
  }

  get isEnded(): boolean {
    return this.#state === 'ended'
  }

  /** Milliseconds since it was opened. */
  get age(): number {
    return this.#host.clock.monotonic() - this.#openSince
  }

  call(method: string, body: unknown, options: CallOptions): Promise<unknown> {
    if (this.#state !== 'open') return Promise.reject(new LinkError('link_closed', 'the link is closed'))
    return this.#outgoing.call(method, body, options)
  }

  tell(topic: string, body: unknown): void {
    if (this.#state !== 'open' || this.#isBlocked || this.#outbox.length >= this.#host.limits.callsMax) {
      this.#host.observer.dropped?.('tell')
      return
    }
    this.#enqueue([messageTypes.tell, topic, body])
  }

  /** Another connection took over. */
  retire(): void {
    if (this.#state !== 'open') return
    this.#state = 'retiring'
    this.#enqueue([messageTypes.done])
    this.#cancelRetireTimer = this.#host.clock.schedule(this.#host.limits.retireMs, () =>
      this.end('replaced', 'retired'),
    )
  }

  askForRedial(): void {
    if (this.#state === 'open') this.#enqueue([messageTypes.redial])
  }

  /** Looks whether the peer is silent. A look that comes late, because this process stood still, counts as one. */
  tick(): void {
    if (this.#state !== 'open' && this.#state !== 'retiring') return
    this.#silentTicks = this.#hasHeard ? 0 : this.#silentTicks + 1
    if (this.#silentTicks >= this.#host.limits.silentTicks) {
      this.end('silent', 'nothing was heard of the peer')
      return
    }
    if (!this.#hasHeard) this.#enqueue([messageTypes.ping])
    this.#hasHeard = false
    this.#incoming.sweep()
    this.#finishRetiring()
  }

  /** Says why, then ends in order. */
  sayGoodbye(reason: string, end: LinkEnd): void {
    if (this.#state === 'ended') return
    this.#flush()
    // also into a pipe that has too much in hand
    for (const { bytes } of encodeFrames([[messageTypes.bye, reason]], this.#host.limits).frames)
      this.#pipe?.send(bytes)
    this.#finish(end, reason, 'close')
  }

  /** Ends at once. */
  end(end: LinkEnd, why: string): void {
    this.#finish(end, why, 'destroy')
  }

  #finish(end: LinkEnd, why: string, how: 'close' | 'destroy' | 'ended'): void {
    if (this.#state === 'ended') return
    const wasOpen = this.#state !== 'greeting'
    this.#state = 'ended'
    this.#cancelHelloTimer()
    this.#cancelRetireTimer?.()
    this.#outbox = []
    if (how === 'close') this.#pipe?.close()
    else if (how === 'destroy') this.#pipe?.destroy()
    this.#outgoing.end(why)
    this.#incoming.end()
    this.#host.ended(this, end, wasOpen)
  }

  #hearGoodbye(reason: string): void {
    if (this.#state === 'greeting') this.#host.observer.refusedBy?.(reason, this.dialled?.to)
    this.#isPeerStopping = reason === byeReasons.stopping
    this.#finish(endByReason[reason] ?? 'refused_peer', reason, 'close')
  }

  // --- hello --------------------------------------------------------------------------------------------------------------

  #sendHello(): void {
    const { self, limits } = this.#host
    const hello: Hello = {
      peer: self,
      calls: limits.callsMax,
      callBytes: limits.callBytesMax,
      dial: this.dial,
      ...(this.dialled !== undefined && { to: this.dialled.to }),
    }
    this.#enqueue([messageTypes.hello, helloBody(hello)])
    // alone in its frame: what follows is only said to somebody who was admitted
    this.#flush()
  }

  #greet(body: unknown): void {
    const read = readHello(body)
    if (read === undefined || !('peer' in read)) {
      if (read !== undefined && read.protocol !== protocolVersion) this.#refuse('protocol_version', undefined)
      else this.#refuse('bad_hello', undefined)
      return
    }
    const reason = this.#objection(read) ?? this.#host.admit(read)
    if (reason !== undefined) {
      this.#refuse(reason, read.peer)
      return
    }
    this.#hello = read
    this.#cancelHelloTimer()
    this.#outgoing.grant(read.calls, read.callBytes)
    if (this.dialled === undefined) this.#sendHello()
    this.#state = 'open'
    this.#openSince = this.#host.clock.monotonic()
    this.#host.opened(this)
  }

  #objection({ peer, to }: Hello): RefusalReason | undefined {
    const { self } = this.#host
    if (peer.protocol !== protocolVersion) return 'protocol_version'
    if (peer.node === self.node) return 'own_name'
    if (to !== undefined && !sameIncarnation(to, self)) return 'not_me'
    if (this.dialled !== undefined) {
      if (!sameIncarnation(peer, this.dialled.to)) return 'not_who_was_dialled'
      if (!peer.roles.includes('node')) return 'role'
    }
    const identity = this.#identity
    if (identity === undefined) return undefined
    if (identity.node !== peer.node) return 'certificate_node'
    return peer.roles.every((role) => identity.roles.includes(role)) ? undefined : 'certificate_role'
  }

  #refuse(reason: RefusalReason, peer: Peer | undefined): void {
    this.#host.observer.refused?.(reason, peer ?? this.dialled?.to)
    this.sayGoodbye(reason, 'refused_peer')
  }

  // --- frames -------------------------------------------------------------------------------------------------------------

  #receive(bytes: Uint8Array): void {
    if (this.#state === 'ended') return
    if (this.#pipe === undefined) {
      this.#breakOff('out_of_order')
      return
    }
    this.#hasHeard = true
    const frame = decodeFrame(bytes, this.#host.limits)
    if (frame.kind === 'refused') {
      this.#breakOff(frame.problem)
      return
    }
    this.#host.observer.frameReceived?.(bytes.length, frame.messages.length)
    for (let count = 0; count < frame.ignored; count += 1) this.#host.observer.dropped?.('unknown_message')
    for (const message of frame.messages) {
      this.#handle(message)
      // the state changes with the messages
      if (this.isEnded) return
    }
    this.#finishRetiring()
  }

  #handle(message: Message): void {
    const [type] = message
    if (type === messageTypes.bye) {
      this.#hearGoodbye(message[1])
      return
    }
    if ((type === messageTypes.hello) !== (this.#state === 'greeting')) {
      this.#breakOff('out_of_order')
      return
    }
    switch (message[0]) {
      case messageTypes.hello:
        this.#greet(message[1])
        return
      case messageTypes.ping:
        // one that waited behind much else would only repeat what that says
        if (!this.#isBlocked) this.#enqueue([messageTypes.pong])
        return
      case messageTypes.pong:
        return
      case messageTypes.call:
        if (!this.#incoming.receive(this.peer, message)) this.#breakOff('repeated_call')
        return
      case messageTypes.answer:
        if (!this.#outgoing.answer(message[1], message[2])) this.#host.observer.dropped?.('answer')
        return
      case messageTypes.failure:
        if (!this.#outgoing.fail(message[1], message[2])) this.#host.observer.dropped?.('answer')
        return
      case messageTypes.cancel:
        this.#incoming.cancel(message[1])
        return
      case messageTypes.tell:
        this.#host.told(this, message[1], message[2])
        return
      case messageTypes.done:
        this.#peerIsDone = true
        return
      case messageTypes.redial:
        this.#host.redial(this)
        return
    }
  }

  #breakOff(problem: string): void {
    this.#host.observer.malformed?.(problem, this.#hello?.peer ?? this.dialled?.to)
    this.sayGoodbye(byeReasons.malformed, 'malformed')
  }

  #finishRetiring(): void {
    const isIdle = this.#outgoing.size === 0 && this.#incoming.size === 0 && this.#outbox.length === 0
    if (this.#state === 'retiring' && this.#peerIsDone && isIdle) this.sayGoodbye(byeReasons.replaced, 'replaced')
  }

  #enqueue(message: Message): void {
    if (this.#state === 'ended') {
      if (message[0] === messageTypes.answer) this.#host.observer.dropped?.('answer')
      return
    }
    // answers to calls within their credit fit; only a peer that asks without listening gets here
    if (this.#outbox.length >= this.#host.limits.outboxMax) {
      this.#host.observer.malformed?.('outbox_full', this.#hello?.peer)
      this.end('malformed', 'the peer does not read what it asks for')
      return
    }
    this.#outbox.push(message)
    this.#wake()
  }

  #wake(): void {
    if (this.#isFlushDue || this.#isBlocked || this.#state === 'ended') return
    this.#isFlushDue = true
    this.#host.defer(() => {
      this.#isFlushDue = false
      this.#flush()
      this.#finishRetiring()
    })
  }

  #flush(): void {
    const { limits, observer } = this.#host
    while (this.#pipe !== undefined && this.#state !== 'ended' && !this.#isBlocked) {
      const room = limits.frameMessagesMax - Math.min(this.#outbox.length, limits.frameMessagesMax)
      const messages = this.#outbox.splice(0, limits.frameMessagesMax)
      if (this.#state !== 'greeting') messages.push(...this.#outgoing.take(room))
      if (messages.length === 0) break
      const { frames, refused } = encodeFrames(messages, limits)
      for (const frame of frames) {
        this.#pipe.send(frame.bytes)
        observer.frameSent?.(frame.bytes.length, frame.messages)
      }
      for (const message of refused) this.#couldNotSend(message)
      this.#isBlocked = this.#pipe.buffered > limits.pipeHighBytes
    }
  }

  #couldNotSend(message: Message): void {
    this.#host.observer.dropped?.('unsendable')
    if (message[0] === messageTypes.call) this.#outgoing.fail(message[1], 'unsendable')
    else if (message[0] === messageTypes.answer) this.#enqueue([messageTypes.failure, message[1], 'failed'])
  }
}

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
import type { Cancel } from '../runtime/clock.ts'
import { decodeFrame, type Message, messageTypes, protocolVersion } from './frame.ts'
import { type Hello, helloBody, readHello } from './frame-hello.ts'
import type { CallOptions, Link, LinkEnd, Peer, Pipe, PipeEvents, PipeIdentity } from './link.ts'
import { LinkError } from './link.ts'
import { byeReasons, type ConnectionHost, endByReason } from './links-host.ts'
import { IncomingCalls } from './links-incoming.ts'
import type { RefusalReason } from './links-observer.ts'
import { Outbox } from './links-outbox.ts'
import { OutgoingCalls } from './links-outgoing.ts'
import { type Incarnation, sameIncarnation } from './member.ts'

/** The dialled peer and the number of the attempt, where this end dialled. */
export interface Dialled {
  readonly to: Incarnation
  readonly dial: number
}

export class Connection implements Link {
  readonly dialled: Dialled | undefined
  readonly #host: ConnectionHost
  readonly #outbox: Outbox
  readonly #outgoing: OutgoingCalls
  readonly #incoming: IncomingCalls
  readonly #cancelHelloTimer: Cancel
  #cancelRetireTimer: Cancel | undefined
  #state: 'greeting' | 'open' | 'retiring' | 'ended' = 'greeting'
  #pipe: Pipe | undefined
  #identity: PipeIdentity | undefined
  #hello: Hello | undefined
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
    this.#outbox = new Outbox({
      limits,
      observer,
      defer: host.defer,
      // what is said before the peer was admitted is a hello or a goodbye
      takeCalls: (max) => (this.#state === 'greeting' ? [] : this.#outgoing.take(max)),
      unsendable: (message) => this.#couldNotSend(message),
      overflown: () => {
        observer.malformed?.('outbox_full', this.#hello?.peer)
        this.end('malformed', 'the peer does not read what it asks for')
      },
      flushed: () => this.#finishRetiring(),
    })
    this.#outgoing = new OutgoingCalls({
      clock,
      nextId: () => host.nextCallId(),
      queuedCallsMax: limits.queuedCallsMax,
      queuedBytesMax: limits.queuedBytesMax,
      wake: () => this.#outbox.wake(),
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
    drained: () => this.#outbox.drained(),
    // an orderly end without a goodbye is none: a process that stops says so
    ended: (how) =>
      this.#finish(how === 'malformed' ? how : 'reset', how === 'closed' ? 'no goodbye' : `it was ${how}`, 'ended'),
  }

  /** The pipe is connected. The dialler speaks first. */
  attach(pipe: Pipe, identity: PipeIdentity | undefined): void {
    if (this.#state === 'ended') {
      pipe.destroy()
      return
    }
    this.#pipe = pipe
    this.#outbox.attach(pipe)
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

  /** When the peer's process started, by its own wall clock: orders the incarnations of one node. */
  get startedAt(): number {
    return this.#hello?.startedAt ?? 0
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
    if (this.#state !== 'open' || this.#outbox.isBlocked || this.#outbox.size >= this.#host.limits.callsMax) {
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
    this.#outbox.sendLast([messageTypes.bye, reason])
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
    this.#outbox.end()
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
    const { self, startedAt, limits } = this.#host
    const hello: Hello = {
      peer: self,
      startedAt,
      calls: limits.callsMax,
      callBytes: limits.callBytesMax,
      dial: this.dial,
      ...(this.dialled !== undefined && { to: this.dialled.to }),
    }
    this.#enqueue([messageTypes.hello, helloBody(hello)])
    // alone in its frame: what follows is only said to somebody who was admitted
    this.#outbox.flush()
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
        if (!this.#outbox.isBlocked) this.#enqueue([messageTypes.pong])
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
    const isIdle = this.#outgoing.size === 0 && this.#incoming.size === 0 && this.#outbox.size === 0
    if (this.#state === 'retiring' && this.#peerIsDone && isIdle) this.sayGoodbye(byeReasons.replaced, 'replaced')
  }

  #enqueue(message: Message): void {
    if (this.#state === 'ended') {
      if (message[0] === messageTypes.answer) this.#host.observer.dropped?.('answer')
      return
    }
    this.#outbox.push(message)
  }

  #couldNotSend(message: Message): void {
    if (message[0] === messageTypes.call) this.#outgoing.fail(message[1], 'unsendable')
    else if (message[0] === messageTypes.answer) this.#enqueue([messageTypes.failure, message[1], 'failed'])
  }
}

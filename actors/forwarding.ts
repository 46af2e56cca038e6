/**
 * Sends on what nobody else would repeat: PSPs' answers and timers whose shard has left this process. They reach the
 * shard's owner as commands, through the cluster's router, which tries again until their deadline
 * (akkadotnet/akka.net#8501: messages dropped in a hand-off).
 *
 * Guarantees: each is answered by the owner, or said to be lost. It may be executed twice, where an answer was lost:
 * facts and timers that are known already change nothing. It keeps nothing over a crash: then the new owner's recovery
 * asks the PSP.
 */
import type { Envelope, RouteAnswer } from '../cluster/router.ts'
import type { Address } from '../domain/ids.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Ask } from './ask.ts'

/** Why something could not be sent on; `code` is the router's reason. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError'
  readonly code: string
  /** Somebody asks the PSP anyway. */
  readonly canRetry = false

  constructor(code: string) {
    super(`a command could not be sent on to its shard's owner: ${code}`)
    this.code = code
  }
}

export interface ForwardingOptions {
  /** The way to the owner; absent where there are no other nodes. */
  readonly forward: ((envelope: Envelope) => Promise<RouteAnswer<unknown>>) | undefined
  readonly clock: Clock
  /** How long the owner is looked for. */
  readonly forwardMs: number
  /** Commands on their way at a time. */
  readonly forwardsMax: number
  readonly failed: (error: ForwardError, where: Address) => void
}

export class Forwarding {
  readonly #options: ForwardingOptions
  #underWay = 0

  constructor(options: ForwardingOptions) {
    this.#options = options
  }

  /** How many are on their way. */
  get underWay(): number {
    return this.#underWay
  }

  send(kind: string, where: Address, ask: Pick<Ask, 'id' | 'command'>): void {
    const { forward, clock, forwardMs, forwardsMax, failed } = this.#options
    if (forward === undefined) return failed(new ForwardError('no_router'), where)
    if (this.#underWay >= forwardsMax) return failed(new ForwardError('overloaded'), where)
    const deadline = clock.monotonic() + forwardMs
    this.#underWay += 1
    const ended = (answer: RouteAnswer<unknown> | undefined): void => {
      this.#underWay -= 1
      if (answer === undefined) failed(new ForwardError('router_failed'), where)
      else if (answer.kind === 'unavailable') failed(new ForwardError(answer.reason), where)
    }
    const envelope: Envelope = {
      id: ask.id,
      shard: where.shard,
      entity: where.entity,
      kind,
      class: 'internal',
      bytes: 0,
      payload: ask.command,
      deadline,
      waitUntil: deadline,
      attach: true,
    }
    forward(envelope).then(ended, () => ended(undefined))
  }
}

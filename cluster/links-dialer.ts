/**
 * Keeps dialling the peers that are wanted and not linked, with pauses that grow and jitter.
 *
 *   idle      linked, or resting: the peer said goodbye, and is left alone until it dials or another incarnation is wanted
 *   dialling  from the dial to the peer's hello
 *   waiting   for the next dial
 *
 * It also notices a process that is gone: an established link was reset, and one of the next dials was refused. Either alone
 * happens to healthy peers. Not the very next dial alone: a process that dies may have its links closed before its listener,
 * and a dial that comes in between is taken and reset.
 */
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { LinkLimits } from './links-limits.ts'
import { type Incarnation, sameIncarnation } from './member.ts'

/** After a reset. */
const dialsThatTell = 3

export interface WantedPeer extends Incarnation {
  readonly address: string
}

export interface DialerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly limits: LinkLimits
  readonly isLinked: (peer: Incarnation) => boolean
  /** Ends with one call of {@link Dialer.dialled}. */
  readonly dial: (peer: WantedPeer) => void
  readonly gone: (peer: Incarnation) => void
}

interface Target {
  peer: WantedPeer
  state: 'idle' | 'dialling' | 'waiting'
  cancelTimer: Cancel | undefined
  /** Dials since the last link that lived for a while. */
  attempts: number
  isResting: boolean
  /** Its link was reset: so many dials may still tell that the process is gone. */
  dialsThatTell: number
  isGone: boolean
  /** A new link is wanted although there is one. */
  isRedialWanted: boolean
}

export class Dialer {
  readonly #options: DialerOptions
  readonly #targets = new Map<string, Target>()

  constructor(options: DialerOptions) {
    this.#options = options
  }

  /** Answers the peers that are not wanted any more. */
  want(peers: readonly WantedPeer[]): readonly Incarnation[] {
    const wanted = new Map(peers.map((peer) => [peer.node, peer]))
    const dropped: Incarnation[] = []
    for (const [node, target] of this.#targets) {
      const peer = wanted.get(node)
      if (peer !== undefined && sameIncarnation(peer, target.peer)) continue
      this.#pause(target)
      this.#targets.delete(node)
      dropped.push(target.peer)
    }
    for (const peer of wanted.values()) {
      const known = this.#targets.get(peer.node)
      if (known !== undefined) {
        known.peer = peer
        continue
      }
      const target: Target = {
        peer,
        state: 'idle',
        cancelTimer: undefined,
        attempts: 0,
        isResting: false,
        dialsThatTell: 0,
        isGone: false,
        isRedialWanted: false,
      }
      this.#targets.set(peer.node, target)
      this.#dial(target)
    }
    return dropped
  }

  wants(peer: Incarnation): boolean {
    return this.#targetOf(peer) !== undefined
  }

  /** How a dial ended; `linked` once the peer's hello was accepted. */
  dialled(peer: Incarnation, outcome: 'linked' | 'refused' | 'failed' | 'stopping'): void {
    const target = this.#targetOf(peer)
    if (target?.state !== 'dialling') return
    target.state = 'idle'
    const isGone = outcome === 'refused' && target.dialsThatTell > 0 && !target.isGone
    target.dialsThatTell = outcome === 'failed' ? Math.max(0, target.dialsThatTell - 1) : 0
    target.attempts += 1
    if (outcome === 'stopping') target.isResting = true
    if (outcome === 'linked') target.isRedialWanted = false
    else this.#dialLater(target)
    if (isGone) {
      target.isGone = true
      this.#options.gone({ node: peer.node, incarnation: peer.incarnation })
    }
  }

  /** A link to it is up, whoever dialled. */
  linked(peer: Incarnation): void {
    const target = this.#targetOf(peer)
    if (target === undefined) return
    target.isResting = false
    target.dialsThatTell = 0
    if (target.state === 'waiting' && !target.isRedialWanted) this.#pause(target)
  }

  /** Its link has ended, and there is no other. */
  unlinked(peer: Incarnation, how: { wasReset: boolean; wasStopping: boolean; ageMs: number }): void {
    const target = this.#targetOf(peer)
    if (target === undefined) return
    target.dialsThatTell = how.wasReset ? dialsThatTell : 0
    target.isResting = how.wasStopping
    if (target.state !== 'idle') return
    if (how.ageMs < this.#options.limits.stableMs) this.#dialLater(target)
    else {
      target.attempts = 0
      this.#dial(target)
    }
  }

  /** Dials although there is a link, until a new one is up. */
  redial(peer: Incarnation): void {
    const target = this.#targetOf(peer)
    if (target === undefined) return
    target.isRedialWanted = true
    if (target.state === 'idle') this.#dial(target)
  }

  stop(): void {
    for (const target of this.#targets.values()) this.#pause(target)
    this.#targets.clear()
  }

  #dial(target: Target): void {
    target.state = 'idle'
    if (!this.#isNeeded(target)) return
    target.state = 'dialling'
    this.#options.dial(target.peer)
  }

  #dialLater(target: Target): void {
    if (!this.#isNeeded(target)) return
    const { clock, random, limits } = this.#options
    const longest = Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** Math.min(target.attempts, 30))
    const pauseMs = limits.reconnectMsMin + random.float() * (longest - limits.reconnectMsMin)
    target.state = 'waiting'
    target.cancelTimer = clock.schedule(pauseMs, () => this.#dial(target))
  }

  #isNeeded(target: Target): boolean {
    return target.isRedialWanted || (!target.isResting && !this.#options.isLinked(target.peer))
  }

  #pause(target: Target): void {
    target.cancelTimer?.()
    target.state = 'idle'
  }

  #targetOf(peer: Incarnation): Target | undefined {
    const target = this.#targets.get(peer.node)
    return target !== undefined && sameIncarnation(target.peer, peer) ? target : undefined
  }
}

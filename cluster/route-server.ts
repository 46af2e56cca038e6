/**
 * The receiving end of the router on a node: answers calls of `route` by its own host, and tells who has come to the wrong
 * node which owner this one believes in. It never passes an envelope on: the caller's router tries again, so no envelope
 * can go in circles.
 */
import type { Clock } from '../runtime/clock.ts'
import { type AnswerWire, decodeEnvelope, encodeAnswer } from './envelope-wire.ts'
import type { Links } from './link.ts'
import { type Incarnation, sameIncarnation } from './member.ts'
import type { OwnerTable } from './owners.ts'
import type { RouteAnswer, Router } from './router.ts'

/** Name of the call; part of the wire format. */
export const routeCall = 'route'

export interface RouteServerOptions {
  readonly self: Incarnation
  readonly links: Pick<Links, 'onCall'>
  readonly host: Router
  readonly owners: OwnerTable
  readonly clock: Clock
  readonly observer?: RouteServerObserver
}

export interface RouteServerObserver {
  /** A call whose body is no envelope; it was refused as not accepted. */
  malformed(from: Incarnation): void
  /** An answer that links cannot carry: an error in the program. */
  unsendable(error: unknown): void
}

export function serveRoutes({ self, links, host, owners, clock, observer }: RouteServerOptions): void {
  links.onCall(routeCall, async (from, body, deadlineMs): Promise<AnswerWire> => {
    const began = clock.monotonic()
    const envelope = decodeEnvelope(body, deadlineMs, began)
    if (envelope === undefined || envelope.shard >= owners.all.length) {
      observer?.malformed(from)
      return encodeAnswer(refused('not_accepted', 'envelope_malformed'), 0)
    }
    const answer = await host.route(envelope)
    const tookMs = clock.monotonic() - began
    try {
      return encodeAnswer(withOwner(answer, envelope.shard), tookMs)
    } catch (error) {
      observer?.unsendable(error)
      return encodeAnswer(refused('acceptance_unknown', 'answer_unsendable'), tookMs)
    }
  })

  function withOwner(answer: RouteAnswer<unknown>, shard: number): RouteAnswer<unknown> {
    if (answer.kind !== 'unavailable' || answer.moved !== undefined) return answer
    if (answer.reason !== 'shard_moved' && answer.reason !== 'shard_not_owned') return answer
    const { owner, epoch, released } = owners.get(shard)
    // That it was ours is no news: it has gone.
    if (owner === undefined || released || sameIncarnation(owner, self)) return answer
    return { ...answer, moved: { node: owner.node, incarnation: owner.incarnation, epoch } }
  }
}

function refused(certainty: 'not_accepted' | 'acceptance_unknown', reason: string): RouteAnswer<never> {
  return { kind: 'unavailable', certainty, reason, retryAfterMs: 1000 }
}

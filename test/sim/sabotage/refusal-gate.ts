/**
 * The output gate off for refusals: a refusal leaves in the moment it is decided, whatever it was decided on. Built around
 * the entity: the kind tells of a refusal as it makes it, and whoever asked is answered then.
 */
import type { EntityKind } from '../../../actors/entity-kind.ts'
import type { AnyKind } from '../../../actors/entity-kind.ts'
import type { Envelope, RouteAnswer, Router } from '../../../cluster/router.ts'

export class RefusalGateOff {
  readonly #waiting = new Map<unknown, (answer: RouteAnswer<unknown>) => void>()

  kind(kind: AnyKind): AnyKind {
    const sabotaged: Pick<AnyKind, 'decide'> = {
      decide: (state, command, context) => {
        const decision = kind.decide(state, command, context)
        if (decision.kind === 'rejected') {
          const answer = kind.reject(decision.rejection, state)
          this.#waiting.get(command)?.({ kind: 'answered', answer })
        }
        return decision
      },
    }
    return { ...kind, ...sabotaged } satisfies EntityKind<unknown, unknown, object, unknown, unknown, unknown>
  }

  node(node: Router): Router {
    return {
      route: <Answer>(envelope: Envelope) =>
        new Promise<RouteAnswer<Answer>>((resolve, reject) => {
          this.#waiting.set(envelope.payload, (answer) => resolve(answer as RouteAnswer<Answer>))
          node
            .route<Answer>(envelope)
            .then(resolve, reject)
            .finally(() => this.#waiting.delete(envelope.payload))
        }),
    }
  }
}

/**
 * nact, and all of it that is used: a scheduler that runs one actor's turn at a time, each in an event-loop turn of its
 * own. Nothing else imports it.
 *
 * An actor is spawned flat under the system, and its mailbox carries one kind of message, "there is work": commands wait
 * in the entity's own bounded inbox, because nact's mailbox is unbounded, is dropped silently with its actor, and its
 * reply addresses collide (docs/decisions/0001-dormant-libraries.md). At most one such message is under way per actor.
 */
import { type ActorSystemRef, dispatch, type Ref, spawn, start, stop } from 'nact'

export interface ScheduledActor {
  /** Asks for one turn; asking again before that turn has begun changes nothing. */
  wake(): void
  /** No further turn begins. */
  stop(): void
}

export interface Scheduler {
  /**
   * Spawns an actor.
   * @param name unique among the living: letters, digits, `-`, `_`.
   * @param turn its work, synchronous. It must not throw; if it does, `crashed` is told and the actor lives on.
   */
  spawn(name: string, turn: () => void): ScheduledActor
  /** Stops every actor. */
  stop(): void
}

class NactActor implements ScheduledActor {
  #ref: Ref<null> | undefined
  #awake = false

  constructor(system: ActorSystemRef, name: string, turn: () => void, crashed: (error: unknown) => void) {
    this.#ref = spawn(
      system,
      (_state: null, _message: null): null => {
        this.#awake = false
        turn()
        return null
      },
      name,
      {
        onCrash: (_message: null | undefined, error: Error | undefined, context) => {
          crashed(error)
          return context.resume
        },
      },
    )
  }

  wake(): void {
    if (this.#awake || this.#ref === undefined) return
    this.#awake = true
    dispatch(this.#ref, null)
  }

  stop(): void {
    if (this.#ref === undefined) return
    stop(this.#ref)
    this.#ref = undefined
  }
}

/** @param name of the actor system, unique in the process. */
export function createScheduler(name: string, crashed: (error: unknown) => void): Scheduler {
  // The code takes an object with a name; the declarations know only a string, which the code ignores.
  const system = start({ name } as unknown as string)
  return {
    spawn: (actorName, turn) => new NactActor(system, actorName, turn, crashed),
    stop: () => stop(system),
  }
}

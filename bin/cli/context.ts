/** What a command is given of the world, so that tests can be the world. */
import type { Clock } from '../../runtime/clock.ts'
import type { OperatorClient } from './operator-client.ts'

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `.shardpay/dev.json` is looked for. */
  readonly directory: string
  readonly clock: Clock
  /** A whole text, line end included. */
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether progress may be drawn over itself on `err`. */
  readonly isTerminal: boolean
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true
  readonly url?: string
  readonly tokenFile?: string
}

export interface CommandContext extends Surroundings {
  readonly client: OperatorClient
  readonly json: boolean
  /** The reason that was given, or `development` where the credentials are a clone's own. */
  readonly reason: (given: string | undefined) => string
}

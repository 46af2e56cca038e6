/** What a world needs of the processes that serve payments, and what they need of the world. */
import type { Router } from '../../cluster/router.ts'
import type { Chance } from './chance.ts'
import type { Door } from './clients.ts'
import type { Flags, Happening } from './flags.ts'
import type { Loop } from './loop.ts'
import type { Replacements } from './node.ts'
import type { SimProcess } from './process.ts'
import type { SimPsp } from './psp.ts'
import type { StorageServer } from './storage-server.ts'

export interface WorldParts {
  readonly flags: Flags
  readonly loop: Loop
  readonly chance: Chance
  readonly storage: StorageServer
  readonly psp: SimPsp
  /** Runs what happens to processes, and nothing of theirs. */
  readonly supervisor: SimProcess
  readonly replace?: Replacements
  judged(node: Router): Router
  trouble(what: string, error: unknown): void
  acknowledged(incarnation: string, shard: number, position: number): void
}

export interface Topology {
  /** Gateways that a client may turn to, dead ones aside. */
  readonly doors: readonly Door[]
  start(): void
  readonly happen: Readonly<Partial<Record<Happening, () => void>>>
  /** From now on one node is out of order for ever, and the others have to do without it. */
  loseOne(): void
  /** No fault lasts beyond this, but those that a liveness run declared to be for ever. */
  heal(): void
  /** Somebody looked at a declared loss and starts every node anew. */
  restartAll(): void
}

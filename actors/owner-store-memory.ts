/**
 * The in-memory twins of what tells a process about owners and members: {@link MemoryOwnerStore} reads the owner rows of
 * all databases, {@link MemoryHints} says that something has changed. Like the other twins they run nothing but what they
 * hand to `defer`.
 */
import type { HintSource, OwnerStore, ShardOwner } from '../cluster/owners.ts'
import type { Cancel } from '../runtime/clock.ts'
import type { MemoryDatabase } from './memory-database.ts'

type Defer = (task: () => void) => void

export class MemoryOwnerStore implements OwnerStore {
  /** This process reaches no database. */
  away = false
  readonly #databases: readonly MemoryDatabase[]
  readonly #defer: Defer

  constructor(databases: readonly MemoryDatabase[], defer: Defer = queueMicrotask) {
    this.#databases = databases
    this.#defer = defer
  }

  async owners(): Promise<readonly ShardOwner[]> {
    await new Promise<void>((resolve) => this.#defer(resolve))
    const reached = this.away ? [] : this.#databases.filter(({ available }) => available)
    const owners = reached.flatMap((database) => database.owners()).sort((a, b) => a.shard - b.shard)
    await new Promise<void>((resolve) => this.#defer(resolve))
    return owners
  }
}

/** Hints of one process. Several changes before the next one is told are one hint, as Postgres folds equal payloads. */
export class MemoryHints implements HintSource {
  /** Hints are lost. */
  deaf = false
  readonly #listeners = new Set<(about: 'owners' | 'members') => void>()
  readonly #waiting = new Set<'owners' | 'members'>()
  readonly #defer: Defer
  readonly #cancels: readonly Cancel[]

  /** @param databases share a membership. */
  constructor(databases: readonly MemoryDatabase[], defer: Defer = queueMicrotask) {
    this.#defer = defer
    const memberships = new Set(databases.map(({ membership }) => membership))
    this.#cancels = [
      ...databases.map((database) => database.onOwnersChanged(() => this.#hint('owners'))),
      ...[...memberships].map((membership) => membership.onChange(() => this.#hint('members'))),
    ]
  }

  subscribe(listener: (about: 'owners' | 'members') => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The process has ended: it hears nothing more. */
  close(): void {
    for (const cancel of this.#cancels) cancel()
    this.#listeners.clear()
  }

  #hint(about: 'owners' | 'members'): void {
    if (this.deaf || this.#waiting.has(about)) return
    this.#waiting.add(about)
    this.#defer(() => {
      this.#waiting.delete(about)
      if (!this.deaf) for (const listener of this.#listeners) listener(about)
    })
  }
}

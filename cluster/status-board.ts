/** What the processes told of themselves, newest each; one that has been silent is shown as such, then forgotten. */
import type { Clock } from '../runtime/clock.ts'
import { type Incarnation, nameOf } from './member.ts'
import type { ProcessStatus } from './status.ts'
import { readStatus } from './status-wire.ts'

/** How often a process tells. */
export const statusEveryMs = 1_000
const forgottenAfterMs = 30_000
const processesMax = 256

export interface HeardStatus {
  readonly status: ProcessStatus
  /** Milliseconds since it was heard. */
  readonly ageMs: number
}

export class StatusBoard {
  readonly #clock: Clock
  readonly #heard = new Map<string, { status: ProcessStatus; at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a peer tells of itself, as it came over the link. False where it is no status, or another process's. */
  hearFrom({ node, incarnation }: Incarnation, body: unknown): boolean {
    const status = readStatus(body)
    if (status === undefined || status.node !== node || status.incarnation !== incarnation) return false
    this.hear(status)
    return true
  }

  hear(status: ProcessStatus): void {
    const name = nameOf(status)
    // a newer incarnation replaces the older one
    for (const [other, { status: old }] of this.#heard) {
      if (old.node === status.node && other !== name && old.startedAt <= status.startedAt) this.#heard.delete(other)
    }
    if (!this.#heard.has(name) && this.#heard.size >= processesMax) return
    this.#heard.set(name, { status, at: this.#clock.monotonic() })
    for (const gateway of status.nodeStatus?.gateways ?? []) this.hear(gateway)
  }

  forget(incarnation: Incarnation): void {
    this.#heard.delete(nameOf(incarnation))
  }

  /** In order of node. */
  get all(): readonly HeardStatus[] {
    const now = this.#clock.monotonic()
    for (const [name, { at }] of this.#heard) if (now - at > forgottenAfterMs) this.#heard.delete(name)
    return [...this.#heard.values()]
      .map(({ status, at }) => ({ status, ageMs: now - at }))
      .sort((a, b) => (a.status.node < b.status.node ? -1 : 1))
  }
}

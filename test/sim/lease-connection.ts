/** A process's way to the membership, which is stored on a simulated server: the same losses as any other statement. */
import { JournalError } from '../../actors/journal.ts'
import type { Carry } from '../../actors/journal-memory.ts'
import type { MemoryMembership } from '../../cluster/lease-store-memory.ts'
import {
  type Deaths,
  type Incarnation,
  LeaseError,
  type LeaseStore,
  type Membership,
  type PolicyChange,
} from '../../cluster/member.ts'

export class LeaseConnection implements LeaseStore, Deaths {
  readonly #membership: MemoryMembership
  readonly #carry: Carry

  constructor(membership: MemoryMembership, carry: Carry) {
    this.#membership = membership
    this.#carry = carry
  }

  async start(self: Incarnation, details: { readonly address: string; readonly build: string }): Promise<void> {
    const started = await this.#statement(() => this.#membership.start(self, details))
    if (!started) throw new LeaseError('incarnation_used', 'it has been started before')
  }

  async renew(self: Incarnation, draining: boolean): Promise<'renewed' | 'dead'> {
    return (await this.#statement(() => this.#membership.renew(self, draining))) ? 'renewed' : 'dead'
  }

  read(): Promise<Membership> {
    return this.#statement(() => this.#membership.read())
  }

  declareDead(of: Incarnation, renewals: number | undefined): Promise<boolean> {
    return this.#statement(() => this.#membership.declareDead(of, renewals))
  }

  change(change: PolicyChange): Promise<void> {
    return this.#statement(() => this.#membership.change(change))
  }

  dead(of: readonly Incarnation[]): Promise<readonly Incarnation[]> {
    return this.#statement(() => of.filter((each) => this.#membership.isDead(each)))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #statement<Result>(execute: () => Result): Promise<Result> {
    try {
      return await this.#carry(execute)
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
      throw new LeaseError('membership_unavailable', error.message, { cause: error })
    }
  }
}

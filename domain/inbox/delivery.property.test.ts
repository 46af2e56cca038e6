/**
 * Whatever happens to hand-overs (slow, lost with their process, answered twice), a notice is not
 * lost: as long as no payment has taken it and none is known not to exist, something is going to hand it over, and once
 * somebody can be asked a payment takes it.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { scaled } from '../../test/support/scale.ts'
import type { Delivery, DeliverNotice, InboxCommand } from './commands.ts'
import { alterationsMax } from './decide.ts'
import { applyDecision, timersOf } from './evolve.ts'
import { type History, later, nothing, noticeWith, paymentId, receive, when } from './testing.ts'

type Step =
  | { readonly kind: 'receive' | 'altered'; readonly pick: number }
  | { readonly kind: 'answer'; readonly delivery: Delivery; readonly pick: number; readonly twice: boolean }
  | { readonly kind: 'crash' | 'timer' | 'stray timer' }
  | { readonly kind: 'wait'; readonly ms: number }

const troubled: fc.Arbitrary<Delivery> = fc.constantFrom<Delivery>(
  { kind: 'unavailable', reason: 'overloaded' },
  { kind: 'not_found', complete: false },
  { kind: 'not_found', complete: true },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('receive', 'altered'), pick: fc.nat(20) } as const),
  fc.record({ kind: fc.constant('answer'), delivery: troubled, pick: fc.nat(3), twice: fc.boolean() } as const),
  fc.record({ kind: fc.constantFrom('crash', 'timer', 'stray timer') } as const),
  fc.record({ kind: fc.constant('wait'), ms: fc.constantFrom(1, 1_000, 60_000, 3_600_000) } as const),
)

/** One inbox, and the hand-overs that somebody makes for it right now. */
class World {
  history: History = nothing
  underWay: DeliverNotice[] = []

  tell(command: InboxCommand): void {
    this.history = when(this.history, command)
    this.underWay.push(...this.history.effects)
    this.check()
  }

  take(next: Step): void {
    switch (next.kind) {
      case 'receive':
        return this.tell(receive())
      case 'altered':
        if (this.history.state !== undefined) this.tell(receive(noticeWith({ digest: `other ${next.pick}` })))
        return
      case 'answer': {
        const [answered] = this.underWay.splice(next.pick % Math.max(1, this.underWay.length), 1)
        if (answered === undefined) return
        this.tell({ type: 'RecordDelivery', delivery: next.delivery })
        if (next.twice) this.tell({ type: 'RecordDelivery', delivery: next.delivery })
        return
      }
      case 'crash':
        // what was on its way is gone; the next owner reads the journal, and asks only where something is open
        this.underWay = []
        if (this.history.state?.standing.status === 'received') this.tell({ type: 'DeliverAgain', atOnce: true })
        return
      case 'timer':
        return this.fireTimer()
      case 'stray timer':
        return this.tell({ type: 'DeliverAgain', atOnce: false })
      case 'wait':
        this.history = later(this.history, next.ms)
    }
  }

  /** Waits for the next timer, where there is one, and fires it. */
  fireTimer(): void {
    const { state, now } = this.history
    const [timer] = state === undefined ? [] : timersOf(state)
    if (timer === undefined) return
    this.history = later(this.history, Math.max(0, timer.due - now))
    this.tell({ type: 'DeliverAgain', atOnce: false })
  }

  check(): void {
    const { state, rows } = this.history
    if (state === undefined) return
    expect(state.notice).toEqual(noticeWith())
    expect(state.alterations.length).toBeLessThanOrEqual(alterationsMax)
    expect(new Set(state.alterations).size).toBe(state.alterations.length)
    if (state.standing.status === 'received') expect(timersOf(state)).toHaveLength(1)
    const replayed = rows.reduce<typeof state | undefined>(
      (before, { events, at }, index) => applyDecision(before, events, { seq: index + 1, at, epoch: 1 }),
      undefined,
    )
    expect(replayed).toEqual(state)
  }
}

test('a notice is handed over until a payment has taken it, whatever was lost before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = new World()
      world.tell(receive())
      for (const next of steps) world.take(next)
      const isGivenUp = (): boolean => {
        const standing = world.history.state?.standing
        return standing?.status === 'orphaned' && standing.lookAgainAt === undefined
      }
      // from here on whoever is asked answers, and the payment is known
      for (let n = 0; n < 3 && !isGivenUp() && world.history.state?.standing.status !== 'delivered'; n += 1) {
        if (world.underWay.length === 0) world.fireTimer()
        if (world.underWay.pop() === undefined) continue
        world.tell({ type: 'RecordDelivery', delivery: { kind: 'delivered', payment: paymentId } })
      }
      expect(isGivenUp() || world.history.state?.standing.status === 'delivered').toBe(true)
    }),
    { numRuns: scaled('propertyRuns') },
  )
})

test('a timer that fires always moves the notice on, so that none fires for ever', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = new World()
      world.tell(receive())
      for (const next of steps) world.take(next)
      const before = world.history.state
      world.fireTimer()
      const after = world.history.state
      if (before !== undefined && timersOf(before).length > 0) expect(after?.seq).toBe(before.seq + 1)
      else expect(after).toBe(before)
    }),
    { numRuns: scaled('propertyRuns') },
  )
})

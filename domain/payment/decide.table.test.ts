import { describe, expect, test } from 'vitest'
import { assert } from '../../runtime/assert.ts'
import { transfersOf } from '../ledger/posting.ts'
import type { PaymentCommand } from './commands.ts'
import { decide } from './decide.ts'
import { inDoubt, isClosed } from './derive.ts'
import { applyDecision } from './evolve.ts'
import { effectsOf } from './plan.ts'
import type { OperationKind } from './operations.ts'
import type { Payment } from './state.ts'
import {
  factsAbout,
  lifecycles,
  operationKinds,
  operationStatuses,
  rulingsOn,
  stateWith,
} from './testing/every-state.ts'
import { contextAt, hour, startedAt } from './testing/fixtures.ts'
import { allOperations, balancesOf, checkPlain } from './testing/invariants.ts'
import { timersOf } from './timers.ts'

/** Early: before the quiet period is over and timers are due. Late: after both, and after the repeat window. */
const instants = [startedAt, startedAt + 30 * hour]

/** What the payment makes of a fact; throws where anything about it is wrong. */
function take(state: Payment, command: PaymentCommand, now: number): Payment {
  const decision = decide(state, command, contextAt(now))
  if (decision.kind === 'ignored') return state
  assert(decision.kind === 'accepted', 'a fact is never refused', { decision })
  assert(decision.events.length > 0, 'an accepted fact has events')
  const next = applyDecision(state, decision.events, { seq: state.seq + 1, at: now, epoch: 1 })
  assert(!isClosed(state) || next.lifecycle.status === state.lifecycle.status, 'a closed status is never left')
  balancesOf(transfersOf(state, decision.events, next))
  for (const effect of effectsOf(next, decision.events)) checkPlain(effect)
  for (const timer of timersOf(next)) checkPlain(timer)
  checkPlain(decision.events)
  checkPlain(next)
  return next
}

function explain(what: string, error: unknown): Error {
  return new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}

describe.each(lifecycles)('a payment that is $status', (lifecycle) => {
  test.each(operationKinds)(
    'answers every fact about its %s, in every state of that, and is never refused one',
    (kind) => {
      let facts = 0
      for (const status of operationStatuses) {
        for (const canceling of [false, true]) {
          const state = stateWith(lifecycle, kind, status, canceling)
          const operationId = idOf(state, kind)
          for (const command of factsAbout(operationId)) {
            for (const now of instants) {
              try {
                const next = take(state, command, now)
                // The same fact once more must be as harmless as the first one.
                if (now === startedAt && next !== state) take(next, command, now + 1)
              } catch (error) {
                throw explain(`${kind} ${status}, canceling ${canceling}, ${JSON.stringify(command)}`, error)
              }
              facts += 1
            }
          }
        }
      }
      expect(facts).toBe(operationStatuses.length * 2 * factsAbout('').length * instants.length)
    },
  )

  test('takes a ruling on an operation in doubt, and on no other', () => {
    for (const kind of operationKinds) {
      for (const status of operationStatuses) {
        const state = stateWith(lifecycle, kind, status, false)
        for (const command of rulingsOn(idOf(state, kind))) {
          const { operationId, outcome } = command
          const isOther = outcome.kind === 'succeeded' && (kind === 'capture' ? 60 : kind === 'refund' ? 20 : 60) !== 60
          if (!inDoubt({ status }) || isOther) {
            expect(decide(state, command, contextAt(startedAt)).kind).toBe('rejected')
            continue
          }
          const proposed = take(state, command, startedAt + hour)
          expect(proposed.lifecycle).toEqual(state.lifecycle)
          const approval = { type: 'DecideResolution', operationId, approver: 'grace', approve: true } as const
          const ruled = take(proposed, approval, startedAt + 2 * hour)
          expect(allOperations(ruled).find(({ id }) => id === operationId)?.doubt).toBeUndefined()
        }
      }
    }
  })
})

test('the table holds every status of a payment and of an operation', () => {
  const complete: Record<Payment['lifecycle']['status'], true> = {
    created: true,
    requires_action: true,
    pending: true,
    authorized: true,
    partially_captured: true,
    captured: true,
    canceled: true,
    expired: true,
    failed: true,
  }
  expect(lifecycles.map(({ status }) => status).sort()).toEqual(Object.keys(complete).sort())
  expect(new Set(operationStatuses).size).toBe(10)
})

function idOf(state: Payment, kind: OperationKind): string {
  const id = allOperations(state).find((operation) => operation.kind === kind)?.id
  assert(id !== undefined, 'the state has an operation of each kind', { kind })
  return id
}

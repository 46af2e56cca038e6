/** Every notice against every status of a payment and every state of every operation (PAYMENTS 1.1: a fact is never refused). */
import { describe, expect, test } from 'vitest'
import { assert } from '../../runtime/assert.ts'
import { transfersOf } from '../ledger/posting.ts'
import { decide } from './decide.ts'
import { isClosed } from './derive.ts'
import { applyDecision } from './evolve.ts'
import { effectsOf } from './plan.ts'
import type { RecordNotice } from './commands.ts'
import type { OperationKind } from './operations.ts'
import type { Payment } from './state.ts'
import { lifecycles, noticesAbout, operationKinds, operationStatuses, stateWith } from './testing/every-state.ts'
import { contextAt, minute, notice, startedAt } from './testing/fixtures.ts'
import { allOperations, balancesOf, checkPlain } from './testing/invariants.ts'
import { timersOf } from './timers.ts'

const now = startedAt + minute

/** What the payment makes of a notice, undefined where nothing; throws where anything about it is wrong. */
function take(state: Payment, command: RecordNotice): Payment | undefined {
  const decision = decide(state, command, contextAt(now))
  if (decision.kind === 'ignored') return undefined
  assert(decision.kind === 'accepted', 'a notice is never refused', { decision })
  const next = applyDecision(state, decision.events, { seq: state.seq + 1, at: now, epoch: 1 })
  assert(!isClosed(state) || next.lifecycle.status === state.lifecycle.status, 'a closed status is never left')
  balancesOf(transfersOf(state, decision.events, next))
  for (const effect of effectsOf(next, decision.events)) checkPlain(effect)
  for (const timer of timersOf(next)) checkPlain(timer)
  checkPlain(decision.events)
  checkPlain(next)
  return next
}

describe.each(lifecycles)('a payment that is $status', (lifecycle) => {
  test.each(operationKinds)(
    'takes every notice about its %s, in every state of that; the same again makes no event',
    (kind) => {
      let taken = 0
      for (const status of operationStatuses) {
        for (const canceling of [false, true]) {
          const state = stateWith(lifecycle, kind, status, canceling)
          for (const command of noticesAbout(idOf(state, kind))) {
            try {
              const next = take(state, command)
              if (next === undefined) continue
              taken += 1
              assert(take(next, command) === undefined, 'a duplicate makes no event')
            } catch (error) {
              throw new Error(
                `${kind} ${status}, canceling ${canceling}, ${JSON.stringify(command)}: ${String(error)}`,
                {
                  cause: error,
                },
              )
            }
          }
        }
      }
      expect(taken).toBeGreaterThan(0)
    },
  )

  test('refuses what is none of its own, by connection, id and references, and nothing else', () => {
    const state = stateWith(lifecycle, 'capture', 'accepted', false)
    for (const { notice: each } of noticesAbout('')) {
      const { fact, subject } = each
      const elsewhere = notice(fact, subject, { connection: 'second' })
      expect(decide(state, elsewhere, contextAt(now))).toEqual({
        kind: 'rejected',
        rejection: { code: 'notice_not_ours' },
      })
      expect(decide(undefined, notice(fact, subject), contextAt(now))).toEqual({
        kind: 'rejected',
        rejection: { code: 'payment_not_found' },
      })
    }
    const unknown = notice({ kind: 'none', reason: 'informative' }, { operationId: 'att_x', references: ['pi_other'] })
    expect(decide(state, unknown, contextAt(now)).kind).toBe('rejected')
  })
})

function idOf(state: Payment, kind: OperationKind): string {
  const id = allOperations(state).find((operation) => operation.kind === kind)?.id
  assert(id !== undefined, 'the state has an operation of each kind', { kind })
  return id
}

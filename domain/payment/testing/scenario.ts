/**
 * Given what happened, when a command comes, then events or a refusal: a payment's history as a value that tests extend
 * command by command. Every accepted decision is folded, its transfers computed and its effects and timers derived, so
 * that no test can forget to.
 */
import { assert } from '../../../runtime/assert.ts'
import type { Decision, RowMeta } from '../../decision.ts'
import { transfersOf } from '../../ledger/posting.ts'
import type { Transfer } from '../../ledger/transfer.ts'
import type { PaymentCommand, TimerKind } from '../commands.ts'
import type { PaymentContext } from '../context.ts'
import { decide } from '../decide.ts'
import type { PaymentEffect, PaymentTimer } from '../effects.ts'
import type { PaymentEvent } from '../events.ts'
import { applyDecision } from '../evolve.ts'
import { effectsOf } from '../plan.ts'
import type { PaymentRejection } from '../rejections.ts'
import type { Payment, PaymentStatus } from '../state.ts'
import { timersOf } from '../timers.ts'
import { contextAt, startedAt } from './fixtures.ts'

/** One row of the journal. */
export interface Row {
  readonly events: readonly PaymentEvent[]
  readonly transfers: readonly Transfer[]
  readonly meta: RowMeta
}

export interface Scenario {
  readonly now: number
  readonly epoch: number
  readonly state: Payment | undefined
  readonly rows: readonly Row[]
  /** Of the last command; undefined before the first. */
  readonly decision: Decision<PaymentEvent, PaymentRejection> | undefined
  readonly context: Partial<PaymentContext>
}

/** A payment that does not exist yet. `context` says what the node knows: merchant, connections. */
export function nothing(context: Partial<PaymentContext> = {}): Scenario {
  return { now: startedAt, epoch: 1, state: undefined, rows: [], decision: undefined, context }
}

/** The command is decided; if accepted, its events are part of the history from here on. */
export function when(scenario: Scenario, command: PaymentCommand): Scenario {
  const { now, epoch, state, rows } = scenario
  const decision = decide(state, command, contextAt(now, { epoch, ...scenario.context }))
  if (decision.kind !== 'accepted') return { ...scenario, decision }
  assert(decision.events.length > 0, 'an accepted decision has events', { command: command.type })
  const meta: RowMeta = { seq: (state?.seq ?? 0) + 1, at: now, epoch }
  const next = applyDecision(state, decision.events, meta)
  const transfers = transfersOf(state, decision.events, next)
  return { ...scenario, state: next, decision, rows: [...rows, { events: decision.events, transfers, meta }] }
}

/** Commands that must all be accepted. */
export function given(scenario: Scenario, ...commands: readonly PaymentCommand[]): Scenario {
  return commands.reduce((before, command) => {
    const after = when(before, command)
    assert(after.decision?.kind === 'accepted', 'what is given was accepted', {
      command: command.type,
      decision: after.decision,
    })
    return after
  }, scenario)
}

/** Time passes; nobody notices. */
export function later(scenario: Scenario, ms: number): Scenario {
  return { ...scenario, now: scenario.now + ms }
}

/** Another process owns the shard now and has read the payment from the journal. */
export function newOwner(scenario: Scenario): Scenario {
  return { ...scenario, epoch: scenario.epoch + 1 }
}

/** The clock goes on to when the timer is due, and it fires. */
export function fire(scenario: Scenario, kind: TimerKind, operationId = ''): Scenario {
  const timer = timers(scenario).find((each) => each.kind === kind && each.operationId === operationId)
  assert(timer !== undefined, 'the payment wants this timer', { kind, operationId, timers: timers(scenario) })
  return when(
    { ...scenario, now: Math.max(scenario.now, timer.due) },
    { type: 'FireTimer', timer: kind, ...(operationId !== '' && { operationId }) },
  )
}

export function payment(scenario: Scenario): Payment {
  assert(scenario.state !== undefined, 'the payment exists')
  return scenario.state
}

export function status(scenario: Scenario): PaymentStatus {
  return payment(scenario).lifecycle.status
}

/** Events of the last decision; none where it was not accepted. */
export function events(scenario: Scenario): readonly PaymentEvent[] {
  return scenario.decision?.kind === 'accepted' ? scenario.decision.events : []
}

export function eventTypes(scenario: Scenario): readonly PaymentEvent['type'][] {
  return events(scenario).map(({ type }) => type)
}

export function rejection(scenario: Scenario): PaymentRejection | undefined {
  return scenario.decision?.kind === 'rejected' ? scenario.decision.rejection : undefined
}

/** Effects of the last decision. */
export function effects(scenario: Scenario): readonly PaymentEffect[] {
  return scenario.state === undefined ? [] : effectsOf(scenario.state, events(scenario))
}

export function timers(scenario: Scenario): readonly PaymentTimer[] {
  return scenario.state === undefined ? [] : timersOf(scenario.state)
}

/** Transfers of the last decision. */
export function transfers(scenario: Scenario): readonly Transfer[] {
  return scenario.decision?.kind === 'accepted' ? (scenario.rows.at(-1)?.transfers ?? []) : []
}

export function allTransfers(scenario: Scenario): readonly Transfer[] {
  return scenario.rows.flatMap(({ transfers }) => transfers)
}

/** The n-th operation of a kind, from 1. */
export function idOf(scenario: Scenario, kind: 'att' | 'cap' | 'void' | 're' | 'dp', ordinal = 1): string {
  const { attempts, captures, voids, refunds, disputes } = payment(scenario)
  const id = { att: attempts, cap: captures, void: voids, re: refunds, dp: disputes }[kind][ordinal - 1]?.id
  assert(id !== undefined, 'the payment has this operation', { kind, ordinal })
  return id
}

import { describe, expect, test } from 'vitest'
import {
  type ActionLog,
  type ActionLogCommand,
  actionLogLimits,
  applyDecision,
  decide,
  type OperatorAction,
} from './action-log.ts'

const day = '2026-01-01'
const now = Date.UTC(2026, 0, 1)

const action = (id: string): OperatorAction => ({
  ...{ id, operator: 'ops-1', role: 'operator', kind: 'node.drain', subject: 'node:node-2', reason: 'update' },
  ...{ parameters: {}, requestId: 'req_1' },
})
const begin = (id: string): ActionLogCommand => ({ type: 'BeginAction', day, action: action(id) })
const end = (id: string): ActionLogCommand => ({ type: 'EndAction', day, id, outcome: 'done' })
const reading = (operator: string, subject = 'actions'): ActionLogCommand => {
  return { type: 'RecordReading', day, operator, role: 'viewer', subject }
}

function given(
  ...commands: readonly (ActionLogCommand | readonly [ActionLogCommand, number])[]
): ActionLog | undefined {
  let state: ActionLog | undefined
  for (const each of commands) {
    const [command, at] = 'type' in each ? [each, now] : each
    const decision = decide(state, command, at)
    if (decision.kind === 'accepted') {
      state = applyDecision(state, decision.events, { seq: (state?.seq ?? 0) + 1, at, epoch: 1 })
    }
  }
  return state
}

describe('the log of a day', () => {
  test('records an action once, however often its beginning is told', () => {
    expect(decide(given(begin('act_1')), begin('act_1'), now).kind).toBe('ignored')
  })

  test('takes the end of what has begun, once', () => {
    expect(decide(given(begin('act_1')), end('act_1'), now).kind).toBe('accepted')
    const unknown = { kind: 'rejected', rejection: { code: 'action_unknown' } }
    expect(decide(undefined, end('act_1'), now)).toEqual(unknown)
    expect(decide(given(begin('act_1'), end('act_1')), end('act_1'), now)).toEqual(unknown)
  })

  test('records reading again after ten minutes, or by somebody else, or of something else', () => {
    const state = given(reading('ops-1'))
    expect(decide(state, reading('ops-1'), now + actionLogLimits.readingEveryMs - 1).kind).toBe('ignored')
    expect(decide(state, reading('ops-1'), now + actionLogLimits.readingEveryMs).kind).toBe('accepted')
    expect(decide(state, reading('ops-2'), now).kind).toBe('accepted')
    expect(decide(state, reading('ops-1', 'pay_x'), now).kind).toBe('accepted')
  })

  test('is bounded: reading ends before acting does, and what began may always end', () => {
    const full = { code: 'action_log_full' }
    const state = given(begin('act_1')) as ActionLog
    const read = { ...state, seq: actionLogLimits.rowsBeforeReadingsEnd }
    expect(decide(read, reading('ops-1'), now)).toEqual({ kind: 'rejected', rejection: full })
    expect(decide(read, begin('act_2'), now).kind).toBe('accepted')
    const acted = { ...state, seq: actionLogLimits.rowsPerDayMax }
    expect(decide(acted, begin('act_2'), now)).toEqual({ kind: 'rejected', rejection: full })
    expect(decide(acted, end('act_1'), now).kind).toBe('accepted')
  })

  test('remembers a bounded number of open actions and readings', () => {
    const many = Array.from({ length: 300 }, (_, index) => index)
    const state = given(
      ...many.map((index) => begin(`act_${index}`)),
      ...many.map((index) => reading('ops-1', `pay_${index}`)),
    )
    expect(state?.open).toHaveLength(actionLogLimits.openMax)
    expect(state?.open.at(-1)).toBe('act_299')
    expect(Object.keys(state?.readings ?? {})).toHaveLength(actionLogLimits.readingsMax)
  })
})

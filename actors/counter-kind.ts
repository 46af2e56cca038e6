/**
 * The smallest kind of actor that has everything a host must handle: refusals, requests that wait for an outcome, effects,
 * timers, recovery, rows under the cursor. For tests and benchmarks of the host alone.
 */
import type { RequestRecord } from '../domain/decision.ts'
import { assert } from '../runtime/assert.ts'
import { type EntityKind, snakeCase } from './entity-kind.ts'

export type CounterCommand =
  /** Refused where the value would exceed 100. */
  | { readonly type: 'Add'; readonly amount: number }
  /** A request that concludes when its call's outcome comes back. */
  | { readonly type: 'Call'; readonly key: string }
  | { readonly type: 'Outcome'; readonly key: string; readonly result: string }
  | { readonly type: 'Read' }
  /** Trips an assertion. */
  | { readonly type: 'Break' }
  | { readonly type: 'Recover' }
  | { readonly type: 'Tick'; readonly key: string }

export type CounterEvent =
  | { readonly type: 'Added'; readonly amount: number }
  | { readonly type: 'Called'; readonly key: string; readonly private?: { readonly note: string } }
  | { readonly type: 'Ended'; readonly key: string; readonly result: string }
  | { readonly type: 'Asked'; readonly key: string }

export interface CounterState {
  readonly value: number
  readonly seq: number
  readonly updatedAt: number
  readonly requests: Readonly<Record<string, RequestRecord>>
  readonly open: readonly string[]
  readonly results: Readonly<Record<string, string>>
}

export interface CounterEffect {
  readonly kind: 'send' | 'inquire'
  readonly key: string
}

export type CounterAnswer =
  | {
      readonly kind: 'counter'
      readonly value: number
      readonly results: CounterState['results']
      readonly replayed: boolean
    }
  | { readonly kind: 'rejected'; readonly code: string }
  | { readonly kind: 'in_use' }

export type CounterKind = EntityKind<CounterState, CounterCommand, CounterEvent, string, CounterEffect, CounterAnswer>

const empty: CounterState = { value: 0, seq: 0, updatedAt: 0, requests: {}, open: [], results: {} }

export const counterLimit = 100
/** An open call is asked about after this long. */
export const counterTimerMs = 5000

export const counterKind: CounterKind = {
  name: 'counter',
  openTimerKinds: ['call'],
  commandType: (command) => snakeCase(command.type),
  decide(state = empty, command) {
    switch (command.type) {
      case 'Add':
        if (state.value + command.amount > counterLimit) return { kind: 'rejected', rejection: 'too_much' }
        return { kind: 'accepted', events: [{ type: 'Added', amount: command.amount }] }
      case 'Call': {
        const request = state.requests[command.key]
        if (request !== undefined) return { kind: 'replayed', request }
        return { kind: 'accepted', events: [{ type: 'Called', key: command.key, private: { note: 'private' } }] }
      }
      case 'Outcome':
        if (!state.open.includes(command.key)) return { kind: 'ignored', reason: 'known' }
        return { kind: 'accepted', events: [{ type: 'Ended', key: command.key, result: command.result }] }
      case 'Read':
        return { kind: 'ignored', reason: 'a read' }
      case 'Break':
        assert(false, 'the counter is broken on purpose')
        break
      case 'Recover':
        if (state.open.length === 0) return { kind: 'ignored', reason: 'nothing open' }
        return { kind: 'accepted', events: state.open.map((key) => ({ type: 'Asked', key })) }
      case 'Tick':
        if (!state.open.includes(command.key)) return { kind: 'ignored', reason: 'ended' }
        return { kind: 'accepted', events: [{ type: 'Asked', key: command.key }] }
    }
  },
  apply(state = empty, events, meta) {
    let next = { ...state, seq: meta.seq, updatedAt: meta.at }
    for (const event of events) {
      switch (event.type) {
        case 'Added':
          next = { ...next, value: next.value + event.amount }
          break
        case 'Called':
          next = {
            ...next,
            open: [...next.open, event.key],
            requests: { ...next.requests, [event.key]: requestOf(event.key, meta.at) },
          }
          break
        case 'Ended': {
          const request = next.requests[event.key]
          assert(request !== undefined, 'an outcome has a request')
          next = {
            ...next,
            open: next.open.filter((key) => key !== event.key),
            results: { ...next.results, [event.key]: event.result },
            requests: { ...next.requests, [event.key]: { ...request, concludedSeq: meta.seq } },
          }
          break
        }
        case 'Asked':
          break
      }
    }
    return next
  },
  transfers: () => [],
  effects: (_state, events) =>
    events.flatMap((event): CounterEffect[] => {
      if (event.type === 'Called') return [{ kind: 'send', key: event.key }]
      return event.type === 'Asked' ? [{ kind: 'inquire', key: event.key }] : []
    }),
  timers: (state) =>
    state.open.map((key) => ({ kind: 'call', operationId: key, due: state.updatedAt + counterTimerMs })),
  timerCommand: (timer) => ({ type: 'Tick', key: timer.operationId }),
  recovery: (state) => (state.open.length > 0 ? { type: 'Recover' } : undefined),
  projection: (state) => ({
    pspReferences: Object.keys(state.results).map((reference) => ({ connection: 'counters', reference })),
  }),
  sequence: (state) => state.seq,
  updatedAt: (state) => state.updatedAt,
  isClosed: (state) => state.value === counterLimit,
  read: (state = empty, command) =>
    command.type === 'Read'
      ? { kind: 'counter', value: state.value, results: state.results, replayed: false }
      : undefined,
  requestKey: (command) => (command.type === 'Call' ? command.key : undefined),
  request: (state, key) => state.requests[key],
  answer: (state = empty, _request, replayed) => ({
    kind: 'counter',
    value: state.value,
    results: state.results,
    replayed,
  }),
  reject: (code) => ({ kind: 'rejected', code }),
  inUse: () => ({ kind: 'in_use' }),
  snapshot: (state) => ({ state, private: undefined }),
  restore: (parts) => parts.state as CounterState,
}

function requestOf(key: string, at: number): RequestRecord {
  return {
    idempotencyKey: key,
    fingerprint: key,
    operation: 'create',
    requestId: `req_${key}`,
    apiVersion: '2026-11-01',
    acceptedAt: at,
  }
}

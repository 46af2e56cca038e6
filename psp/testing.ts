/**
 * A connector without a network, for tests and benchmarks of what stands around it: answers each call after a set time
 * with a set outcome (success by default) and remembers what it was asked.
 */
import type { ConnectionProfile, OperationOutcome, PspCall } from '../domain/payment/operations.ts'
import { unreachable } from '../runtime/assert.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Connector, InquiryOptions, SendOptions } from './connector.ts'

export interface ScriptedCall {
  readonly step: 'send' | 'inquire'
  readonly call: PspCall
}

export interface ScriptedOptions {
  /** Name of the connection; default `scripted`. */
  readonly connection?: string
  /** How long an answer takes; default 0: the next turn of the event loop's microtasks. */
  readonly latencyMs?: number
  readonly clock?: Clock
  readonly profile?: Partial<Omit<ConnectionProfile, 'connection'>>
  /** Instead of success. `step` tells a first send from an inquiry. */
  readonly answer?: (call: PspCall, step: ScriptedCall['step']) => OperationOutcome
  /** Keep the calls for {@link ScriptedConnector.calls}; default true. Off for long benchmarks. */
  readonly record?: boolean
}

export interface ScriptedConnector extends Connector {
  /** Every call so far, oldest first. */
  readonly calls: readonly ScriptedCall[]
}

export const scriptedProfile: ConnectionProfile = {
  connection: 'scripted',
  psp: 'scripted',
  requestVersion: 1,
  available: true,
  multicapture: false,
  repeatWindowMs: 23 * 3_600_000,
  quietPeriodMs: 60_000,
  authorizationValidityMs: 7 * 24 * 3_600_000,
  sendWithinMs: 120_000,
  acceptedWithinMs: 3_600_000,
}

export function scriptedConnector(options: ScriptedOptions = {}): ScriptedConnector {
  const { latencyMs = 0, clock = systemClock, answer = successOf, record = true } = options
  const calls: ScriptedCall[] = []

  function ask(call: PspCall, step: ScriptedCall['step']): Promise<OperationOutcome> {
    if (record) calls.push({ step, call })
    const outcome = answer(call, step)
    if (latencyMs === 0) return Promise.resolve(outcome)
    return new Promise((resolve) => {
      clock.schedule(latencyMs, () => resolve(outcome))
    })
  }

  return {
    profile: { ...scriptedProfile, ...options.profile, connection: options.connection ?? scriptedProfile.connection },
    calls,
    send(call: PspCall, { notAfter }: SendOptions) {
      if (clock.now() > notAfter) return Promise.resolve({ kind: 'not_sent', reason: 'too_late' })
      return ask(call, 'send')
    },
    inquire: (call: PspCall, _options: InquiryOptions) => ask(call, 'inquire'),
    close: () => Promise.resolve(),
  }
}

/** What a PSP answers when all goes well: the planned amount, our operation id echoed, references derived from the call. */
export function successOf(call: PspCall): OperationOutcome {
  const { amountMinor, currency, operationId } = call
  const money = { amountMinor, currency, echoedOperationId: operationId }
  switch (call.kind) {
    case 'authorize':
      return {
        kind: 'succeeded',
        pspReference: `pi_${operationId}`,
        ...money,
        captured: call.captureMethod === 'automatic',
      }
    case 'complete':
      return { kind: 'succeeded', pspReference: call.pspReference, ...money, captured: false }
    case 'capture':
      return { kind: 'succeeded', pspReference: `ch_${operationId}`, ...money }
    case 'void':
      return { kind: 'succeeded', pspReference: call.authorizationReference ?? `pi_${operationId}`, ...money }
    case 'refund':
      return { kind: 'succeeded', pspReference: `re_${operationId}`, ...money }
    default:
      return unreachable(call)
  }
}

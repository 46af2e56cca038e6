/**
 * Runs what a durable payment decision asks for: calls a PSP through its connector and turns the outcome into the command
 * that takes the same road back. It never rejects and never guesses: a connector that breaks its contract by throwing
 * leaves the outcome unknown.
 */
import type { RecordOutcome } from '../domain/payment/commands.ts'
import type { PaymentEffect } from '../domain/payment/effects.ts'
import type { OperationOutcome } from '../domain/payment/operations.ts'
import type { Connector } from '../psp/connector.ts'

export interface EffectObserver {
  /** After each call: how long it took and what came of it. */
  called(
    connection: string,
    operation: string,
    effect: PaymentEffect['kind'],
    outcome: OperationOutcome,
    ms: number,
  ): void
  /** A connector threw. */
  broken(connection: string, error: unknown): void
}

export function createEffectRunner(
  connectors: ReadonlyMap<string, Connector>,
  clock: { monotonic(): number },
  observer: EffectObserver,
): (effect: PaymentEffect) => Promise<RecordOutcome> {
  return async (effect) => {
    const { call } = effect
    const began = clock.monotonic()
    const outcome = await perform(connectors.get(call.connection), effect, observer)
    observer.called(call.connection, call.kind, effect.kind, outcome, clock.monotonic() - began)
    return {
      type: 'RecordOutcome',
      operationId: call.operationId,
      outcome,
      source: effect.kind === 'send' ? 'response' : 'inquiry',
      firstSend: effect.kind === 'send',
      ...(effect.kind === 'inquire' && { askedAt: effect.askedAt }),
      step: call.kind === 'complete' ? 'complete' : 'authorize',
    }
  }
}

async function perform(
  connector: Connector | undefined,
  effect: PaymentEffect,
  observer: EffectObserver,
): Promise<OperationOutcome> {
  const { call } = effect
  if (connector === undefined) {
    // Nothing left this process. After a repeat that says nothing, and the payment knows.
    return effect.kind === 'send'
      ? { kind: 'not_sent', reason: 'connection_not_configured' }
      : { kind: 'unknown', reason: 'repeat_refused' }
  }
  try {
    if (effect.kind === 'send') return await connector.send(call, { notAfter: effect.notAfter })
    return await connector.inquire(call, {
      repeatAllowed: effect.repeatAllowed,
      notAfter: effect.notAfter,
      ...(effect.pspReference !== undefined && { pspReference: effect.pspReference }),
    })
  } catch (error) {
    observer.broken(call.connection, error)
    return { kind: 'unknown', reason: 'unreadable_answer' }
  }
}

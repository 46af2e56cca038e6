/**
 * A PSP in memory, with a book of what it really did: the oracle that property tests compare payments with. It keeps its
 * promises on idempotency keys (the same key and request get the stored answer, another request under a used key is a
 * defect of ours and throws), and decides as it is told. Delays, losses and duplicates are the network's, not its own.
 */
import { assert } from '../../../runtime/assert.ts'
import type {
  AuthorizeCall,
  CaptureCall,
  DeclineClass,
  OperationOutcome,
  PspCall,
  RefundCall,
  VoidCall,
} from '../operations.ts'

/** What the PSP makes of a request that it sees for the first time. */
export interface Verdict {
  readonly kind: 'approve' | 'decline' | 'act' | 'accept' | 'partial'
  readonly declineClass: DeclineClass
  /** Automatic capture: take the money in the same step (else an authorization is all that comes back). */
  readonly captureAtOnce: boolean
}

/** A capture or refund in the PSP's book. */
export interface Movement {
  readonly operationId: string
  readonly reference: string
  readonly amountMinor: number
  /** Captures: the rest of the authorization is given back. */
  readonly final: boolean
  status: 'accepted' | 'succeeded' | 'declined' | 'reversed'
  declineClass: DeclineClass
}

export interface Authorization {
  readonly operationId: string
  readonly reference: string
  readonly askedMinor: number
  readonly connection: string
  /** `done`: nothing is held any more, because captured, voided, released or expired. */
  status: 'requires_action' | 'processing' | 'authorized' | 'declined' | 'canceled' | 'done'
  authorizedMinor: number
  releasedMinor: number
  /** The money was taken with the authorization. */
  capturedAtOnceMinor: number
  readonly capturesAtOnce: boolean
  declineClass: DeclineClass
  readonly captures: Movement[]
  readonly refunds: Movement[]
}

const currency = 'EUR'

export class ModelPsp {
  readonly authorizations = new Map<string, Authorization>()
  readonly #answers = new Map<string, { readonly request: string; readonly outcome: OperationOutcome }>()
  #references = 0

  /** A request arrives, for the first time or again. */
  process(call: PspCall, verdict: Verdict): OperationOutcome {
    const request = JSON.stringify(call)
    const known = this.#answers.get(call.idempotencyKey)
    if (known !== undefined) {
      assert(known.request === request, 'a key stands for one request', { key: call.idempotencyKey })
      return known.outcome
    }
    const outcome = this.#execute(call, verdict)
    this.#answers.set(call.idempotencyKey, { request, outcome })
    return outcome
  }

  #execute(call: PspCall, verdict: Verdict): OperationOutcome {
    switch (call.kind) {
      case 'authorize':
        return this.#authorize(call, verdict)
      case 'complete':
        return this.read(call)
      case 'capture':
        return this.#capture(call, verdict)
      case 'void':
        return this.#void(call)
      case 'refund':
        return this.#refund(call, verdict)
    }
  }

  /** A look-up by operation: what the PSP knows now. */
  read(call: PspCall): OperationOutcome {
    switch (call.kind) {
      case 'authorize':
      case 'complete':
        return authorizationOutcome(this.authorizations.get(call.operationId))
      case 'capture':
        return movementOutcome(this.#of(call)?.captures.find(({ operationId }) => operationId === call.operationId))
      case 'refund':
        return movementOutcome(this.#of(call)?.refunds.find(({ operationId }) => operationId === call.operationId))
      case 'void': {
        const authorization = this.authorizations.get(call.authorizationOperationId)
        if (authorization === undefined) return { kind: 'absent' }
        if (authorization.status === 'canceled' || authorization.releasedMinor > 0) return done(call, authorization)
        return takenMinor(authorization) > 0 && heldMinor(authorization) === 0
          ? refusedBecause('already_captured')
          : { kind: 'absent' }
      }
    }
  }

  #authorize(call: AuthorizeCall, verdict: Verdict): OperationOutcome {
    const authorization: Authorization = {
      operationId: call.operationId,
      reference: this.#reference('auth'),
      askedMinor: call.amountMinor,
      connection: call.connection,
      status: 'processing',
      authorizedMinor: 0,
      releasedMinor: 0,
      capturedAtOnceMinor: 0,
      capturesAtOnce: call.captureMethod === 'automatic' && verdict.captureAtOnce,
      declineClass: verdict.declineClass,
      captures: [],
      refunds: [],
    }
    this.authorizations.set(call.operationId, authorization)
    if (verdict.kind === 'act') authorization.status = 'requires_action'
    else if (verdict.kind !== 'accept') this.#concludeAuthorization(authorization, verdict.kind)
    return authorizationOutcome(authorization)
  }

  #concludeAuthorization(authorization: Authorization, verdict: 'approve' | 'decline' | 'partial'): void {
    if (verdict === 'decline') {
      authorization.status = 'declined'
      return
    }
    authorization.status = 'authorized'
    authorization.authorizedMinor =
      verdict === 'partial' && authorization.askedMinor > 1
        ? Math.floor(authorization.askedMinor / 2)
        : authorization.askedMinor
    if (!authorization.capturesAtOnce) return
    authorization.capturedAtOnceMinor = authorization.authorizedMinor
    authorization.status = 'done'
  }

  #capture(call: CaptureCall, verdict: Verdict): OperationOutcome {
    const authorization = this.#of(call)
    if (authorization?.status !== 'authorized') return refusedBecause('authorization_canceled')
    if (call.amountMinor > heldMinor(authorization)) return refusedBecause('amount_too_large')
    const movement = this.#movement(call, verdict)
    authorization.captures.push(movement)
    if (movement.status === 'succeeded') concludeCapture(authorization, call.final)
    return movementOutcome(movement)
  }

  #void(call: VoidCall): OperationOutcome {
    const authorization = this.authorizations.get(call.authorizationOperationId)
    if (authorization === undefined) return { kind: 'absent' }
    if (authorization.captures.some(({ status }) => status === 'accepted')) return refusedBecause('already_captured')
    if (authorization.status === 'done' && takenMinor(authorization) > 0) return refusedBecause('already_captured')
    authorization.releasedMinor += heldMinor(authorization)
    authorization.status = takenMinor(authorization) > 0 ? 'done' : 'canceled'
    return done(call, authorization)
  }

  #refund(call: RefundCall, verdict: Verdict): OperationOutcome {
    const authorization = this.#of(call)
    if (authorization === undefined) return refusedBecause('not_captured')
    if (call.amountMinor > refundableMinor(authorization)) return refusedBecause('amount_too_large')
    const movement = this.#movement(call, verdict)
    authorization.refunds.push(movement)
    return movementOutcome(movement)
  }

  #movement(call: CaptureCall | RefundCall, verdict: Verdict): Movement {
    const status = verdict.kind === 'accept' ? 'accepted' : verdict.kind === 'decline' ? 'declined' : 'succeeded'
    return {
      operationId: call.operationId,
      reference: this.#reference(call.kind),
      amountMinor: call.amountMinor,
      final: call.kind === 'capture' && call.final,
      status,
      declineClass: verdict.declineClass,
    }
  }

  /** What it took for later comes to an end: the outcome a webhook tells. */
  conclude(operationId: string, approve: boolean): OperationOutcome | undefined {
    const authorization = this.authorizations.get(operationId)
    if (authorization !== undefined) {
      if (authorization.status !== 'processing' && authorization.status !== 'requires_action') return undefined
      this.#concludeAuthorization(authorization, approve ? 'approve' : 'decline')
      return authorizationOutcome(authorization)
    }
    for (const each of this.authorizations.values()) {
      const movement = [...each.captures, ...each.refunds].find((candidate) => candidate.operationId === operationId)
      if (movement?.status !== 'accepted') continue
      movement.status = approve ? 'succeeded' : 'declined'
      if (approve && each.captures.includes(movement)) concludeCapture(each, movement.final)
      return movementOutcome(movement)
    }
    return undefined
  }

  /** Operations that wait for {@link conclude}. */
  waiting(): readonly string[] {
    return [...this.authorizations.values()].flatMap((each) => [
      ...(each.status === 'processing' || each.status === 'requires_action' ? [each.operationId] : []),
      ...[...each.captures, ...each.refunds]
        .filter(({ status }) => status === 'accepted')
        .map(({ operationId }) => operationId),
    ])
  }

  #of(call: CaptureCall | RefundCall): Authorization | undefined {
    return [...this.authorizations.values()].find(({ reference }) => reference === call.authorizationReference)
  }

  #reference(kind: string): string {
    this.#references += 1
    return `${kind}_${this.#references}`
  }
}

/** Captured, reversals subtracted. */
export function takenMinor(authorization: Authorization): number {
  return (
    authorization.capturedAtOnceMinor +
    sum(authorization.captures.filter(({ status }) => status === 'succeeded' || status === 'reversed')) -
    sum(authorization.captures.filter(({ status }) => status === 'reversed'))
  )
}

export function givenBackMinor(authorization: Authorization): number {
  return sum(authorization.refunds.filter(({ status }) => status === 'succeeded'))
}

export function heldMinor(authorization: Authorization): number {
  if (authorization.status !== 'authorized') return 0
  const captured = sum(authorization.captures.filter(({ status }) => status !== 'declined'))
  return authorization.authorizedMinor - authorization.capturedAtOnceMinor - captured - authorization.releasedMinor
}

export function refundableMinor(authorization: Authorization): number {
  const refunds = sum(authorization.refunds.filter(({ status }) => status === 'succeeded' || status === 'accepted'))
  return takenMinor(authorization) - refunds
}

function concludeCapture(authorization: Authorization, final: boolean): void {
  if (!final && heldMinor(authorization) > 0) return
  authorization.releasedMinor += heldMinor(authorization)
  authorization.status = 'done'
}

function authorizationOutcome(authorization: Authorization | undefined): OperationOutcome {
  if (authorization === undefined) return { kind: 'absent' }
  const { reference: pspReference, operationId: echoedOperationId } = authorization
  switch (authorization.status) {
    case 'requires_action':
      return {
        kind: 'requires_action',
        pspReference,
        action: { type: 'redirect', url: `https://psp.example/${pspReference}` },
      }
    case 'processing':
      return { kind: 'accepted', pspReference }
    case 'declined':
      return {
        kind: 'declined',
        decline: { class: authorization.declineClass, code: 'generic_decline' },
        pspReference,
      }
    case 'canceled':
      return { kind: 'declined', decline: { class: 'soft', code: 'authorization_canceled' }, pspReference }
    case 'authorized':
    case 'done':
      return {
        kind: 'succeeded',
        pspReference,
        amountMinor: authorization.authorizedMinor,
        currency,
        captured: authorization.capturedAtOnceMinor > 0,
        echoedOperationId,
      }
  }
}

function movementOutcome(movement: Movement | undefined): OperationOutcome {
  if (movement === undefined) return { kind: 'absent' }
  const { reference: pspReference, amountMinor } = movement
  switch (movement.status) {
    case 'accepted':
      return { kind: 'accepted', pspReference }
    case 'succeeded':
    case 'reversed':
      return { kind: 'succeeded', pspReference, amountMinor, currency, echoedOperationId: movement.operationId }
    case 'declined':
      return {
        kind: 'declined',
        decline: { class: movement.declineClass, code: 'generic_decline' },
        pspReference,
      }
  }
}

function done(call: VoidCall, { reference }: Authorization): OperationOutcome {
  return { kind: 'succeeded', pspReference: `void of ${reference}`, amountMinor: call.amountMinor, currency }
}

function refusedBecause(code: string): OperationOutcome {
  return { kind: 'declined', decline: { class: 'hard', code } }
}

function sum(movements: readonly { readonly amountMinor: number }[]): number {
  return movements.reduce((total, { amountMinor }) => total + amountMinor, 0)
}

/** Every operation as a call to a connector, each of a payment that has come as far as the operation needs. */
import type { AuthorizeCall, DeclineClass, OperationOutcome, PspCall } from '../domain/payment/operations.ts'
import type { VirtualClock } from '../runtime/clock.ts'
import type { AnswerProxy } from '../test/support/answer-proxy.ts'
import { authorizeCall, captureCall, completeCall, refundCall, voidCall } from '../test/support/psp-calls.ts'
import type { Connector } from './connector.ts'
import type { BehaviourRule } from './simulator/behaviour.ts'
import type { BookEntry, BookOperation } from './simulator/book.ts'

/** A refusal in the PSP's own form, by whoever stands before it. */
export interface Refusal {
  readonly name: string
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: object
  /** What it proves about a first send that is no second step of an authorization. */
  readonly first: 'not_sent' | 'declined' | 'unknown'
}

export type CardDecline = Exclude<DeclineClass, 'configuration'>
/** What a PSP is like. Where it lacks something, the suite claims that nothing is asked then, and nothing guessed. */
export interface PspTraits {
  readonly name: string
  /** What became of an operation can be read there, by its reference or ours. */
  readonly reads: boolean
  /** Whether modifications are answered with their outcome, or with a word that it will be told. */
  readonly tellsModifications: 'at_once' | 'later'
  /** An authorization that asks for it takes the money in the same step. */
  readonly capturesAtOnce: boolean
  /** The second step of an authorization: a read, or a request that makes it happen. */
  readonly completesBy: 'read' | 'authorize'
  /** A void that names no reference is a request of its own, so that it can be repeated. */
  readonly voidsByOwnReference: boolean
  /** Payment methods by what comes of them. */
  readonly methods: {
    readonly approved: string
    readonly authenticated: string
    /** Its refunds have no outcome for some seconds. */
    readonly refundedSlowly: string
    readonly declined: Readonly<Record<CardDecline, string>>
  }
  readonly refusals: readonly Refusal[]
  /** An error of the PSP's, as it would never send it with status 200. */
  readonly error: object
}

/** A simulated PSP and connectors to it. */
export interface PspAtWork {
  readonly connector: Connector
  /** The same through {@link PspAtWork.proxy}. */
  readonly proxied: Connector
  readonly proxy: AnswerProxy
  /** To an address where nobody listens. */
  readonly nowhere: Connector
  /** Of the connectors: their deadlines pass when it is moved. */
  readonly clock: VirtualClock
  readonly pspClock: VirtualClock
  behave(rules: readonly BehaviourRule[]): Promise<void>
  /** Whether every rule with `times` has struck that often. */
  isSpent(): Promise<boolean>
  /** Without a payment: the whole book. */
  book(payment?: string): Promise<readonly BookEntry[]>
  /** The shopper on the PSP's page. @returns what the browser brings back, where there is something */
  authenticate(reference: string): Promise<string | undefined>
  close(): Promise<void>
}

/** What the claims share. */
export interface Bench {
  at(): PspAtWork
  /** The id of one that has no operation yet. */
  newPayment(): string
  /** What the call has done, by the PSP's book, in order. */
  effects(call: PspCall): Promise<readonly BookOperation[]>
  /** What was said of it, for the judgement over all. */
  remember(call: PspCall, outcome: OperationOutcome): void
}

export interface Scenario {
  readonly name: string
  readonly kind: PspCall['kind']
  /** A void that names no reference of the PSP's. */
  readonly byOwnReference?: true
  readonly automatic?: true
  /** @param payment has no operation yet */
  prepare(at: PspAtWork, traits: PspTraits, payment: string): Promise<PspCall>
}

export const inTime = ({ clock }: PspAtWork): { notAfter: number } => ({ notAfter: clock.now() + 60_000 })

export function authorization(traits: PspTraits, paymentId: string, given: Partial<AuthorizeCall> = {}): AuthorizeCall {
  const paymentMethod = { type: 'card', token: traits.methods.approved } as const
  return authorizeCall({ paymentId, paymentMethod, customer: 'cus_1', ...given })
}

export function authenticated(traits: PspTraits, paymentId: string): AuthorizeCall {
  const paymentMethod = { type: 'card', token: traits.methods.authenticated } as const
  return authorization(traits, paymentId, { paymentMethod, returnUrl: 'https://shop.example/return' })
}

/** Sends what has to succeed so that something else can follow. @returns its reference */
export async function done(at: PspAtWork, call: PspCall): Promise<string> {
  const outcome = await at.connector.send(call, inTime(at))
  if (outcome.kind !== 'succeeded' && outcome.kind !== 'accepted' && outcome.kind !== 'requires_action') {
    throw new Error(`${call.kind} came to ${JSON.stringify(outcome)}`)
  }
  settle(at)
  return outcome.pspReference
}

/** Lets the PSP do what it takes some milliseconds for. */
export function settle({ pspClock }: PspAtWork): void {
  pspClock.advance(100)
}

async function captured(at: PspAtWork, traits: PspTraits, paymentId: string) {
  const authorized = await done(at, authorization(traits, paymentId))
  return { authorized, capture: await done(at, captureCall(authorized, { paymentId })) }
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'an authorization',
    kind: 'authorize',
    prepare: async (_at, traits, payment) => authorization(traits, payment),
  },
  {
    name: 'an authorization that may capture at once',
    kind: 'authorize',
    automatic: true,
    prepare: async (_at, traits, payment) => authorization(traits, payment, { captureMethod: 'automatic' }),
  },
  {
    name: 'the second step of an authorization',
    kind: 'complete',
    async prepare(at, traits, paymentId) {
      const reference = await done(at, authenticated(traits, paymentId))
      const redirectResult = await at.authenticate(reference)
      return completeCall(reference, { paymentId, ...(redirectResult !== undefined && { redirectResult }) })
    },
  },
  {
    name: 'a capture',
    kind: 'capture',
    prepare: async (at, traits, paymentId) =>
      captureCall(await done(at, authorization(traits, paymentId)), { paymentId }),
  },
  {
    name: 'a capture of a part',
    kind: 'capture',
    prepare: async (at, traits, paymentId) =>
      captureCall(await done(at, authorization(traits, paymentId)), { paymentId, amountMinor: 1000 }),
  },
  {
    name: 'a void',
    kind: 'void',
    prepare: async (at, traits, paymentId) => voidCall(await done(at, authorization(traits, paymentId)), { paymentId }),
  },
  {
    name: 'a void without the PSP’s reference',
    kind: 'void',
    byOwnReference: true,
    async prepare(at, traits, paymentId) {
      await done(at, authorization(traits, paymentId))
      return voidCall(undefined, { paymentId })
    },
  },
  {
    name: 'a refund',
    kind: 'refund',
    async prepare(at, traits, paymentId) {
      const { authorized } = await captured(at, traits, paymentId)
      return refundCall(authorized, { paymentId })
    },
  },
  {
    name: 'a refund of a part that names its capture',
    kind: 'refund',
    async prepare(at, traits, paymentId) {
      const { authorized, capture } = await captured(at, traits, paymentId)
      return refundCall(authorized, { paymentId, captureReference: capture, amountMinor: 400 })
    },
  },
]

/** What the book has of it once it is done, under the operation's id. */
export function effectsOfSuccess({ kind, automatic }: Scenario, traits: PspTraits): readonly BookOperation[] {
  if (kind === 'complete') return ['authorize']
  return automatic === true && traits.capturesAtOnce ? ['authorize', 'capture'] : [kind]
}

/** What a connector says once it is done. */
export function success({ kind, automatic }: Scenario, traits: PspTraits, call: PspCall): Partial<OperationOutcome> {
  const isModification = kind !== 'authorize' && kind !== 'complete'
  if (isModification && traits.tellsModifications === 'later') return { kind: 'accepted' }
  return {
    kind: 'succeeded',
    amountMinor: call.amountMinor,
    currency: call.currency,
    ...(isModification ? {} : { captured: automatic === true && traits.capturesAtOnce }),
  }
}

/** Whether the identical request can be sent again; else its repeat is a look-up. */
export function isRepeatable({ kind, byOwnReference }: Scenario, traits: PspTraits): boolean {
  if (kind === 'complete') return traits.completesBy === 'authorize'
  return byOwnReference !== true || traits.voidsByOwnReference
}

/** What it is to the PSP. */
export function operationOf(kind: PspCall['kind'], traits: PspTraits): 'read' | Exclude<PspCall['kind'], 'complete'> {
  return kind === 'complete' ? traits.completesBy : kind
}

/** Of an inquiry that has nothing to ask with. */
export const nothingToAsk: OperationOutcome = { kind: 'unknown', reason: 'not_found_yet' }

/**
 * A simulated PSP: the model of the payment machine's own tests (its book is the only truth about money), behind a network
 * that loses requests, loses answers, delivers late and twice, and refuses connections. Every node process gets a connector of its own to
 * the same book.
 *
 * The PSP keeps what PSPs promise: the same key and request get the stored answer, and a request is processed within the
 * quiet period after it was last sent, or never.
 */
import type { RecordOutcome } from '../../domain/payment/commands.ts'
import type { ConnectionProfile, OperationOutcome, PspCall } from '../../domain/payment/operations.ts'
import { ModelPsp, type Verdict } from '../../domain/payment/testing/model-psp.ts'
import type { Connector } from '../../psp/connector.ts'
import type { Chance } from './chance.ts'
import type { Loop } from './loop.ts'
import type { SimProcess } from './process.ts'
import { server } from './storage-server.ts'

/** Shares of all calls (0 to 1), and times in microseconds. */
export interface PspFaults {
  readonly refusedConnection: number
  readonly lostRequest: number
  readonly lostAnswer: number
  /** Processed after the sender has given up. */
  readonly late: number
  /** Delivered twice, the second time later. */
  readonly duplicate: number
  /** Done, but an error was stored under its key. */
  readonly storedError: number
  readonly declined: number
  readonly action: number
  /** The outcome comes by webhook. */
  readonly accepted: number
  readonly typicalUs: number
}

/** An answer that did not come within this is unknown. */
const callTimeoutUs = 3_000_000
/** The PSP processes a request within this after it was sent. */
const processedWithinUs = 5_000_000
/** What connectors say of it: longer, because wall clocks of nodes differ ({@link wallOffsetMsMax}). */
const quietPeriodMs = 6_000
/** How far a node's wall clock may be off in a simulation. */
export const wallOffsetMsMax = 400

/** Keeps one operation's effect from being told apart from another's: what the checkers hear of the book. */
export interface BookListener {
  /** A request has taken effect for the first time. */
  effect(call: PspCall, psp: ModelPsp): void
}

/** Delivers a webhook until it was taken. */
export type DeliverFact = (paymentId: string, fact: RecordOutcome) => void

const profile: Omit<ConnectionProfile, 'connection' | 'psp' | 'multicapture'> = {
  requestVersion: 1,
  available: true,
  repeatWindowMs: 60_000,
  quietPeriodMs,
  authorizationValidityMs: 7 * 24 * 3_600_000,
  sendWithinMs: 2_000,
  acceptedWithinMs: 10_000,
}

export const profiles: ReadonlyMap<string, ConnectionProfile> = new Map([
  ['first', { ...profile, connection: 'first', psp: 'stripe', multicapture: false }],
  ['second', { ...profile, connection: 'second', psp: 'adyen', multicapture: true }],
])

export class SimPsp {
  readonly model = new ModelPsp()
  faults: PspFaults
  /** Intents were lost with a database: a key may come with another request, which a PSP refuses. */
  lossDeclared = false
  readonly #loop: Loop
  readonly #chance: Chance
  readonly #listener: BookListener
  readonly #deliver: DeliverFact
  readonly #requests = new Map<string, string>()
  #facts = 0

  constructor(loop: Loop, chance: Chance, faults: PspFaults, listener: BookListener, deliver: DeliverFact) {
    this.#loop = loop
    this.#chance = chance
    this.faults = faults
    this.#listener = listener
    this.#deliver = deliver
  }

  connectorsFor(process: SimProcess): ReadonlyMap<string, Connector> {
    return new Map([...profiles.values()].map((each) => [each.connection, this.#connector(process, each)]))
  }

  /** The shopper did, or did not, what the PSP asked for. */
  act(call: { readonly operationId: string; readonly paymentId: string }, approve: boolean): void {
    this.#conclude(call, approve)
  }

  /** Whatever still waits for a webhook or a shopper comes to its end. */
  concludeAll(): void {
    for (const operationId of this.model.waiting())
      this.#conclude({ operationId, paymentId: paymentOf(operationId) }, true)
  }

  #connector(process: SimProcess, own: ConnectionProfile): Connector {
    return {
      profile: own,
      send: (call, { notAfter }) => {
        if (process.clock.now() > notAfter) return Promise.resolve({ kind: 'not_sent', reason: 'too_late' })
        if (this.#chance.happens(this.faults.refusedConnection)) {
          return Promise.resolve({ kind: 'not_sent', reason: 'connect_refused' })
        }
        return this.#ask(process, call, true)
      },
      inquire: (call, { repeatAllowed, notAfter }) => {
        const repeats = repeatAllowed && (notAfter === undefined || process.clock.now() <= notAfter)
        if (repeatAllowed && !repeats) return Promise.resolve({ kind: 'unknown', reason: 'deadline_passed' })
        return this.#ask(process, call, repeats)
      },
      close: () => Promise.resolve(),
    }
  }

  #ask(process: SimProcess, call: PspCall, sends: boolean): Promise<OperationOutcome> {
    return new Promise((resolve) => {
      const { faults } = this
      const chance = this.#chance
      const verdict = this.#verdict()
      const there = chance.latency(faults.typicalUs)
      const back = chance.latency(faults.typicalUs)
      const late = chance.between(callTimeoutUs, processedWithinUs)
      const isDuplicated = chance.happens(faults.duplicate)
      const fate = chance.float()
      const isLost = fate < faults.lostRequest
      const isUnheard = !isLost && fate < faults.lostRequest + faults.lostAnswer
      const isLate = fate > 1 - faults.late
      const storesError = chance.happens(faults.storedError)
      const timedOut: OperationOutcome = { kind: 'unknown', reason: 'timeout' }
      process.after(callTimeoutUs, () => resolve(timedOut))
      const perform = (): OperationOutcome => (sends ? this.#process(call, verdict) : this.model.read(call))
      if (isDuplicated && sends) this.#loop.add(server, late, () => void perform())
      if (isLost) return
      this.#loop.add(server, isLate ? late : Math.min(there, callTimeoutUs), () => {
        const outcome = perform()
        if (isUnheard || isLate) return
        const told: OperationOutcome =
          storesError && sends ? { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true } : outcome
        process.after(back, () => resolve(told))
      })
    })
  }

  #verdict(): Verdict {
    const chance = this.#chance
    const draw = chance.float()
    const { declined, action, accepted } = this.faults
    const kind =
      draw < declined
        ? 'decline'
        : draw < declined + action
          ? 'act'
          : draw < declined + action + accepted
            ? 'accept'
            : 'approve'
    return {
      kind,
      declineClass: chance.pick(['hard', 'soft', 'retry_elsewhere'] as const),
      captureAtOnce: true,
    }
  }

  #process(call: PspCall, verdict: Verdict): OperationOutcome {
    const isFirst = !this.#requests.has(call.idempotencyKey)
    if (!isFirst && this.lossDeclared && this.#requests.get(call.idempotencyKey) !== JSON.stringify(call)) {
      return { kind: 'unknown', reason: 'psp_error', repeatIsUseless: true }
    }
    const outcome = this.model.process(call, verdict)
    if (!isFirst) return outcome
    this.#requests.set(call.idempotencyKey, JSON.stringify(call))
    this.#loop.mark(call.idempotencyKey)
    this.#listener.effect(call, this.model)
    if (outcome.kind === 'accepted') {
      this.#loop.add(server, this.#chance.between(10_000, 4_000_000), () =>
        this.#conclude(call, this.#chance.happens(0.8)),
      )
    }
    return outcome
  }

  #conclude({ operationId, paymentId }: Pick<PspCall, 'operationId' | 'paymentId'>, approve: boolean): void {
    const outcome = this.model.conclude(operationId, approve)
    if (outcome === undefined) return
    this.#facts += 1
    this.#deliver(paymentId, {
      type: 'RecordOutcome',
      operationId,
      outcome,
      source: 'webhook',
      firstSend: false,
      factId: `webhook ${this.#facts}`,
    })
  }
}

/** `att_<payment>_<ordinal>` and its siblings. */
function paymentOf(operationId: string): string {
  return `pay_${operationId.split('_')[1]}`
}

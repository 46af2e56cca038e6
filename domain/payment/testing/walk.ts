/**
 * One payment's life among merchants, shoppers, crashing owners, timers and a PSP behind a bad network, step by step as it
 * is told: answers are delayed, reordered, duplicated and lost, requests arrive after everybody has given up on them, the
 * PSP's own people refund and cancel. Every decision is checked against the invariants; at the end everything in flight
 * arrives, every timer fires, and the payment is compared with the PSP's book.
 */
import { assert } from '../../../runtime/assert.ts'
import type { MerchantCommand, PaymentCommand, TimerKind } from '../commands.ts'
import type { PaymentContext } from '../context.ts'
import type { PaymentEffect } from '../effects.ts'
import type { PaymentEvent } from '../events.ts'
import { applyDecision } from '../evolve.ts'
import type { OperationOutcome, PspCall } from '../operations.ts'
import { absentFrom } from '../derive.ts'
import { callOf } from '../plan.ts'
import type { Operation, Payment } from '../state.ts'
import { day, hour, minute, request, second } from './fixtures.ts'
import {
  allOperations,
  checkBooks,
  checkCalls,
  checkDecision,
  checkPlain,
  checkPlannedOnce,
  isOpen,
} from './invariants.ts'
import { ModelPsp, type Verdict } from './model-psp.ts'
import { pspPeople } from './psp-people.ts'
import { allTransfers, effects, newOwner, nothing, type Scenario, timers, when } from './scenario.ts'

/** One step: small numbers that pick among what is possible then, so that a failing life shrinks. */
export interface Step {
  readonly kind:
    | 'merchant'
    | 'effect'
    | 'fact'
    | 'arrive'
    | 'conclude'
    | 'wait'
    | 'timer'
    | 'stray timer'
    | 'new owner'
    | 'shopper'
    | 'psp people'
    | 'ruling'
  readonly pick: number
  readonly amountMinor: number
  readonly verdict: Verdict
  readonly fate: number
  /** Deliver once more later. */
  readonly again: boolean
}

const timedOut: OperationOutcome = { kind: 'unknown', reason: 'timeout' }
const waits = [second, 10 * second, minute, 10 * minute, hour, 6 * hour, day, 8 * day]

const asksPeople: ReadonlySet<PaymentCommand['type']> = new Set([
  'CompleteAction',
  'ProposeResolution',
  'DecideResolution',
  'ProposeCompensation',
  'DecideCompensation',
])

export class Walk {
  scenario: Scenario
  readonly psp = new ModelPsp()
  /** Effects of durable decisions that nobody has executed yet. */
  #effects: PaymentEffect[] = []
  /** Commands on their way to the payment. */
  #facts: PaymentCommand[] = []
  /** Requests that reach the PSP after their sender has given up. */
  #underway: { readonly call: PspCall; readonly verdict: Verdict }[] = []
  /** First request by key. */
  readonly #sent = new Map<string, PspCall>()
  #factIds = 0

  constructor(context: Partial<PaymentContext>, create: MerchantCommand) {
    this.scenario = nothing(context)
    this.#decide(create)
    assert(this.scenario.state !== undefined, 'the payment was created')
  }

  get state(): Payment {
    assert(this.scenario.state !== undefined, 'the payment exists')
    return this.scenario.state
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'merchant':
        return this.#merchant(step)
      case 'effect':
        return this.#execute(take(this.#effects, step.pick), step)
      case 'fact': {
        const fact = take(this.#facts, step.pick)
        if (fact === undefined) return
        if (step.again) this.#facts.push(fact)
        return this.#decide(fact)
      }
      case 'arrive': {
        const late = take(this.#underway, step.pick)
        if (late !== undefined) this.#webhook(late.call.operationId, this.psp.process(late.call, late.verdict))
        return
      }
      case 'conclude': {
        const waiting = this.psp.waiting()
        const operationId = waiting[step.pick % Math.max(1, waiting.length)]
        if (operationId !== undefined) this.#conclude(operationId, step.verdict.kind !== 'decline')
        return
      }
      case 'wait':
        return this.#wait(waits[step.pick % waits.length] ?? 0)
      case 'timer':
        return this.#fireNext()
      case 'stray timer':
        return this.#strayTimer(step.pick)
      case 'new owner':
        this.scenario = newOwner(this.scenario)
        // What the old owner had not begun is lost with it, unless it is only slow: then it acts on what it knew.
        if (step.again) this.#effects = []
        return this.#decide({ type: 'RecoverOperations' })
      case 'shopper':
        return this.#shopper(step)
      case 'psp people': {
        this.#factIds += 1
        const fact = pspPeople(this.psp, step, `people ${this.#factIds}`)
        if (fact !== undefined) this.#facts.push(fact)
        return
      }
      case 'ruling':
        return this.#ruling(step)
    }
  }

  /** Everything comes to an end, and the books are compared. */
  finish(): void {
    for (let round = 0; ; round += 1) {
      assert(round < 400, 'a payment comes to rest', { effects: this.#effects.length, timers: timers(this.scenario) })
      if (this.#settleOne()) continue
      break
    }
    const { state, scenario } = this
    checkPlannedOnce(scenario.rows.map(({ events }) => events))
    checkBooks(state, allTransfers(scenario))
    checkPlain(state)
    checkPlain(scenario.rows)
    let replayed: Payment | undefined
    for (const { events, meta } of scenario.rows) replayed = applyDecision(replayed, events, meta)
    assert(JSON.stringify(replayed) === JSON.stringify(state), 'the journal replays to the state')
  }

  #settleOne(): boolean {
    const effect = this.#effects.shift()
    if (effect !== undefined) {
      this.#execute(effect, { fate: 0, verdict: { kind: 'approve', declineClass: 'hard', captureAtOnce: true } })
      return true
    }
    const fact = this.#facts.shift()
    if (fact !== undefined) {
      this.#decide(fact)
      return true
    }
    const late = this.#underway.shift()
    if (late !== undefined) {
      this.#webhook(late.call.operationId, this.psp.process(late.call, late.verdict))
      return true
    }
    const [waiting] = this.psp.waiting()
    if (waiting !== undefined) {
      this.#conclude(waiting, true)
      return true
    }
    const manual = allOperations(this.state).find(({ status }) => status === 'manual')
    if (manual !== undefined) return this.#rule(manual.id)
    // What the PSP has refused to give back is with people, for ever; they are only reminded of it.
    const open = timers(this.scenario).filter((timer) => timer.kind !== 'compensation' || !this.#wasRefused(timer))
    const unwanted = open.find(({ kind }) => kind === 'compensation')
    if (unwanted !== undefined) {
      this.#compensate(unwanted.operationId)
      return true
    }
    if (open.length === 0) return false
    this.#fireNext()
    return true
  }

  #decide(command: PaymentCommand): void {
    const before = this.scenario.state
    const next = when(this.scenario, command)
    const isFact = !('request' in command) && !asksPeople.has(command.type)
    assert(!isFact || next.decision?.kind !== 'rejected', 'a fact is never refused', { command })
    this.scenario = next
    if (next.decision?.kind !== 'accepted') return
    this.#checkAbsence(next.decision.events)
    const started = effects(next)
    for (const { call } of started) {
      if (!this.#sent.has(call.idempotencyKey)) this.#sent.set(call.idempotencyKey, call)
    }
    this.#effects.push(...started)
    checkDecision(before, next.decision.events, this.state)
    checkCalls(this.state, this.#sent)
  }

  /** Nothing may be believed absent that can still be sent: its success would be one too many. */
  #checkAbsence(happened: readonly PaymentEvent[]): void {
    for (const event of happened) {
      if (event.type !== 'OperationAbsent') continue
      const sendable = this.#effects.filter(
        (effect) =>
          effect.call.operationId === event.operationId &&
          (effect.kind === 'send' || effect.repeatAllowed) &&
          this.scenario.now <= effect.notAfter,
      )
      assert(sendable.length === 0, 'what is believed absent can no longer be sent', { id: event.operationId })
    }
  }

  #merchant({ pick, amountMinor, verdict, again }: Step): void {
    const key = `key ${pick}`
    const command: MerchantCommand =
      pick % 4 === 0
        ? { type: 'CancelPayment', request: request(key) }
        : pick % 4 === 1
          ? { type: 'RefundPayment', request: request(key), ...(again && { amountMinor }) }
          : pick % 4 === 2
            ? {
                type: 'CapturePayment',
                request: request(key),
                final: verdict.captureAtOnce,
                ...(again && { amountMinor }),
              }
            : { type: 'ConfirmPayment', request: request(key) }
    this.#decide(command)
  }

  /** Fates: answered; done but the answer lost; lost on the way; late; refused before anything was sent; never heard of again; a stored error. */
  #execute(effect: PaymentEffect | undefined, { fate, verdict }: Pick<Step, 'fate' | 'verdict'>): void {
    if (effect === undefined) return
    const { call } = effect
    const answer = (outcome: OperationOutcome): void => {
      this.#facts.push({
        type: 'RecordOutcome',
        operationId: call.operationId,
        outcome,
        source: effect.kind === 'send' ? 'response' : 'inquiry',
        firstSend: effect.kind === 'send',
        ...(effect.kind === 'inquire' && { askedAt: effect.askedAt }),
        step: call.kind === 'complete' ? 'complete' : 'authorize',
      })
    }
    if (effect.kind === 'send' && this.scenario.now > effect.notAfter) {
      return answer({ kind: 'not_sent', reason: 'too_late' })
    }
    const sends = effect.kind === 'send' || effect.repeatAllowed
    if (sends && this.scenario.now > effect.notAfter) return answer(timedOut)
    const perform = (): OperationOutcome => (sends ? this.psp.process(call, verdict) : this.psp.read(call))
    switch (fate) {
      case 1:
        this.#webhook(call.operationId, perform())
        return answer(timedOut)
      case 2:
        return answer(timedOut)
      case 3:
        if (sends) this.#underway.push({ call, verdict })
        return answer(timedOut)
      case 4:
        return answer(effect.kind === 'send' ? { kind: 'not_sent', reason: 'connect_refused' } : timedOut)
      case 5:
        perform()
        return undefined
      case 6:
        perform()
        return answer({ kind: 'unknown', reason: 'psp_error', repeatIsUseless: true })
      case 7: {
        const outcome = perform()
        this.#webhook(call.operationId, outcome)
        return answer(outcome)
      }
      default:
        return answer(perform())
    }
  }

  /** Known by our id, or by the PSP's references where the payment can know which operation is meant. */
  #webhook(operationId: string, outcome: OperationOutcome): void {
    if (outcome.kind === 'absent' || outcome.kind === 'not_sent' || outcome.kind === 'unknown') return
    const operation = allOperations(this.state).find(({ id }) => id === operationId)
    assert(operation !== undefined, 'the PSP tells of what was planned', { operationId })
    this.#factIds += 1
    const { kind, connection, pspReference } = operation
    const attemptId = kind === 'authorize' ? operationId : operation.attemptId
    const reference = this.psp.authorizations.get(attemptId)?.reference
    const references = [outcome.pspReference, reference].filter((each) => each !== undefined)
    const isKnown = kind === 'authorize' || kind === 'void' || pspReference !== undefined
    const subject =
      isKnown && this.#factIds % 2 === 0 ? { operationId: attemptId, references } : { operationId, references: [] }
    const fact = { kind: 'outcome', operation: kind, outcome } as const
    const notice = { id: `webhook ${this.#factIds}`, type: kind, subject, fact }
    this.#facts.push({ type: 'RecordNotice', connection, notice })
  }

  #conclude(operationId: string, approve: boolean): void {
    const outcome = this.psp.conclude(operationId, approve)
    if (outcome !== undefined) this.#webhook(operationId, outcome)
  }

  #shopper({ pick, verdict }: Step): void {
    const attempt = this.state.attempts.find(({ status }) => status === 'requires_action') ?? this.state.attempts.at(-1)
    if (attempt === undefined) return
    if (pick % 2 === 0) this.#conclude(attempt.id, verdict.kind !== 'decline')
    this.#decide({
      type: 'CompleteAction',
      attemptId: attempt.id,
      nonce: pick % 5 === 0 ? 'guess' : attempt.nonce,
      ...(pick % 3 === 0 && { redirectResult: `result ${pick}` }),
    })
  }

  #wait(ms: number): void {
    this.scenario = { ...this.scenario, now: this.scenario.now + ms }
  }

  #fireNext(): void {
    const [next] = [...timers(this.scenario)].sort((one, other) => one.due - other.due)
    if (next === undefined) return
    this.scenario = { ...this.scenario, now: Math.max(this.scenario.now, next.due) }
    const { rows } = this.scenario
    this.#decide({
      type: 'FireTimer',
      timer: next.kind,
      ...(next.operationId !== '' && { operationId: next.operationId }),
    })
    assert(this.scenario.rows.length > rows.length, 'a timer that is due changes something', { timer: next })
  }

  #strayTimer(pick: number): void {
    const kinds: TimerKind[] = [
      'confirm_deadline',
      'action_deadline',
      'capture_deadline',
      'capture_retry',
      'void_retry',
      'inquiry',
      'accepted_deadline',
      'call_deadline',
      'evidence_deadline',
      'manual',
      'compensation',
    ]
    const operations = allOperations(this.state)
    const operationId = operations[pick % Math.max(1, operations.length)]?.id
    const timer = kinds[pick % kinds.length] ?? 'inquiry'
    this.#decide({ type: 'FireTimer', timer, ...(operationId !== undefined && { operationId }) })
  }

  /** People find out the truth and say so. */
  #rule(operationId: string): boolean {
    const operation = allOperations(this.state).find(({ id }) => id === operationId)
    assert(operation !== undefined && isOpen(operation), 'a person rules on an open operation')
    this.scenario = { ...this.scenario, now: Math.max(this.scenario.now, absentFrom(operation)) }
    const { rows } = this.scenario
    // What somebody had proposed before may not be true any more.
    if (operation.doubt?.proposal !== undefined) {
      this.#decide({ type: 'DecideResolution', operationId, approver: 'op-2', approve: false })
    }
    this.#propose(operation)
    this.#decide({ type: 'DecideResolution', operationId, approver: 'op-2', approve: true })
    return this.scenario.rows.length > rows.length
  }

  #propose(operation: Operation): void {
    const found = this.psp.read(callOf(this.state, operation))
    const outcome = found.kind === 'succeeded' || found.kind === 'declined' ? found : ({ kind: 'absent' } as const)
    this.#decide({
      type: 'ProposeResolution',
      operationId: operation.id,
      outcome,
      operator: 'op-1',
      evidence: 'report line 7',
      reason: 'the report says so',
    })
  }

  /** People give back what nobody wanted. */
  #wasRefused({ operationId }: { readonly operationId: string }): boolean {
    return this.state.refunds.some(({ captureId, status }) => captureId === operationId && status === 'declined')
  }

  #compensate(operationId: string): void {
    this.#decide({ type: 'ProposeCompensation', operationId, operator: 'op-1', reason: 'nobody wanted it' })
    this.#decide({ type: 'DecideCompensation', operationId, approver: 'op-2', approve: true })
  }

  /** Two people at any time, not only when they are asked: one proposes, one decides, in no order. */
  #ruling({ pick, again }: Step): void {
    const capture = this.state.captures[pick % Math.max(1, this.state.captures.length)]
    if (capture !== undefined && pick % 3 === 0) {
      const operationId = capture.id
      this.#decide({ type: 'ProposeCompensation', operationId, operator: 'op-1', reason: 'nobody wanted it' })
      if (again) this.#decide({ type: 'DecideCompensation', operationId, approver: 'op-2', approve: pick % 2 === 0 })
      return
    }
    const doubtful = allOperations(this.state).filter(({ doubt }) => doubt !== undefined)
    const operation = doubtful[pick % Math.max(1, doubtful.length)]
    if (operation === undefined) return
    if (pick % 2 === 0) return this.#propose(operation)
    this.#decide({ type: 'DecideResolution', operationId: operation.id, approver: 'op-2', approve: again })
  }
}

function take<T>(items: T[], pick: number): T | undefined {
  return items.length === 0 ? undefined : items.splice(pick % items.length, 1)[0]
}

/**
 * One payment folded from its decisions by the auditor's own arithmetic: status, operations, amounts, requests, and what
 * its transfers add up to, with a view of every version for comparing answers with. It never throws: what the machine
 * does not allow is reported, and the fold goes on with what the event says.
 */
import { amountIn, type Decoded, type DecodedEvent, numberOf, textOf } from './decode.ts'
import { Operations, type Operation, type Report, sum, worthOf } from './operations.ts'
import { closedStatuses, isOpen, type Kind, nextStatuses, otherEvents, type Status, steps } from './payment-machine.ts'

export interface View {
  readonly status: Status
  readonly authorized: number
  readonly captured: number
  readonly refunded: number
}

export interface AcceptedRequest {
  readonly seq: number
  readonly operation: string
  readonly operationId: string | undefined
}

export class PaymentLife {
  status: Status | undefined
  currency = ''
  amountMinor = 0
  merchant = ''
  mode = ''
  seq = 0
  review = false
  readonly operations: Operations = new Operations()
  readonly requests = new Map<string, AcceptedRequest>()
  /** References of what was done in the PSP's own pages. */
  readonly external = new Set<string>()
  readonly views = new Map<number, View>()
  #cancelRequested = false
  #captureRetry = false
  readonly #disputes = new Map<
    string,
    { readonly status: string; readonly amountMinor: number; readonly attemptId: unknown }
  >()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  decide(seq: number, at: number, { events, transfers }: Decoded): void {
    this.seq = seq
    const before = this.status
    for (const event of events) this.#event(event, seq, at)
    for (const transfer of transfers) this.operations.transfer(transfer, this.#report)
    this.#checkStatus(before, seq)
    this.#checkAmounts(events, seq)
    this.views.set(seq, this.view())
  }

  view(): View {
    const carrying = this.operations.carrying
    return {
      status: this.status ?? 'created',
      authorized: carrying?.authorizedMinor ?? 0,
      captured: sum(this.operations.of('capture', carrying), worthOf),
      refunded: sum(this.operations.of('refund', carrying), worthOf),
    }
  }

  get isOpen(): boolean {
    if (this.status === 'pending' || this.status === 'requires_action' || this.#captureRetry) return true
    return this.operations.all.some(({ state }) => isOpen(state))
  }

  /** A person was asked: nothing moves by itself any more. */
  get awaitsPerson(): boolean {
    const open = this.operations.all.filter(({ state }) => isOpen(state))
    return open.length > 0 && open.every(({ state }) => state === 'manual')
  }

  #event(event: DecodedEvent, seq: number, at: number): void {
    const { type } = event
    const step = steps[type]
    if (step !== undefined) return this.#step(event, step, seq)
    if (!otherEvents.has(type)) return this.#report('malformed_row', `sequence ${seq}: no event is called ${type}`)
    switch (type) {
      case 'PaymentCreated': {
        if (this.status !== undefined) this.#report('illegal_transition', `sequence ${seq}: created again`)
        this.status = 'created'
        this.amountMinor = numberOf(event, 'amountMinor')
        this.currency = textOf(event, 'currency').toUpperCase()
        this.merchant = textOf(event, 'merchant')
        this.mode = textOf(event, 'mode')
        this.#request(event, 'create', seq)
        return
      }
      case 'RequestAccepted':
        return this.#request(event, textOf(event, 'operation'), seq)
      case 'AttemptPlanned':
        this.#plan(event, 'authorize', this.amountMinor, at, seq)
        return this.#move('pending', seq)
      case 'CapturePlanned':
        this.#captureRetry = false
        return this.#plan(event, 'capture', numberOf(event, 'amountMinor'), at, seq)
      case 'RefundPlanned':
        return this.#plan(event, 'refund', numberOf(event, 'amountMinor'), at, seq)
      case 'VoidPlanned': {
        this.#plan(event, 'void', 0, at, seq)
        if (textOf(event, 'cause') === 'cancel') this.#captureRetry = false
        // an abort: the shopper is not waited for any more
        const attempt = this.operations.get(textOf(event, 'attemptId'))
        if (this.status === 'requires_action' && attempt?.state === 'requires_action') this.status = 'pending'
        return
      }
      case 'PaymentFailed':
        return this.#move('failed', seq)
      case 'PaymentCanceled':
        return this.#move('canceled', seq)
      case 'PaymentExpired':
        return this.#move('expired', seq)
      case 'CancelRequested':
        this.#cancelRequested = true
        return
      case 'CancelFailed':
        this.#cancelRequested = false
        if (this.status === 'pending' && this.operations.carrying !== undefined) this.status = 'authorized'
        return
      case 'CaptureRetryScheduled':
        this.#captureRetry = true
        return
      case 'RemainderReleased': {
        const attempt = this.operations.get(textOf(event, 'attemptId'))
        if (attempt !== undefined) attempt.releasedMinor += numberOf(event, 'amountMinor')
        if (this.status === 'partially_captured') this.status = 'captured'
        return
      }
      case 'CaptureReversed':
        return this.#change(event, 'capture', seq, (each) => {
          each.reversedMinor = Math.min(each.amountMinor, each.reversedMinor + numberOf(event, 'amountMinor'))
        })
      case 'RefundReversed':
        return this.#change(event, 'refund', seq, (each) => {
          each.reversed = true
        })
      case 'ReviewOpened':
      case 'FactConflict':
      case 'DisputeEvidenceDue':
        this.review = true
        return
      case 'DisputeRecorded': {
        const dispute = (event['dispute'] ?? {}) as Readonly<Record<string, unknown>>
        const amountMinor = typeof dispute['amountMinor'] === 'number' ? dispute['amountMinor'] : 0
        const { id, status, attemptId } = dispute
        this.#disputes.set(String(id), { status: String(status), amountMinor, attemptId })
        return
      }
      case 'ExternalOperationRecorded':
        this.external.add(textOf(event, 'pspReference'))
        if (event['kind'] === 'void' || event['kind'] === 'authorization_expired') {
          const attempt = this.operations.get(textOf(event, 'attemptId'))
          if (attempt !== undefined) attempt.releasedMinor += this.operations.held(attempt)
        }
    }
  }

  #step(event: DecodedEvent, { kinds, from, to }: NonNullable<(typeof steps)[string]>, seq: number): void {
    const { type } = event
    const each = this.operations.get(textOf(event, 'operationId'))
    if (each === undefined || !kinds.includes(each.kind)) {
      return this.#report(
        'illegal_step',
        `sequence ${seq}: ${type} of ${textOf(event, 'operationId')}, which was not planned`,
      )
    }
    if (!from.includes(each.state)) {
      this.#report('illegal_step', `sequence ${seq}: ${type} of ${each.id}, which is ${each.state}`)
    }
    each.state = to
    if (to === 'succeeded') each.succeeded = true
    switch (type) {
      case 'ActionRequired':
        return this.#move('requires_action', seq)
      case 'ActionCompleted':
        return this.#move('pending', seq)
      case 'Authorized': {
        const other = this.operations.carrying
        each.authorizedMinor = numberOf(event, 'amountMinor')
        if (other !== undefined && other !== each) {
          this.#report('illegal_step', `sequence ${seq}: ${each.id} is authorized beside ${other.id}`)
        }
        if (!this.#cancelRequested) this.#move('authorized', seq)
        return
      }
      case 'PartiallyAuthorized':
      case 'LateSuccess':
        if (each.kind === 'capture') {
          each.amountMinor = numberOf(event, 'amountMinor')
          this.#captureRetry = false
        } else {
          each.authorizedMinor = numberOf(event, 'amountMinor')
          each.unwanted = true
        }
        return
      case 'CaptureSucceeded': {
        each.amountMinor = amountIn(event) ?? each.amountMinor
        const attempt = this.operations.get(each.attemptId)
        if (attempt === undefined || attempt.unwanted) return
        if (!['authorized', 'partially_captured', 'pending'].includes(this.status ?? '')) return
        return this.#move(each.final || this.operations.held(attempt) === 0 ? 'captured' : 'partially_captured', seq)
      }
      case 'RefundSucceeded':
        each.amountMinor = amountIn(event) ?? each.amountMinor
        return
      case 'VoidSucceeded': {
        const attempt = this.operations.get(each.attemptId)
        if (attempt === undefined) return
        if (attempt.state === 'succeeded') attempt.releasedMinor += this.operations.held(attempt)
        else attempt.state = 'absent'
      }
    }
  }

  #plan(event: DecodedEvent, kind: Kind, amountMinor: number, at: number, seq: number): void {
    const id = textOf(event, 'operationId')
    if (this.operations.get(id) !== undefined) this.#report('illegal_step', `sequence ${seq}: ${id} is planned again`)
    // row 9: while an outcome is open nothing falls back to another attempt
    const other = kind === 'authorize' && this.operations.all.find((each) => each.kind === kind && isOpen(each.state))
    if (other) this.#report('illegal_step', `sequence ${seq}: ${id} is planned while ${other.id} is ${other.state}`)
    this.operations.add({
      id,
      kind,
      attemptId: kind === 'authorize' ? id : textOf(event, 'attemptId'),
      cause: kind === 'authorize' ? 'merchant' : textOf(event, 'cause'),
      final: event['final'] === true,
      plannedAt: at,
      amountMinor,
      state: 'planned',
      succeeded: false,
      authorizedMinor: 0,
      releasedMinor: 0,
      reversedMinor: 0,
      reversed: false,
      unwanted: false,
      postedMinor: 0,
      pendingMinor: 0,
    })
  }

  #request(event: DecodedEvent, operation: string, seq: number): void {
    const key = (event['request'] as { readonly key?: unknown } | undefined)?.key
    if (typeof key !== 'string') return this.#report('malformed_row', `sequence ${seq}: ${event.type} has no key`)
    const operationId = typeof event['operationId'] === 'string' ? event['operationId'] : undefined
    if (!this.requests.has(key)) this.requests.set(key, { seq, operation, operationId })
  }

  #change(event: DecodedEvent, kind: Kind, seq: number, change: (each: Operation) => void): void {
    const each = this.operations.get(textOf(event, 'operationId'))
    if (each?.kind === kind && each.state === 'succeeded') return change(each)
    this.#report(
      'illegal_step',
      `sequence ${seq}: ${event.type} of ${textOf(event, 'operationId')}, which is no success`,
    )
  }

  /** Steps within a decision are judged one by one, so that nothing passes through where it may not be. */
  #move(to: Status, seq: number): void {
    const from = this.status
    if (from === to) return
    if (from === undefined || !nextStatuses[from].includes(to)) {
      this.#report('illegal_transition', `sequence ${seq}: from ${from ?? 'nothing'} to ${to}`)
    }
    this.status = to
  }

  #checkStatus(before: Status | undefined, seq: number): void {
    if (this.status === undefined)
      this.#report('illegal_transition', `sequence ${seq}: it does not begin with its creation`)
    if (before !== undefined && closedStatuses.has(before) && this.status !== before) {
      this.#report('illegal_transition', `sequence ${seq}: ${before} is left for ${this.status ?? 'nothing'}`)
    }
  }

  #checkAmounts(events: readonly DecodedEvent[], seq: number): void {
    const planned = (type: string): DecodedEvent[] =>
      events.filter((event) => event.type === type && event['cause'] !== 'external')
    const { authorized, captured } = this.view()
    const capturesSome = planned('CapturePlanned').length > 0
    const capturing = capturesSome ? this.operations.reserved('capture', this.operations.carrying) : 0
    if (captured + capturing > authorized) {
      const detail = `sequence ${seq}: ${captured} captured and ${capturing} on the way of ${authorized}`
      this.#report('captured_beyond_authorized', detail)
    }
    for (const event of planned('RefundPlanned')) this.#checkRefunds(textOf(event, 'attemptId'), seq)
  }

  /** Of the attempt whose money is given back: that is not always the one that carries the payment. */
  #checkRefunds(attemptId: string, seq: number): void {
    const attempt = this.operations.get(attemptId)
    const captured = sum(this.operations.of('capture', attempt), worthOf)
    const refunded = sum(this.operations.of('refund', attempt), worthOf)
    const refunding = this.operations.reserved('refund', attempt)
    const disputed = sum([...this.#disputes.values()], (dispute) =>
      dispute.attemptId === attemptId && (dispute.status === 'open' || dispute.status === 'lost')
        ? dispute.amountMinor
        : 0,
    )
    if (refunded + refunding + disputed > captured) {
      const detail = `sequence ${seq}: ${refunded} refunded, ${refunding} on the way, ${disputed} disputed of ${captured}`
      this.#report('refunded_beyond_captured', detail)
    }
  }
}

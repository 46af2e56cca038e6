/**
 * One Adyen merchant account: what requests do under Adyen's idempotency rules, what time and people at the PSP bring
 * afterwards, and what is told of it. Everything is in the book before it is answered or told. Synchronous: a change is made
 * in one go, so changes never interleave.
 *
 * Kept for a key: every result but transient errors. Leaves to others: sending the notifications, which listeners get once,
 * when they happen; those of a process that died are in the book's lines.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../../runtime/clock.ts'
import type { Book, BookEntry } from '../book.ts'
import type { InjectedError } from '../engine.ts'
import type { IdempotencyStore, Kept } from '../idempotency.ts'
import type { IdSource } from '../ids.ts'
import type { AdyenLedger } from '../reports/adyen-ledger.ts'
import { adyenReportUrl, fileNameOf } from '../reports/adyen-report.ts'
import type { Drift } from '../reports/drift.ts'
import { Agenda } from './agenda.ts'
import { authenticate } from './authorization.ts'
import { chargeBack, decideDispute, expire, openDispute, takeBack } from './courses.ts'
import { type AdyenSettings, type Change, type Execution, nothing, type Surroundings } from './execution.ts'
import { AdyenFailure, type ServiceError, serverError } from './failure.ts'
import { applyModification, newModification, receivedEffect } from './modifications.ts'
import { type AdyenNotification, type AdyenNotificationListener, reportAvailable } from './notification.ts'
import { type AdyenBatch, type AdyenModification, type AdyenPayment, type AdyenRecord, capturable } from './records.ts'
import type { JsonObject } from './requests.ts'
import { type AdyenRoute, type Description, describe } from './routes.ts'
import type { AdyenWorld } from './world.ts'

export interface AdyenRequest {
  readonly requestId: string
  readonly path: string
  /** The body as it came. */
  readonly text: string
  readonly body: JsonObject
  readonly route: AdyenRoute
  readonly idempotencyKey: string | null
}

export interface AdyenAnswer {
  readonly status: number
  readonly body: string
  /** Said in the header `transient-error`: nothing was executed, the key is free. */
  readonly transient: boolean
}

export type AdyenAdmission =
  | { readonly kind: 'answered'; readonly answer: AdyenAnswer }
  | { readonly kind: 'admitted'; readonly run: (injected?: AdyenInjectedError) => AdyenAnswer }

/** `transient`: nothing of it is kept, and it says so. */
export interface AdyenInjectedError extends InjectedError {
  readonly transient: boolean
}

/** An answer as it is kept for a key. */
export interface AdyenStoredAnswer {
  readonly key: string
  /** Path and body of the request, hashed. */
  readonly fingerprint: string
  readonly status: number
  readonly body: string
}

/** What the book keeps of Adyen in a line. */
export interface AdyenLine {
  /** New versions of records. */
  readonly records: readonly AdyenRecord[]
  readonly notifications: readonly AdyenNotification[]
  readonly answer?: AdyenStoredAnswer
}

export interface AdyenKept extends Kept {
  readonly answer: AdyenStoredAnswer
}

/** How long Adyen keeps a key at least. */
export const adyenKeyLifeMs = 7 * 24 * 3_600_000

export interface AdyenEngineOptions {
  readonly world: AdyenWorld
  readonly book: Book
  readonly ids: IdSource
  readonly idempotency: IdempotencyStore<AdyenKept>
  readonly ledger: AdyenLedger
  /** What is to be wrong with reports of batches that are closed now. */
  readonly drift: () => Drift | null
  readonly clock: Clock
  readonly settings: AdyenSettings
  /** The simulator's own address; known once it listens. */
  readonly publicUrl: () => string
}

/** Takes a line's part into memory, at start and while running alike. @param at of the line, unix milliseconds */
export function applyAdyenLine(
  line: AdyenLine,
  at: number,
  to: Pick<AdyenEngineOptions, 'world' | 'idempotency' | 'ledger'>,
): void {
  to.ledger.apply(line.records, at, to.world)
  to.world.apply(line.records)
  if (line.answer !== undefined) to.idempotency.keep({ answer: line.answer, at })
}

export class AdyenEngine {
  readonly #options: AdyenEngineOptions
  readonly #agenda: Agenda
  readonly #listeners = new Set<AdyenNotificationListener>()

  constructor(options: AdyenEngineOptions) {
    this.#options = options
    this.#agenda = new Agenda(options.clock)
  }

  /** Lets time go on for what the book holds. */
  start(): void {
    this.#follow(this.#options.world.records())
  }

  stop(): void {
    this.#agenda.close()
  }

  /** Calls the listener for everything that is told from now on, once it is in the book. @returns how to end that */
  onNotification(listener: AdyenNotificationListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  payment(psp: string): AdyenPayment | undefined {
    return this.#options.world.payment(psp)
  }

  describe(request: AdyenRequest): Description {
    return describe(request.route, request.body, request.idempotencyKey, this.#options.world)
  }

  /** A request that is refused without being looked at, or never reaches the account: kept in the book, nothing else. */
  note(request: AdyenRequest, status: string): void {
    this.#write(request.requestId, { ...nothing, effects: this.#refusal(request, status) })
  }

  admit(request: AdyenRequest): AdyenAdmission {
    const { idempotency, clock } = this.#options
    const { idempotencyKey: key } = request
    if (key === null) return { kind: 'admitted', run: (injected) => this.#run(request, '', injected) }
    const fingerprint = fingerprintOf(request)
    const state = idempotency.look(key, fingerprint, clock.now())
    switch (state.kind) {
      case 'kept': {
        this.note(request, 'replayed')
        const { status, body } = state.kept.answer
        return { kind: 'answered', answer: { status, body, transient: false } }
      }
      case 'running':
        this.note(request, 'in_progress')
        return { kind: 'answered', answer: answerOf(inProgress, true) }
      case 'other_parameters':
        this.note(request, 'other_parameters')
        return { kind: 'answered', answer: answerOf(otherParameters, false) }
      case 'free':
        idempotency.begin(key, fingerprint)
        return {
          kind: 'admitted',
          run: (injected) => {
            idempotency.end(key)
            return this.#run(request, fingerprint, injected)
          },
        }
    }
  }

  /** The request once more, past its key: nobody hears the answer. */
  runAgain(request: AdyenRequest): void {
    this.#run({ ...request, idempotencyKey: null }, '', undefined)
  }

  /** The shopper's answer on the authentication page. Undefined where the payment does not wait for one. */
  authenticate(psp: string, completed: boolean): string | undefined {
    const payment = this.payment(psp)
    const change = payment === undefined ? undefined : authenticate(this.#surroundings(), payment, completed)
    if (change === undefined) return undefined
    this.#write(null, change)
    return this.payment(psp)?.authentication?.redirectResult ?? undefined
  }

  /** A capture made by people in the PSP's own pages; default: all that is left. @returns its pspReference */
  captureInPages(psp: string, amount?: number): string | undefined {
    return this.#modifyInPages(psp, 'capture', (payment) => amount ?? capturable(payment))
  }

  refundInPages(psp: string, amount?: number): string | undefined {
    return this.#modifyInPages(psp, 'refund', (payment) => amount ?? payment.captured - payment.refunded)
  }

  cancelInPages(psp: string): string | undefined {
    return this.#modifyInPages(psp, 'cancel', () => undefined)
  }

  /** A capture or refund that had succeeded fails; a refund may also come back from the shopper. */
  takeBack(modification: string, how: 'failed' | 'reversed'): boolean {
    const record = this.#options.world.modification(modification)
    if (record === undefined) return false
    return this.#change((call) => takeBack(call, record, eventOfTakingBack(record, how)))
  }

  /** @returns the dispute's pspReference; undefined where not so much is captured */
  openDispute(psp: string, options: { readonly amount?: number; readonly inquiry?: boolean } = {}): string | undefined {
    const payment = this.payment(psp)
    const amount = options.amount ?? payment?.captured ?? 0
    if (payment === undefined || amount < 1 || amount > payment.captured) return undefined
    this.#write(null, openDispute(this.#surroundings(), payment, amount, options.inquiry === true))
    return this.#options.world.disputesOf(psp).at(-1)?.id
  }

  /** False where nothing is to decide. */
  decideDispute(dispute: string, outcome: 'won' | 'lost'): boolean {
    const record = this.#options.world.dispute(dispute)
    return record !== undefined && this.#change((call) => decideDispute(call, record, outcome))
  }

  /** Closes the batch of each merchant account where something moved, and tells of their reports. */
  closeBatches(): readonly AdyenBatch[] {
    const { ledger, ids, settings, clock, drift, publicUrl } = this.#options
    const at = clock.now()
    const { fees, timeZone } = settings
    const batches = ledger.due(fees).map((due): AdyenBatch => {
      const id = ids.nextReference()
      return { kind: 'batch', id, ...due, closedAt: at, fees, timeZone, drift: drift(), next: null }
    })
    const notifications = batches.map((batch) => {
      const url = adyenReportUrl(publicUrl(), batch)
      return reportAvailable({ merchantAccount: batch.merchantAccount, fileName: fileNameOf(batch), url }, at)
    })
    this.#write(null, { ...nothing, records: batches, notifications })
    return batches
  }

  #modifyInPages(
    psp: string,
    type: 'capture' | 'refund' | 'cancel',
    amountOf: (payment: AdyenPayment) => number | undefined,
  ): string | undefined {
    const payment = this.payment(psp)
    if (payment === undefined) return undefined
    const { ids, world } = this.#options
    const requestId = ids.next('req')
    const value = amountOf(payment)
    const { merchantAccount, currency } = payment
    const fields = { merchantAccount, ...(value === undefined ? {} : { amount: { currency, value } }) }
    const call = { ...this.#surroundings(), request: { requestId, idempotencyKey: null } }
    const modification = newModification(call, type, payment, fields)
    this.#write(requestId, { ...nothing, records: [modification], effects: [receivedEffect(world, modification)] })
    return modification.id
  }

  #change(make: (call: Surroundings) => Change | undefined): boolean {
    const change = make(this.#surroundings())
    if (change !== undefined) this.#write(null, change)
    return change !== undefined
  }

  #run(request: AdyenRequest, fingerprint: string, injected: AdyenInjectedError | undefined): AdyenAnswer {
    const { idempotencyKey: key, requestId } = request
    const keep = ({ status, body }: AdyenAnswer): AdyenStoredAnswer | undefined =>
      key === null ? undefined : { key, fingerprint, status, body }
    const instead = injected === undefined ? undefined : answerOf(serverError(injected.status), injected.transient)
    // what stands between Adyen and its callers (502 to 504) keeps nothing
    const keepsInstead = injected?.status === 500 && !injected.transient

    if (instead !== undefined && injected?.executed === false) {
      const effects = this.#refusal(request, `error_${injected.status}_before`)
      this.#write(requestId, { ...nothing, effects }, keepsInstead ? keep(instead) : undefined)
      return instead
    }
    const execution = this.#execute(request)
    const failed = execution instanceof AdyenFailure
    const answer = failed
      ? answerOf(execution.error, execution.transient)
      : { status: execution.status, body: JSON.stringify(execution.body), transient: false }
    const change = failed ? { ...nothing, effects: this.#refusal(request, execution.error.errorCode) } : execution
    const kept = keepsInstead && instead !== undefined ? instead : answer
    this.#write(requestId, change, answer.transient ? undefined : keep(kept))
    return instead ?? answer
  }

  #execute(request: AdyenRequest): Execution | AdyenFailure {
    const { requestId, idempotencyKey, body } = request
    const publicUrl = this.#options.publicUrl()
    try {
      return request.route.run({ ...this.#surroundings(), body, publicUrl, request: { requestId, idempotencyKey } })
    } catch (failure) {
      if (failure instanceof AdyenFailure) return failure
      throw failure
    }
  }

  #refusal(request: AdyenRequest, status: string): Change['effects'] {
    const { paymentMethod: _, ...description } = this.describe(request)
    return [{ ...description, effect: false, status, request_id: request.requestId }]
  }

  /** Enters what comes next of records, instead of what was to come of their older versions. */
  #follow(records: Iterable<AdyenRecord>): void {
    for (const { id, next } of records) {
      if (next === null) this.#agenda.cancel(id)
      else this.#agenda.set(id, next.at, () => this.#fallDue(id))
    }
  }

  #fallDue(id: string): void {
    const { world } = this.#options
    const call = this.#surroundings()
    const payment = world.payment(id)
    const modification = world.modification(id)
    const dispute = world.dispute(id)
    if (payment !== undefined) this.#write(null, expire(call, payment))
    if (modification !== undefined) this.#write(modification.request.requestId, afterModification(call, modification))
    if (dispute !== undefined) this.#write(null, chargeBack(call, dispute))
  }

  #surroundings(): Surroundings {
    const { world, ids, settings, clock } = this.#options
    return { world, ids, settings, now: clock.now() }
  }

  #write(requestId: string | null, change: Change, answer?: AdyenStoredAnswer): void {
    const { book, ids, clock } = this.#options
    const { records, notifications } = change
    if (records.length + notifications.length + change.effects.length === 0 && answer === undefined) return
    const at = clock.now()
    const entries: BookEntry[] = change.effects.map((effect) => ({ at, psp: 'adyen', ...effect }))
    const adyen: AdyenLine = { records, notifications, ...(answer === undefined ? {} : { answer }) }
    book.append({ at, request_id: requestId, entries, records: [], ids: ids.count, adyen })
    applyAdyenLine(adyen, at, this.#options)
    this.#follow(records)
    for (const notification of notifications) {
      for (const listener of this.#listeners) listener(notification)
    }
  }
}

/** What time brings of a modification. */
function afterModification(call: Surroundings, modification: AdyenModification): Change {
  const { next, payment: psp, amount } = modification
  switch (next?.step) {
    case undefined:
      return nothing
    case 'apply':
      return applyModification(call, modification)
    case 'fail':
      return takeBack(call, modification, eventOfTakingBack(modification, 'failed')) ?? nothing
    case 'charge_back': {
      const payment = call.world.payment(psp ?? '')
      const told: AdyenModification = { ...modification, next: null }
      const change = payment === undefined ? nothing : openDispute(call, payment, amount ?? payment.captured, false)
      return { ...change, records: [told, ...change.records] }
    }
  }
}

function eventOfTakingBack({ type }: AdyenModification, how: 'failed' | 'reversed') {
  if (type === 'capture') return 'CAPTURE_FAILED'
  return how === 'failed' ? 'REFUND_FAILED' : 'REFUNDED_REVERSED'
}

const inProgress: ServiceError = {
  status: 422,
  errorCode: '704',
  message: 'request already processed or in progress',
  errorType: 'validation',
}

const otherParameters: ServiceError = {
  ...inProgress,
  message: 'request already processed or in progress with other parameters',
}

export function answerOf(error: ServiceError, transient: boolean): AdyenAnswer {
  return { status: error.status, body: JSON.stringify(error), transient }
}

/** The same call with the same bytes, under either of its paths. */
function fingerprintOf({ path, text }: AdyenRequest): string {
  return createHash('sha256')
    .update(`${path.replace(/^\/adyen/, '')}\n${text}`)
    .digest('base64url')
}

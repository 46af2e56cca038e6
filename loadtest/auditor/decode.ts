/**
 * Decisions out of the journal's bytes, written from docs/journal-format.md and from nothing else. It never looks at
 * `private`: an audit needs no personal data.
 */
import { Unpackr } from 'msgpackr'

export type Members = Readonly<Record<string, unknown>>
export interface DecodedEvent extends Members {
  readonly type: string
}

export interface DecodedTransfer {
  readonly debit: string
  readonly credit: string
  readonly amountMinor: number
  readonly phase: string
  readonly operationId: string
}

export interface Decoded {
  readonly events: readonly DecodedEvent[]
  readonly transfers: readonly DecodedTransfer[]
}

/** The list of the format, in its order; a number in a decision is an index of it. */
const words = `type operationId attemptId amountMinor pspReference connection cause terms
  final debit credit phase request reason currency operation
  payment key fingerprint requestId apiVersion merchant mode merchantVersion
  captureMethod merchantReference statementDescriptor metadata rule nonce returnUrl psp
  requestVersion sendWithin repeatWithin quiet acceptWithin captureBefore decline class
  code pspCode failure action url factId repeatIsUseless pause
  dispute stage status feeMinor fundsWithdrawn evidenceBy id lineKey
  lineType grossMinor netMinor batch kind operator approver evidence
  fact paymentMethod token customer description name rateTier routes
  currencies amountMinorMax keyId hash prefix scopes PaymentCreated RequestAccepted
  PaymentConfirmed RouteChosen AttemptPlanned ActionRequired ActionCompleted Authorized PartiallyAuthorized OperationDeclined
  OperationNotSent OperationAbsent OperationAccepted OutcomeUnknown InquiryPlanned ManualNeeded ManuallyResolved PaymentFailed
  PaymentCanceled PaymentExpired CancelRequested CancelFailed CapturePlanned CaptureSucceeded CaptureReversed CaptureRetryScheduled
  RemainderReleased VoidPlanned VoidSucceeded RefundPlanned RefundSucceeded RefundReversed LateSuccess FactConflict
  ReviewOpened BreakRaised DisputeRecorded SettlementLineRecorded ExternalOperationRecorded MerchantCreated MerchantSuspended MerchantResumed
  ApiKeyAdded ApiKeyRevoked RoutesChanged RateTierChanged auth_hold auth_hold_contra psp_receivable merchant_payable
  psp_fees dispute_receivable dispute_fees losses settlement_in_transit suspense posted pending
  released live test automatic manual cancel action_expired expiry
  compensation external create confirm capture refund void authorize
  card redirect stripe acceptedWithinMs plannedEpoch repeatUntil quietUntil plannedAt
  idempotencyKey notAfter authorizedMinor concludedSeq endedAt releasedMinor acceptedAt reversedMinor
  createdKey createdAt updatedAt settlement lifecycle seenFacts attempts unwanted
  captures disputes requests routing refunds review lines voids
  step seq captureReference authorizationReference reversed disputedAt doubt since
  inquiries nextInquiryAt acceptedUntil captureId`.split(/\s+/)

const holdsWord = new Set([
  'type',
  'debit',
  'credit',
  'phase',
  'cause',
  'captureMethod',
  'mode',
  'operation',
  'psp',
  'kind',
])
const holdsBytes = new Set(['fingerprint', 'nonce', 'hash'])

const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number' })

function word(index: number): string {
  const found = words[index]
  if (found === undefined) throw new Error(`word ${index} is not in the format's list`)
  return found
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Map)) return value
  const object: Record<string, unknown> = {}
  for (const [key, member] of value as ReadonlyMap<string | number, unknown>) {
    const name = typeof key === 'number' ? word(key) : key
    if (typeof member === 'number' && holdsWord.has(name)) object[name] = word(member)
    else if (holdsBytes.has(name) && member instanceof Uint8Array) object[name] = Buffer.from(member).toString('hex')
    else object[name] = typeof member === 'object' ? plain(member) : member
  }
  return object
}

function versioned(data: Buffer): ReadonlyMap<unknown, unknown> {
  const map: unknown = unpackr.unpack(data)
  if (!(map instanceof Map)) throw new Error('data is no msgpack map')
  if (map.get('v') !== 1) throw new Error(`data has schema version ${String(map.get('v'))}, not 1`)
  return map
}

/** @throws where the bytes are not what the format describes. */
export function decodeDecision(data: Buffer): Decoded {
  const map = versioned(data)
  const events = plain(map.get('e'))
  if (!Array.isArray(events) || events.length === 0) throw new Error('a decision has no events')
  for (const event of events as Members[])
    if (typeof event['type'] !== 'string') throw new Error('an event has no type')
  const transfers = plain(map.get('t') ?? [])
  if (!Array.isArray(transfers)) throw new Error('transfers are no list')
  return { events: events as DecodedEvent[], transfers: transfers as DecodedTransfer[] }
}

/** Who took the shard, out of an epoch record. @throws as above. */
export function decodeEpochRecord(data: Buffer): { readonly node: string; readonly incarnation: string } {
  const map = versioned(data)
  const node: unknown = map.get('node')
  const incarnation: unknown = map.get('incarnation')
  if (typeof node !== 'string' || typeof incarnation !== 'string') throw new Error('an epoch record names no owner')
  return { node, incarnation }
}

/** A member that is a text; '' where it is none. */
export function textOf(event: DecodedEvent, name: string): string {
  const value = event[name]
  return typeof value === 'string' ? value : ''
}

/** A member that is a number; NaN, which no check lets pass, where it is none. */
export function numberOf(event: DecodedEvent, name: string): number {
  const value = event[name]
  return typeof value === 'number' ? value : Number.NaN
}

export function amountIn(event: DecodedEvent): number | undefined {
  const value = event['amountMinor']
  return typeof value === 'number' ? value : undefined
}

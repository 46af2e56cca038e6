/**
 * Every error that this edge can answer, each with its HTTP status, in one total table: a new refusal of the payment
 * machine, or a new failure, does not compile until it has chosen its status here. docs/errors.md has a section for each
 * code; a test holds the two to each other.
 */
import type { PaymentRejectionCode } from '../domain/payment/rejections.ts'
import type { PaymentFailure } from '../domain/payment/state.ts'
import type { KeyRefusal } from './idempotency.ts'
import type { JsonRefusalCode } from '../runtime/json.ts'

export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'idempotency_error'
  | 'card_error'
  | 'psp_error'
  | 'api_error'

/** Refusals of the edge itself. */
type EdgeCode =
  | 'body_not_object'
  | 'body_too_large'
  | 'content_type_unsupported'
  | 'content_encoding_unsupported'
  | 'request_invalid'
  | 'request_timeout'
  | 'headers_too_large'
  | 'expectation_unknown'
  | 'header_repeated'
  | 'unknown_field'
  | 'parameter_missing'
  | 'parameter_invalid'
  | 'amount_type'
  | 'amount_range'
  | 'id_format'
  | 'api_version_unknown'
  | 'api_key_invalid'
  | 'scope_missing'
  | 'rate_limited'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'refund_not_found'
  | 'dispute_not_found'
  | 'idempotency_key_in_use'
  | 'acceptance_unknown'
  | 'not_accepted'
  | 'service_unavailable'
  | 'read_unavailable'
  | 'configuration_unavailable'
  | 'internal_error'

/** Refusals of the operators' edge. */
type OperatorCode =
  | 'operator_token_invalid'
  | 'role_missing'
  | 'origin_not_allowed'
  | 'upgrade_required'
  | 'node_unknown'
  | 'shard_unknown'
  | 'merchant_not_found'
  | 'entity_not_found'
  | 'merchant_exists'
  | 'limits_contradictory'
  | 'api_key_unknown'
  | 'api_key_ambiguous'
  | 'api_key_conflict'
  | 'api_key_revoked'
  | 'api_key_limit_reached'
  | 'psp_connection_exists'
  | 'psp_connection_unknown'
  | 'psp_connection_limit_reached'
  | 'period_not_over'
  | 'period_out_of_order'
  | 'ledger_time_zone_set'
  | 'ledger_behind'
  | 'shard_already_there'
  | 'shard_not_owned'
  | 'move_in_progress'
  | 'shard_pinned'
  | 'node_not_available'
  | 'last_node'
  | 'feed_tickets_exhausted'
  | 'action_outcome_unknown'
  | 'action_not_recorded'

/** A capture, cancellation or refund that came to nothing, the payment itself being unharmed. */
type OperationFailureCode = 'capture_declined' | 'cancel_declined' | 'refund_declined'

export type ErrorCode =
  | PaymentRejectionCode
  | PaymentFailure['code']
  | OperationFailureCode
  | JsonRefusalCode
  | KeyRefusal
  | EdgeCode
  | OperatorCode

export interface ErrorEntry {
  readonly status: number
  readonly type: ErrorType
  readonly title: string
  /** The same request with the same key may succeed later. False also where a repeat is harmless but useless. */
  readonly retryable: boolean
  /** For the merchant's developers, where the case at hand has nothing more exact to say. */
  readonly message: string
  /** The public code of a refusal that is known by another name outside. */
  readonly as?: ErrorCode
}

function entry(
  status: number,
  type: ErrorType,
  title: string,
  message: string,
  more: { readonly retryable?: true; readonly as?: ErrorCode } = {},
): ErrorEntry {
  return { status, type, title, message, retryable: false, ...more }
}

const bad = (title: string, message: string, more?: { readonly as: ErrorCode }): ErrorEntry =>
  entry(400, 'invalid_request_error', title, message, more)
const conflict = (title: string, message: string, more?: { readonly retryable: true }): ErrorEntry =>
  entry(409, 'invalid_request_error', title, message, more)
const unavailable = (title: string, message: string, more?: { readonly as: ErrorCode }): ErrorEntry =>
  entry(503, 'api_error', title, message, { retryable: true, ...more })

/** What only the operators' API answers. */
const operatorErrors: Readonly<Record<OperatorCode, ErrorEntry>> = {
  operator_token_invalid: entry(
    401,
    'authentication_error',
    'Authentication failed',
    'Send a working operator token: Authorization: Bearer …',
  ),
  role_missing: entry(403, 'permission_error', 'Not permitted', 'The role of this operator token may not do this.'),
  origin_not_allowed: entry(403, 'permission_error', 'Origin not allowed', 'The feed serves pages of its own address.'),
  upgrade_required: entry(426, 'invalid_request_error', 'WebSocket required', 'The feed is a WebSocket of version 13.'),
  node_unknown: entry(404, 'invalid_request_error', 'No such node', 'No node of this name lives.'),
  shard_unknown: entry(404, 'invalid_request_error', 'No such shard', 'There is no shard of this number.'),
  merchant_not_found: entry(404, 'invalid_request_error', 'No such merchant', 'There is no merchant with this id.'),
  entity_not_found: entry(
    404,
    'invalid_request_error',
    'No such entity',
    'The journal has no decision of this entity.',
  ),
  merchant_exists: conflict('Merchant exists', 'The id is taken by a merchant that is configured otherwise.'),
  limits_contradictory: bad('Limits contradict', 'A limit would be greater than one that holds for more.'),
  api_key_unknown: entry(404, 'invalid_request_error', 'No such API key', 'The merchant has no working key like this.'),
  api_key_ambiguous: conflict('Several API keys', 'Several working keys begin like this: name one by its id.'),
  api_key_conflict: conflict('API key exists', 'Another key has this id or this secret.'),
  api_key_revoked: conflict('API key revoked', 'The key was revoked, which is for ever: issue a new one.'),
  api_key_limit_reached: conflict('Too many API keys', 'The merchant has as many API keys as it can have.'),
  psp_connection_exists: conflict('Connection exists', 'A PSP connection of this name is registered otherwise.'),
  psp_connection_unknown: entry(
    404,
    'invalid_request_error',
    'No such connection',
    'No PSP connection of this name is registered.',
  ),
  psp_connection_limit_reached: conflict('Too many connections', 'No more PSP connections can be registered.'),
  period_not_over: conflict(
    'Month is not over',
    'The month is not over in its time zone, or was less than an hour ago.',
    {
      retryable: true,
    },
  ),
  period_out_of_order: conflict('Not the next month', 'Months are closed in order: the one after the last is next.'),
  ledger_time_zone_set: conflict('Another time zone', 'The first close has set the time zone of the books for ever.'),
  ledger_behind: conflict('Ledger is behind', 'The ledger does not know all decisions of the month yet.', {
    retryable: true,
  }),
  shard_already_there: conflict('Shard is there', 'The shard is on this node already.'),
  shard_not_owned: conflict('Shard has no owner', 'The shard has no living owner that could hand it over.', {
    retryable: true,
  }),
  move_in_progress: conflict('Move in progress', 'The shard is being moved already.', { retryable: true }),
  shard_pinned: conflict('Shard is pinned', 'The shard is pinned to another node: unpin it first.'),
  node_not_available: conflict('Node takes no shards', 'The node is draining, cordoned or not ready.', {
    retryable: true,
  }),
  last_node: conflict('Last node', 'No other node would be left to take the shards.'),
  feed_tickets_exhausted: entry(
    429,
    'rate_limit_error',
    'Too many tickets',
    'Too many tickets for the feed have not been used yet.',
    { retryable: true },
  ),
  action_outcome_unknown: unavailable(
    'Outcome unknown',
    'The action was asked for, and it is not known whether it took effect. Look before repeating it.',
  ),
  action_not_recorded: unavailable(
    'Action not recorded',
    'The action could not be written to the operators’ log, so nothing was done.',
  ),
}

export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = {
  // How the request was written
  body_empty: bad('Body missing', 'The request needs a JSON object as its body.'),
  body_not_object: bad('Body is no object', 'The body must be a JSON object.'),
  encoding: bad('Body is not UTF-8', 'The body must be UTF-8 without a byte order mark.'),
  json_invalid: bad('Invalid JSON', 'The body is not valid JSON.'),
  duplicate_key: bad('Key given twice', 'An object of the body has the same key twice.'),
  key_not_allowed: bad('Key not allowed', 'An object of the body has a key that is not allowed.'),
  too_deep: bad('Body nested too deeply', 'The body is nested more than 16 levels deep.'),
  too_many_values: bad('Too many values', 'The body has more than 1,000 values.'),
  number_not_canonical: bad(
    'Number not canonical',
    'Numbers are written as plain integers within ±(2^53 − 1): 100, not 1e2, 100.0 or -0.',
  ),
  text_not_storable: bad('Text cannot be stored', 'A text of the body has a NUL character or half a surrogate pair.'),
  body_too_large: entry(413, 'invalid_request_error', 'Body too large', 'The body is larger than 64 KiB.'),
  content_type_unsupported: entry(
    415,
    'invalid_request_error',
    'Content type not supported',
    'Send the body as Content-Type: application/json (UTF-8).',
  ),
  content_encoding_unsupported: entry(
    415,
    'invalid_request_error',
    'Content encoding not supported',
    'Send the body without Content-Encoding.',
  ),
  request_invalid: bad('Malformed request', 'The request is not valid HTTP.'),
  request_timeout: entry(
    408,
    'invalid_request_error',
    'Request incomplete',
    'The request did not arrive completely in time.',
    { retryable: true },
  ),
  headers_too_large: entry(431, 'invalid_request_error', 'Headers too large', 'The headers are larger than 16 KiB.'),
  expectation_unknown: entry(
    417,
    'invalid_request_error',
    'Expectation not met',
    'The only expectation that is met is Expect: 100-continue.',
  ),
  header_repeated: bad('Header given twice', 'A header that may be given once was given twice.'),
  route_not_found: entry(404, 'invalid_request_error', 'No such resource', 'There is nothing at this path.'),
  method_not_allowed: entry(
    405,
    'invalid_request_error',
    'Method not allowed',
    'This path has no such method; Allow names those it has.',
  ),

  // What the request asks for
  unknown_field: bad('Unknown field', 'The request has a field that does not exist.'),
  parameter_missing: bad('Parameter missing', 'A required parameter is missing.'),
  parameter_invalid: bad('Parameter invalid', 'A parameter has a value that is not allowed.'),
  amount_type: bad('Amount is no number', 'amount must be a JSON number of minor units.'),
  amount_range: bad('Amount out of range', 'amount must be a whole number of minor units within the currency’s range.'),
  amount_invalid: bad(
    'Amount out of range',
    'amount must be a whole number of minor units within the currency’s range.',
    {
      as: 'amount_range',
    },
  ),
  amount_limit_exceeded: bad(
    'More than the account may take',
    'The amount is more than a limit of this account allows.',
  ),
  amount_too_small_for_currency: bad('Amount too small', 'The amount is smaller than what this currency allows.'),
  currency_unsupported: bad('Currency not supported', 'currency must be an ISO 4217 code that this account can take.'),
  payment_method_required: bad('Payment method missing', 'A payment that is confirmed needs a payment method.'),
  pan_not_allowed: bad(
    'Card number refused',
    'The request has what looks like a card number. Card numbers must not be sent here; nothing of it was stored.',
  ),
  card_number_not_allowed: bad('Card number refused', 'Card numbers must not be sent here; nothing of it was stored.', {
    as: 'pan_not_allowed',
  }),
  no_route: bad('No route', 'No PSP connection of this account takes this payment.'),
  id_format: bad('Malformed id', 'The path has an id that is malformed.'),
  api_version_unknown: bad('Unknown API version', 'Api-Version names a version that does not exist.'),
  evidence_required: bad('Evidence missing', 'A ruling needs a PSP reference or a report line as evidence.'),

  // Who asks
  api_key_invalid: entry(
    401,
    'authentication_error',
    'Authentication failed',
    'Send a working API key: Authorization: Bearer sk_…',
  ),
  scope_missing: entry(403, 'permission_error', 'Not permitted', 'The API key may not do this.'),
  merchant_suspended: entry(403, 'permission_error', 'Account suspended', 'This account is suspended.'),
  second_approver_required: entry(
    403,
    'permission_error',
    'Second approver required',
    'A second person must approve this.',
  ),
  rate_limited: entry(429, 'rate_limit_error', 'Too many requests', 'The account sent too many requests.', {
    retryable: true,
  }),

  velocity_exceeded: entry(
    429,
    'rate_limit_error',
    'Limit reached',
    'A limit on what this account takes per hour or day is reached.',
    { retryable: true },
  ),

  // Idempotency
  idempotency_key_required: bad(
    'Idempotency key missing',
    'A request that moves money needs an Idempotency-Key header, so that repeating it is safe.',
  ),
  idempotency_key_conflict: bad(
    'Idempotency keys differ',
    'Idempotency-Key, X-Idempotency-Key and idempotency_key must be equal where more than one is given.',
  ),
  idempotency_key_invalid: bad(
    'Idempotency key invalid',
    'An idempotency key is 1 to 255 visible ASCII characters, optionally in quotation marks.',
  ),
  idempotency_key_in_use: entry(
    409,
    'idempotency_error',
    'Idempotency key in use',
    'A request with this idempotency key is being worked on right now.',
    { retryable: true },
  ),
  idempotency_key_reused: entry(
    422,
    'idempotency_error',
    'Idempotency key reused',
    'This idempotency key was used for a request with other parameters.',
  ),
  idempotency_key_expired: entry(
    409,
    'idempotency_error',
    'Idempotency key expired',
    'This idempotency key was used too long ago. Nothing was done; the payment it stands for is inside.',
  ),

  // What the payment allows
  payment_not_found: entry(404, 'invalid_request_error', 'No such payment', 'There is no payment with this id.'),
  payment_events_archived: entry(
    410,
    'invalid_request_error',
    'Events archived',
    'The payment was closed long ago: its events are in the operator’s archive, the payment itself is still here.',
  ),
  refund_not_found: entry(404, 'invalid_request_error', 'No such refund', 'There is no refund with this id.'),
  dispute_not_found: entry(404, 'invalid_request_error', 'No such dispute', 'There is no dispute with this id.'),
  payment_unexpected_state: conflict('Unexpected state', 'The payment’s present state does not allow this.'),
  operation_in_progress: conflict('Operation in progress', 'Another operation of this payment has to end first.', {
    retryable: true,
  }),
  attempts_exhausted: conflict('No attempts left', 'The payment cannot be attempted again.'),
  capture_exceeds_authorization: conflict('More than authorized', 'The amount is more than what is left to capture.'),
  capture_window_passed: conflict('Authorization too old', 'The authorization can no longer be captured.'),
  multicapture_unsupported: conflict('One capture only', 'This payment takes a single, final capture.'),
  final_capture_exists: conflict('Capture is final', 'A final capture exists; nothing more can be captured.'),
  refund_exceeds_capture: conflict('More than captured', 'The amount is more than what is left to refund.'),
  refund_limit_reached: conflict('Too many refunds', 'The payment has as many refunds as it can have.'),
  action_nonce_mismatch: entry(404, 'invalid_request_error', 'No such action', 'There is nothing at this path.', {
    as: 'route_not_found',
  }),
  operation_unknown: entry(
    404,
    'invalid_request_error',
    'No such operation',
    'The payment has no such operation, or its outcome is known.',
  ),
  proposal_exists: conflict('Proposal exists', 'A proposal about this operation waits for a second person already.'),
  no_proposal: conflict('No proposal', 'No proposal about this operation waits for a second person.'),
  nothing_to_compensate: conflict(
    'Nothing to compensate',
    'The merchant can refund this capture, or what it took has gone back or is on its way.',
  ),
  resolution_too_early: conflict(
    'Ruling too early',
    'The request may have reached the PSP after it was looked for there: look again later and propose it anew.',
    { retryable: true },
  ),
  notice_not_ours: entry(404, 'invalid_request_error', 'Not of this payment', 'The notice is about another payment.'),

  // What became of it
  card_declined: entry(402, 'card_error', 'Card declined', 'The card was declined.'),
  action_expired: entry(402, 'psp_error', 'Shopper did not act', 'The shopper did not complete the action in time.'),
  partial_authorization: entry(
    402,
    'psp_error',
    'Only a part was authorized',
    'The PSP authorized less than the amount; the authorization was given back.',
  ),
  psp_unavailable: entry(402, 'psp_error', 'PSP not reached', 'No PSP could be reached; nothing was done.'),
  capture_failed: entry(
    402,
    'psp_error',
    'Capture failed',
    'The PSP declined the capture; the authorization was given back.',
  ),
  psp_configuration: entry(
    424,
    'psp_error',
    'PSP configuration',
    'The PSP refused this account’s configuration; nothing was done.',
  ),
  capture_declined: entry(402, 'card_error', 'Capture declined', 'The PSP declined the capture.'),
  cancel_declined: entry(402, 'card_error', 'Cancellation declined', 'The PSP declined the cancellation.'),
  refund_declined: entry(402, 'card_error', 'Refund declined', 'The PSP declined the refund.'),

  ...operatorErrors,

  // When it cannot be said
  acceptance_unknown: unavailable(
    'Acceptance unknown',
    'It is not known whether the request was accepted. Repeating it with the same idempotency key is safe.',
  ),
  not_accepted: unavailable(
    'Not accepted',
    'The request was not accepted. Repeating it with the same idempotency key is safe.',
  ),
  service_unavailable: unavailable('Temporarily unavailable', 'The request cannot be answered right now.'),
  read_unavailable: unavailable(
    'Lists unavailable',
    'Lists, balances and the ledger cannot be read right now. Payments can be made, and read by their ids.',
  ),
  configuration_unavailable: unavailable(
    'Temporarily unavailable',
    'The account’s configuration cannot be read right now. The request was not accepted.',
  ),
  merchant_unknown: unavailable('Temporarily unavailable', 'The account’s configuration cannot be read right now.', {
    as: 'configuration_unavailable',
  }),
  internal_error: entry(
    500,
    'api_error',
    'Internal error',
    'Something went wrong here. Repeating the request with the same idempotency key is safe.',
    { retryable: true },
  ),
}

/** The codes that are answered, each with a section in docs/errors.md. */
export const publicErrorCodes: readonly ErrorCode[] = (Object.keys(errorTable) as ErrorCode[]).filter(
  (code) => errorTable[code].as === undefined,
)

/** Those of them that the operators' API alone answers. */
export const operatorErrorCodes: readonly ErrorCode[] = Object.keys(operatorErrors) as OperatorCode[]

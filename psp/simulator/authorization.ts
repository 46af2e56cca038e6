/** Payment intents up to the issuer's answer: create, update, confirm, and the shopper's return from authentication. */
import { paymentMethodOfToken, testCard } from './cards.ts'
import { withDisputeOfCard } from './disputes.ts'
import {
  type Call,
  effectOf,
  type Execution,
  findIntent,
  mergeMetadata,
  readAmount,
  readCurrency,
  unexpectedState,
} from './execution.ts'
import { invalidParameter, StripeFailure } from './failure.ts'
import type { Parameters } from './parameters.ts'
import { type CardError, type ChargeRecord, holdSeconds, type IntentRecord, type RequestIdentity } from './records.ts'

export function createIntent(call: Call): Execution {
  const { parameters, ids, now } = call
  const amount = readAmount(parameters, 'amount')
  if (amount === undefined) throw invalidParameter('parameter_missing', 'Missing required param: amount.', 'amount')
  const currency = readCurrency(parameters, amount)
  const confirm = parameters.boolean('confirm') ?? false
  const captureMethod = parameters.oneOf('capture_method', ['automatic', 'automatic_async', 'manual'])
  const automatic = parameters.nested('automatic_payment_methods')
  automatic.boolean('enabled')
  const allowRedirects = automatic.oneOf('allow_redirects', ['always', 'never']) ?? 'always'
  const metadata = parameters.map('metadata') ?? {}
  const description = parameters.text('description') ?? null
  const descriptorSuffix = parameters.text('statement_descriptor_suffix') ?? null
  const multicapture = parameters
    .nested('payment_method_options')
    .nested('card')
    .oneOf('request_multicapture', ['if_available', 'never'])
  const confirmation = readConfirmation(parameters, confirm)
  const expand = parameters.list('expand')
  parameters.finish()
  const id = ids.next('pi')
  const intent: IntentRecord = {
    kind: 'intent',
    id,
    created: now,
    amount,
    currency,
    captureMethod: captureMethod ?? 'automatic_async',
    status: confirmation.paymentMethod === null ? 'requires_payment_method' : 'requires_confirmation',
    amountCapturable: 0,
    amountReceived: 0,
    paymentMethod: confirmation.paymentMethod,
    metadata,
    description,
    descriptorSuffix,
    returnUrl: confirmation.returnUrl,
    allowRedirects,
    multicapture: multicapture === 'if_available',
    clientSecret: `${id}_secret_${ids.next('s').slice(2)}`,
    latestCharge: null,
    canceledAt: null,
    cancellationReason: null,
    lastError: null,
    actionUrl: null,
    authorizedBy: null,
    captureBefore: null,
  }
  if (!confirm) return { status: 200, id, expand, records: [intent], effects: [] }
  return { ...confirmed(call, intent, confirmation), expand }
}

export function updateIntent(call: Call, id: string): Execution {
  const { parameters } = call
  const metadata = parameters.map('metadata')
  const description = parameters.text('description')
  const expand = parameters.list('expand')
  parameters.finish()
  const intent = findIntent(call, id)
  const updated: IntentRecord = {
    ...intent,
    metadata: metadata === undefined ? intent.metadata : mergeMetadata(intent.metadata, metadata),
    description: description ?? intent.description,
  }
  return { status: 200, id, expand, records: [updated], effects: [] }
}

export function confirmIntent(call: Call, id: string): Execution {
  const { parameters } = call
  const confirmation = readConfirmation(parameters, false)
  const expand = parameters.list('expand')
  parameters.finish()
  const intent = findIntent(call, id)
  if (intent.status !== 'requires_confirmation' && intent.status !== 'requires_payment_method') {
    throw unexpectedState(intent, 'confirm')
  }
  const paymentMethod = confirmation.paymentMethod ?? intent.paymentMethod
  const returnUrl = confirmation.returnUrl ?? intent.returnUrl
  if (paymentMethod === null) {
    throw new StripeFailure(
      400,
      {
        type: 'invalid_request_error',
        code: 'payment_intent_unexpected_state',
        message: "You cannot confirm this PaymentIntent because it's missing a payment method.",
      },
      { stored: true, intent },
    )
  }
  return { ...confirmed(call, { ...intent, paymentMethod, returnUrl }, { ...confirmation, paymentMethod }), expand }
}

interface Confirmation {
  readonly paymentMethod: string | null
  readonly returnUrl: string | null
  readonly errorOnAction: boolean
}

function readConfirmation(parameters: Parameters, methodRequired: boolean): Confirmation {
  const tokenized = readTokenized(parameters)
  const paymentMethod =
    tokenized ?? (methodRequired ? parameters.required('payment_method') : (parameters.text('payment_method') ?? null))
  if (paymentMethod !== null && testCard(paymentMethod) === undefined) {
    throw invalidParameter('resource_missing', `No such PaymentMethod: '${paymentMethod}'`, 'payment_method')
  }
  const returnUrl = parameters.text('return_url') ?? null
  if (returnUrl !== null && !/^https?:$/.test(URL.parse(returnUrl)?.protocol ?? '')) {
    throw invalidParameter('url_invalid', 'Not a valid URL', 'return_url')
  }
  const errorOnAction = parameters.boolean('error_on_requires_action') ?? false
  parameters.boolean('off_session')
  return { paymentMethod, returnUrl, errorOnAction }
}

/** A card by token: how a wallet that was tokenized comes. Becomes the payment method that the token stands for. */
function readTokenized(parameters: Parameters): string | undefined {
  const data = parameters.nested('payment_method_data')
  const type = data.oneOf('type', ['card'])
  const token = data.nested('card').text('token')
  if (type === undefined && token === undefined) return undefined
  const paymentMethod = token === undefined ? undefined : paymentMethodOfToken(token)
  if (paymentMethod === undefined) {
    throw invalidParameter('resource_missing', `No such token: '${token ?? ''}'`, 'payment_method_data[card][token]')
  }
  return paymentMethod
}

/** Asks the (test) issuer. */
function confirmed(call: Call, intent: IntentRecord, confirmation: Confirmation): Execution {
  const { paymentMethod } = confirmation
  const card = paymentMethod === null ? undefined : testCard(paymentMethod)
  if (card === undefined || paymentMethod === null)
    throw invalidParameter('parameter_missing', 'Missing required param: payment_method.', 'payment_method')
  if (intent.allowRedirects === 'always' && intent.returnUrl === null) {
    throw invalidParameter(
      undefined,
      'This PaymentIntent accepts payment methods that might redirect: provide a `return_url`, or set `automatic_payment_methods[allow_redirects]` to `never`.',
      'return_url',
    )
  }
  const by: RequestIdentity = {
    operationId: intent.metadata['operation_id'] ?? call.idempotencyKey,
    idempotencyKey: call.idempotencyKey,
  }
  const asked: IntentRecord = { ...intent, paymentMethod, authorizedBy: by, lastError: null }
  if (card.authorization === 'declines' && card.decline !== undefined) {
    return declinedBy(call, asked, { ...card.decline, adviceCode: null, charge: null })
  }
  if (card.authorization === 'needs_action') {
    if (confirmation.errorOnAction || intent.returnUrl === null) {
      return declinedBy(call, asked, {
        code: 'authentication_required',
        declineCode: 'authentication_required',
        message: 'Your card was declined. This transaction requires authentication.',
        adviceCode: null,
        charge: null,
      })
    }
    const waiting: IntentRecord = {
      ...asked,
      status: 'requires_action',
      actionUrl: `${call.publicUrl}/3ds/${intent.id}`,
    }
    const effect = effectOf(waiting, 'authorize', by.operationId, waiting.amount, false, waiting.status)
    return { status: 200, id: intent.id, expand: [], records: [waiting], effects: [effect] }
  }
  return authorized(call, asked, false)
}

/** The issuer said yes: a hold, or a hold and its capture in one step. */
function authorized(call: Omit<Call, 'parameters'>, intent: IntentRecord, threeDSecure: boolean): Execution {
  const { ids, now } = call
  const captured = intent.captureMethod !== 'manual'
  const charge: ChargeRecord = {
    kind: 'charge',
    id: ids.next('ch'),
    intent: intent.id,
    created: now,
    amount: intent.amount,
    currency: intent.currency,
    status: 'succeeded',
    captured,
    amountCaptured: captured ? intent.amount : 0,
    paymentMethod: intent.paymentMethod ?? '',
    threeDSecure,
    failure: null,
    balanceTransaction: intent.captureMethod === 'automatic' ? ids.next('txn') : null,
    captureBefore: captured ? null : now + holdSeconds,
    released: false,
    disputed: null,
  }
  const next: IntentRecord = {
    ...intent,
    status: captured ? 'succeeded' : 'requires_capture',
    amountCapturable: captured ? 0 : intent.amount,
    amountReceived: captured ? intent.amount : 0,
    latestCharge: charge.id,
    actionUrl: null,
    captureBefore: charge.captureBefore,
  }
  const operation = intent.authorizedBy?.operationId ?? null
  const effects = [effectOf(next, 'authorize', operation, intent.amount, true, next.status)]
  if (captured) effects.push(effectOf(next, 'capture', operation, intent.amount, true, next.status))
  const records = [next, ...withDisputeOfCard(charge, call)]
  return { status: 200, id: intent.id, expand: [], records, effects }
}

function declinedBy(call: Omit<Call, 'parameters'>, intent: IntentRecord, error: CardError): Execution {
  const charge: ChargeRecord = {
    kind: 'charge',
    id: call.ids.next('ch'),
    intent: intent.id,
    created: call.now,
    amount: intent.amount,
    currency: intent.currency,
    status: 'failed',
    captured: false,
    amountCaptured: 0,
    paymentMethod: intent.paymentMethod ?? '',
    threeDSecure: false,
    failure: error,
    balanceTransaction: null,
    captureBefore: null,
    released: false,
    disputed: null,
  }
  const lastError = { ...error, charge: charge.id }
  const next: IntentRecord = {
    ...intent,
    status: 'requires_payment_method',
    latestCharge: charge.id,
    lastError,
    actionUrl: null,
  }
  const failure = new StripeFailure(
    402,
    {
      type: 'card_error',
      code: error.code,
      ...(error.declineCode === null ? {} : { decline_code: error.declineCode }),
      message: error.message,
      charge: charge.id,
    },
    { stored: true, intent: next, charge },
  )
  const status = error.declineCode ?? error.code
  const effect = effectOf(next, 'authorize', intent.authorizedBy?.operationId ?? null, intent.amount, false, status)
  return { status: 402, id: intent.id, expand: [], records: [next, charge], effects: [effect], failure }
}

/** The shopper came back from the authentication page. Undefined where the intent does not wait for that. */
export function concludeAction(call: Omit<Call, 'parameters'>, id: string, succeeded: boolean): Execution | undefined {
  const intent = call.world.intent(id)
  if (intent === undefined || intent.status !== 'requires_action') return undefined
  if (succeeded) return authorized(call, intent, true)
  const next: IntentRecord = {
    ...intent,
    status: 'requires_payment_method',
    actionUrl: null,
    lastError: {
      code: 'payment_intent_authentication_failure',
      declineCode: null,
      message: 'The provided PaymentMethod has failed authentication.',
      adviceCode: null,
      charge: null,
    },
  }
  const operation = intent.authorizedBy?.operationId ?? null
  const effect = effectOf(next, 'authorize', operation, intent.amount, false, 'payment_intent_authentication_failure')
  return { status: 200, id, expand: [], records: [next], effects: [effect] }
}

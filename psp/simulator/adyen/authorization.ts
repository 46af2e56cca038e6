/** `/payments`, `/payments/details`, and the shopper's part between them. */
import { type Call, type Change, type Execution, effectOf, nothing, type Surroundings } from './execution.ts'
import { AdyenFailure, invalid, serverError } from './failure.ts'
import { methodOf, type UsedMethod, type Verdict } from './methods.ts'
import { type AdyenNotification, notificationOf } from './notification.ts'
import type { AdyenModification, AdyenPayment, AdyenRequestIdentity, Authentication } from './records.ts'
import { cancelled, notAuthenticated, refusalReason } from './refusals.ts'
import { bodies, type JsonObject, type PaymentBody, readBody } from './requests.ts'

export function makePayment(call: Call): Execution {
  const body = readBody(bodies.Payment, call.body)
  checkReturnUrl(body.returnUrl)
  const method = methodOf(body)
  const simulatedError = body.additionalData?.['RequestedTestErrorResponseCode']
  if (simulatedError === 'NO_CONNECTION_AVAILABLE') {
    throw new AdyenFailure({ ...serverError(500), message: 'No connection available' }, true)
  }
  const payment = newPayment(call, body, method)
  const { verdict } = method
  const done = verdict.kind === 'redirected' ? redirect(call, payment) : conclude(call, payment, verdict, call.request)
  if (simulatedError !== 'IOEXCEPTION_RECEIVED') return done
  return { ...done, status: 500, body: { ...serverError(500), pspReference: payment.id } }
}

export function makePaymentDetails(call: Call): Execution {
  const { details } = readBody(bodies.Details, call.body)
  const payment = call.world.paymentByRedirectResult(details.redirectResult)
  if (payment === undefined) throw invalid('000', 'Lookup failed')
  if (payment.status !== 'redirected') {
    const body = resultOf(payment)
    const effect = authorization(payment, call.request, false, String(body['resultCode']))
    return { ...nothing, effects: [effect], status: 200, body }
  }
  const verdict: Verdict =
    payment.authentication?.outcome === 'completed'
      ? { kind: 'approved', course: payment.course }
      : { kind: 'refused', code: notAuthenticated }
  return conclude(call, payment, verdict, call.request)
}

/** What the shopper did on the authentication page. Undefined where the payment does not wait for it. */
export function authenticate({ ids }: Surroundings, payment: AdyenPayment, completed: boolean): Change | undefined {
  if (payment.status !== 'redirected' || payment.authentication?.outcome !== 'waiting') return undefined
  const authentication: Authentication = {
    ...payment.authentication,
    outcome: completed ? 'completed' : 'failed',
    redirectResult: ids.next('redirect'),
  }
  return { ...nothing, records: [{ ...payment, authentication }] }
}

function newPayment(call: Call, body: PaymentBody, { name, type, brand, verdict }: UsedMethod): AdyenPayment {
  return {
    kind: 'payment',
    id: call.ids.nextReference(),
    createdAt: call.now,
    merchantAccount: body.merchantAccount,
    reference: body.reference,
    amount: body.amount.value,
    currency: body.amount.currency,
    status: 'redirected',
    captureAutomatically: body.additionalData?.['manualCapture'] !== 'true',
    captured: 0,
    refunded: 0,
    released: false,
    refusalCode: null,
    course: verdict.kind === 'approved' ? verdict.course : 'plain',
    paymentMethod: name,
    type,
    brand,
    authentication:
      verdict.kind === 'redirected' ? { returnUrl: body.returnUrl, outcome: 'waiting', redirectResult: null } : null,
    request: call.request,
    next: null,
  }
}

function redirect(call: Call, payment: AdyenPayment): Execution {
  const action = {
    type: 'redirect',
    method: 'GET',
    paymentMethodType: payment.type,
    url: `${call.publicUrl}/adyen/3ds/${payment.id}`,
  }
  const effect = authorization(payment, payment.request, false, 'RedirectShopper')
  return { ...nothing, records: [payment], effects: [effect], status: 200, body: { ...resultOf(payment), action } }
}

/** The issuer has spoken. */
function conclude(
  call: Surroundings,
  payment: AdyenPayment,
  verdict: Exclude<Verdict, { readonly kind: 'redirected' }>,
  request: AdyenRequestIdentity,
): Execution {
  const told = verdict.kind === 'error' ? { resultCode: 'Error', ...refusalOf(verdict.code) } : {}
  if (verdict.kind === 'refused' || (verdict.kind === 'error' && !verdict.approved)) {
    const refused: AdyenPayment = { ...payment, status: 'refused', refusalCode: verdict.code }
    const body: JsonObject = { ...resultOf(refused), ...told }
    const reason = refusalReason(verdict.code) ?? ''
    return {
      records: [refused],
      effects: [authorization(refused, request, false, String(body['resultCode']))],
      notifications: [notificationOf(refused, 'AUTHORISATION', call.now, { success: false, reason })],
      status: 200,
      body,
    }
  }
  const held: AdyenPayment = {
    ...payment,
    status: 'authorised',
    next: { at: call.now + call.settings.holdMs, step: 'expire' },
  }
  const body: JsonObject = { ...resultOf(held), ...told }
  const effects = [authorization(held, request, true, String(body['resultCode']))]
  const notifications = [authorised(held, call.now)]
  if (!payment.captureAutomatically) return { records: [held], effects, notifications, status: 200, body }
  const capture = automaticCapture(call, held, request)
  const records = [{ ...held, captured: held.amount, released: true, next: null }, capture]
  const pspReference = capture.id
  const { reference, amount } = held
  effects.push(
    effectOf(held, 'capture', { request, reference, amount, effect: true, status: 'succeeded', pspReference }),
  )
  return { records, effects, notifications, status: 200, body }
}

/** Of an account that captures by itself: told by no notification of its own. */
function automaticCapture(call: Surroundings, payment: AdyenPayment, request: AdyenRequestIdentity): AdyenModification {
  const later = call.now + call.settings.laterMs
  return {
    kind: 'modification',
    id: call.ids.nextReference(),
    createdAt: call.now,
    type: 'capture',
    merchantAccount: payment.merchantAccount,
    payment: payment.id,
    paymentReference: null,
    reference: null,
    amount: payment.amount,
    currency: payment.currency,
    capture: null,
    status: 'succeeded',
    request,
    next: laterOfCapture(payment, later),
  }
}

/** What a payment's course brings after a capture has succeeded. */
export function laterOfCapture(payment: AdyenPayment, at: number): AdyenModification['next'] {
  switch (payment.course) {
    case 'capture_fails':
      return { at, step: 'fail' }
    case 'charged_back':
      return { at, step: 'charge_back' }
    case 'plain':
    case 'refund_fails':
      return null
  }
}

function authorised(payment: AdyenPayment, at: number): AdyenNotification {
  return notificationOf(payment, 'AUTHORISATION', at, { operations: ['CANCEL', 'CAPTURE', 'REFUND'] })
}

function authorization(
  payment: AdyenPayment,
  request: AdyenRequestIdentity,
  effect: boolean,
  status: string,
): Execution['effects'][number] {
  const { reference, amount } = payment
  return effectOf(payment, 'authorize', { request, reference, amount, effect, status })
}

/** The payment's result as it is now. */
function resultOf(payment: AdyenPayment): JsonObject {
  return {
    pspReference: payment.id,
    merchantReference: payment.reference,
    amount: { currency: payment.currency, value: payment.amount },
    paymentMethod: { brand: payment.brand, type: payment.type },
    ...resultCodeOf(payment),
  }
}

function resultCodeOf(payment: AdyenPayment): JsonObject {
  switch (payment.status) {
    case 'redirected':
      return { resultCode: 'RedirectShopper' }
    case 'refused':
      return { resultCode: 'Refused', ...refusalOf(payment.refusalCode ?? 0) }
    case 'cancelled':
      return { resultCode: 'Cancelled', ...refusalOf(cancelled) }
    case 'authorised':
    case 'expired':
      return { resultCode: 'Authorised' }
  }
}

function refusalOf(code: number): JsonObject {
  return { refusalReason: refusalReason(code), refusalReasonCode: String(code) }
}

function checkReturnUrl(returnUrl: string): void {
  if (/^https?:$/.test(URL.parse(returnUrl)?.protocol ?? '')) return
  throw invalid('14_030', 'Return URL is missing.')
}

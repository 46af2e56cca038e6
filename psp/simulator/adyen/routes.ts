/** Which call a path is, what it means for the book, and who handles it. */
import type { BookOperation } from '../book.ts'
import { makePayment, makePaymentDetails } from './authorization.ts'
import { type AdyenEffect, type Call, type Execution, paymentOf } from './execution.ts'
import { amountUpdates, cancels, cancelsByReference, captures, refunds, reversals } from './modifications.ts'
import type { AdyenPayment } from './records.ts'
import type { JsonObject } from './requests.ts'
import type { AdyenWorld } from './world.ts'

export interface AdyenRoute {
  readonly operation: BookOperation | 'reversal'
  /** The payment that the path names. */
  readonly payment: string | null
  run(call: Call): Execution
}

const modifications: Readonly<
  Record<string, { readonly operation: AdyenRoute['operation']; run(call: Call, payment: string): Execution }>
> = {
  captures: { operation: 'capture', run: captures },
  refunds: { operation: 'refund', run: refunds },
  cancels: { operation: 'void', run: cancels },
  reversals: { operation: 'reversal', run: reversals },
  amountUpdates: { operation: 'adjust', run: amountUpdates },
}

/** @param path with or without `/adyen` before it */
export function adyenRoute(path: string): AdyenRoute | undefined {
  const match = /^(?:\/adyen)?\/v72\/(payments|cancels|payments\/details|payments\/([A-Z0-9]+)\/([A-Za-z]+))$/.exec(
    path,
  )
  switch (match?.[1]) {
    case undefined:
      return undefined
    case 'payments':
      return { operation: 'authorize', payment: null, run: makePayment }
    case 'payments/details':
      return { operation: 'authorize', payment: null, run: makePaymentDetails }
    case 'cancels':
      return { operation: 'void', payment: null, run: cancelsByReference }
    default: {
      const [, , payment = '', name = ''] = match ?? []
      const modification = Object.hasOwn(modifications, name) ? modifications[name] : undefined
      if (modification === undefined) return undefined
      return { operation: modification.operation, payment, run: (call) => modification.run(call, payment) }
    }
  }
}

/** A request as it asks, before anything of it is checked: for the book where it had no effect, and for fault rules. */
export interface Description extends Omit<AdyenEffect, 'effect' | 'status' | 'request_id'> {
  readonly paymentMethod: string | null
}

export function describe(route: AdyenRoute, body: JsonObject, key: string | null, world: AdyenWorld): Description {
  const payment = subjectOf(route, body, world)
  const authorizes = route.operation === 'authorize'
  const { value, currency } = members(body['amount'])
  const method = members(body['paymentMethod'])
  const reference = textOf(body['reference']) ?? (authorizes ? (payment?.reference ?? null) : null)
  return {
    operation: route.operation === 'reversal' ? ((payment?.captured ?? 0) > 0 ? 'refund' : 'void') : route.operation,
    operation_id: reference ?? key,
    idempotency_key: key,
    amount: Number.isSafeInteger(value) ? (value as number) : (payment?.amount ?? null),
    currency: (textOf(currency) ?? payment?.currency)?.toLowerCase() ?? null,
    payment: paymentOf(payment?.reference ?? textOf(body['paymentReference']) ?? reference),
    psp_reference: payment?.id ?? route.payment,
    paymentMethod: textOf(method['storedPaymentMethodId']) ?? textOf(method['type']) ?? payment?.paymentMethod ?? null,
  }
}

/** The payment that the request is about, where it exists. */
function subjectOf(route: AdyenRoute, body: JsonObject, world: AdyenWorld): AdyenPayment | undefined {
  if (route.payment !== null) return world.payment(route.payment)
  const redirectResult = textOf(members(body['details'])['redirectResult'])
  if (redirectResult !== null) return world.paymentByRedirectResult(redirectResult)
  return world.paymentByReference(textOf(body['merchantAccount']) ?? '', textOf(body['paymentReference']) ?? '')
}

function members(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {}
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/**
 * The requests behind the examples of the API's document, one story: each runs against a whole node, in this order, and
 * what it answered is what the document shows.
 */
import type { Example } from '../../gateway/openapi-examples.ts'
import { type EdgeOverHost, methods } from '../support/edge-over-host.ts'
import { openDispute } from '../support/edge-reads.ts'

interface Step {
  readonly name: string
  readonly operationId: string
  readonly summary: string
  /** `{payment:name}` is the id of what the step of that name answered. */
  readonly path: string
  readonly key?: string
  readonly prefer?: string
  readonly body?: object
  /** Happens first. */
  readonly before?: (edge: EdgeOverHost, ids: Map<string, string>) => Promise<void>
  readonly status: number
}

const card = { amount: 1_999, currency: 'eur', payment_method: methods.card }

const steps: readonly Step[] = [
  {
    name: 'captured',
    operationId: 'createPayment',
    summary: 'A payment by card, taken at once',
    path: '/v1/payments',
    key: 'order-1001',
    body: { ...card, merchant_reference: 'order-1001', metadata: { basket: 'b-17' } },
    status: 201,
  },
  {
    name: 'authorized',
    operationId: 'createPayment',
    summary: 'A payment that is captured later',
    path: '/v1/payments',
    key: 'order-1002',
    body: { ...card, capture_method: 'manual' },
    status: 201,
  },
  {
    name: 'wallet',
    operationId: 'createPayment',
    summary: 'A payment by Google Pay',
    path: '/v1/payments',
    key: 'order-1003',
    body: { ...card, payment_method: { type: 'google_pay', token: 'tok_visa' }, expand: ['latest_attempt'] },
    status: 201,
  },
  {
    name: 'action_needed',
    operationId: 'createPayment',
    summary: 'The shopper has to authenticate: send the browser to next_action.url',
    path: '/v1/payments',
    key: 'order-1004',
    body: { ...card, payment_method: methods.threeDSecure, return_url: 'https://shop.example/return' },
    status: 201,
  },
  {
    name: 'unconfirmed',
    operationId: 'createPayment',
    summary: 'A payment that waits for its confirmation',
    path: '/v1/payments',
    key: 'order-1005',
    body: { amount: 500, currency: 'jpy', confirm: false },
    status: 201,
  },
  {
    name: 'open',
    operationId: 'createPayment',
    summary: 'Nobody knows the outcome yet: somebody is asking the PSP',
    path: '/v1/payments',
    key: 'order-1006',
    prefer: 'wait=1',
    body: { ...card, payment_method: methods.unknown },
    status: 202,
  },
  {
    name: 'declined',
    operationId: 'createPayment',
    summary: 'The card was declined: a new try needs a new key',
    path: '/v1/payments',
    key: 'order-1007',
    body: { ...card, payment_method: methods.declined },
    status: 402,
  },
  {
    name: 'key_reused',
    operationId: 'createPayment',
    summary: 'The key of another request',
    path: '/v1/payments',
    key: 'order-1001',
    body: { ...card, amount: 2_999 },
    status: 422,
  },
  {
    name: 'malformed',
    operationId: 'createPayment',
    summary: 'An amount that is no number',
    path: '/v1/payments',
    key: 'order-1008',
    body: { ...card, amount: '19.99' },
    status: 400,
  },
  { name: 'read', operationId: 'getPayment', summary: 'As it is', path: '/v1/payments/{captured}', status: 200 },
  {
    name: 'expanded',
    operationId: 'getPayment',
    summary: 'With what belongs to it',
    path: '/v1/payments/{captured}?expand[]=latest_attempt&expand[]=captures',
    status: 200,
  },
  {
    name: 'nobodys',
    operationId: 'getPayment',
    summary: 'No such payment, or somebody else’s',
    path: '/v1/payments/pay_7zzzzzzzzzzzzzzzzzzzzzzzz0',
    status: 404,
  },
  {
    name: 'confirmed',
    operationId: 'confirmPayment',
    summary: 'With the payment method',
    path: '/v1/payments/{unconfirmed}/confirm',
    key: 'order-1005-confirm',
    body: { payment_method: methods.card },
    status: 201,
  },
  {
    name: 'confirmed_again',
    operationId: 'authorizePayment',
    summary: 'The same request by the other name: a replay',
    path: '/v1/payments/{unconfirmed}/authorize',
    key: 'order-1005-confirm',
    body: { payment_method: methods.card },
    status: 201,
  },
  {
    name: 'too_much',
    operationId: 'capturePayment',
    summary: 'More than is authorized',
    path: '/v1/payments/{authorized}/capture',
    key: 'order-1002-capture',
    body: { amount: 5_000 },
    status: 409,
  },
  {
    name: 'in_part',
    operationId: 'capturePayment',
    summary: 'A part; the rest is released',
    path: '/v1/payments/{authorized}/capture',
    key: 'order-1002-capture',
    body: { amount: 1_500 },
    status: 201,
  },
  {
    name: 'abandoned',
    operationId: 'cancelPayment',
    summary: 'The shopper went away',
    path: '/v1/payments/{action_needed}/cancel',
    key: 'order-1004-cancel',
    body: { reason: 'abandoned' },
    status: 201,
  },
  {
    name: 'refunded_in_part',
    operationId: 'refundPayment',
    summary: 'A part',
    path: '/v1/payments/{captured}/refunds',
    key: 'order-1001-refund-1',
    body: { amount: 500, reason: 'requested_by_customer' },
    status: 201,
  },
  {
    name: 'refunded',
    operationId: 'createRefund',
    summary: 'What is left, with the payment in the answer',
    path: '/v1/refunds',
    key: 'order-1001-refund-2',
    body: { payment: '{captured}', expand: ['payment'] },
    status: 201,
  },
  {
    name: 'refund',
    operationId: 'getRefund',
    summary: 'As it is',
    path: '/v1/refunds/{refunded_in_part}',
    status: 200,
  },
  {
    name: 'attempts',
    operationId: 'listAttempts',
    summary: 'The only one',
    path: '/v1/payments/{captured}/attempts',
    status: 200,
  },
  {
    name: 'events',
    operationId: 'listEvents',
    summary: 'The newest two',
    path: '/v1/payments/{captured}/events?limit=2',
    status: 200,
  },
  {
    name: 'payments',
    operationId: 'listPayments',
    summary: 'The newest captured one, and that more follow',
    path: '/v1/payments?status=captured&limit=1',
    status: 200,
  },
  {
    name: 'foreign_cursor',
    operationId: 'listPayments',
    summary: 'A cursor that names nothing of this list',
    path: '/v1/payments?starting_after=pay_7zzzzzzzzzzzzzzzzzzzzzzzz0',
    status: 400,
  },
  {
    name: 'found',
    operationId: 'searchPayments',
    summary: 'By reference and amount',
    path: '/v1/payments/search?query=merchant_reference:order-1001%20amount>=1000',
    status: 200,
  },
  {
    name: 'refunds',
    operationId: 'listRefunds',
    summary: 'Those of one payment',
    path: '/v1/refunds?payment={captured}',
    status: 200,
  },
  {
    name: 'disputed',
    operationId: 'getDispute',
    summary: 'As it is',
    path: '/v1/disputes/{dispute}',
    before: (edge, ids) => disputeOf(edge, ids),
    status: 200,
  },
  {
    name: 'disputes',
    operationId: 'listDisputes',
    summary: 'All of them',
    path: '/v1/disputes',
    status: 200,
  },
  { name: 'balance', operationId: 'getBalance', summary: 'By currency', path: '/v1/balance', status: 200 },
  {
    name: 'accounts',
    operationId: 'listLedgerAccounts',
    summary: 'Of all connections and currencies',
    path: '/v1/ledger/accounts',
    status: 200,
  },
  {
    name: 'account_entries',
    operationId: 'listAccountEntries',
    summary: 'The newest on what a PSP still owes',
    path: '/v1/ledger/accounts/acc_scripted.eur.psp_receivable/entries?limit=1',
    status: 200,
  },
  {
    name: 'payment_entries',
    operationId: 'listPaymentEntries',
    summary: 'All that a payment did to the books',
    path: '/v1/payments/{captured}/ledger_entries',
    status: 200,
  },
  { name: 'alive', operationId: 'getLiveness', summary: 'It is', path: '/livez', status: 200 },
  { name: 'ready', operationId: 'getReadiness', summary: 'It should', path: '/readyz', status: 200 },
]

/** A shopper claims back a part of what is left of the payment that was captured later. */
async function disputeOf(edge: EdgeOverHost, ids: Map<string, string>): Promise<void> {
  const payment = ids.get('authorized') ?? ''
  await openDispute(edge, payment, 100)
  ids.set('dispute', `dp_${payment.slice(4)}_1`)
}

/** Runs all steps; throws where one answers another status than it should. */
export async function runExamples(edge: EdgeOverHost): Promise<readonly Example[]> {
  const ids = new Map<string, string>()
  const filled = (text: string): string => text.replaceAll(/\{(\w+)\}/g, (_all, name: string) => ids.get(name) ?? '')
  const examples: Example[] = []
  for (const step of steps) {
    await step.before?.(edge, ids)
    const path = filled(step.path)
    const body = step.body === undefined ? undefined : (JSON.parse(filled(JSON.stringify(step.body))) as object)
    const headers: Record<string, string> = step.prefer === undefined ? {} : { prefer: step.prefer }
    const sent = edge.send(path, {
      headers,
      ...(step.key !== undefined && { key: step.key }),
      ...(body !== undefined && { body }),
    })
    if (step.prefer !== undefined) await edge.pass(1_100)
    const response = await sent
    if (response.statusCode !== step.status) throw new Error(`${step.name}: ${response.statusCode} ${response.body}`)
    const answer = response.json<{ id?: string }>()
    if (answer.id !== undefined) ids.set(step.name, answer.id)
    examples.push({
      name: step.name,
      operationId: step.operationId,
      summary: step.summary,
      request: {
        method: step.key === undefined ? 'GET' : 'POST',
        path,
        headers: { ...(step.key !== undefined && { 'Idempotency-Key': step.key }), ...headers },
        ...(body !== undefined && { body }),
      },
      status: step.status,
      response: answer,
    })
  }
  return examples
}

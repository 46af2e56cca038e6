/** Which call a path is, what it means for the book, and who handles it. */
import { confirmIntent, createIntent, updateIntent } from './authorization.ts'
import type { BookEntry, BookOperation } from './book.ts'
import type { Call, Execution } from './execution.ts'
import { cancelIntent, captureIntent, createRefund } from './modifications.ts'
import type { FormTree } from './parameters.ts'
import type { IntentRecord } from './records.ts'
import { createReportRun } from './reports/stripe-runs.ts'
import type { World } from './world.ts'

export interface PostRoute {
  /** Null for calls that move nothing: updates, intents made without confirmation. */
  readonly operation: BookOperation | null
  /** The intent the path names. */
  readonly intent: string | null
  run(call: Call): Execution
}

export function postRoute(path: string, form: FormTree): PostRoute | undefined {
  if (path === '/v1/payment_intents') {
    return { operation: form.get('confirm') === 'true' ? 'authorize' : null, intent: null, run: createIntent }
  }
  if (path === '/v1/refunds')
    return { operation: 'refund', intent: text(form.get('payment_intent')), run: createRefund }
  if (path === '/v1/reporting/report_runs') return { operation: null, intent: null, run: createReportRun }
  const match = /^\/v1\/payment_intents\/([A-Za-z0-9_]+)(?:\/(confirm|capture|cancel))?$/.exec(path)
  const id = match?.[1]
  if (id === undefined) return undefined
  switch (match?.[2]) {
    case 'confirm':
      return { operation: 'authorize', intent: id, run: (call) => confirmIntent(call, id) }
    case 'capture':
      return { operation: 'capture', intent: id, run: (call) => captureIntent(call, id) }
    case 'cancel':
      return { operation: 'void', intent: id, run: (call) => cancelIntent(call, id) }
    default:
      return { operation: null, intent: id, run: (call) => updateIntent(call, id) }
  }
}

/** A request as it asks, before anything of it is checked: for the book where it had no effect, and for fault rules. */
export interface Description extends Omit<BookEntry, 'at' | 'request_id' | 'effect' | 'status' | 'operation'> {
  readonly operation: BookOperation | null
  readonly paymentMethod: string | null
}

export function describe(route: PostRoute, form: FormTree, key: string | null, world: World): Description {
  const metadata = form.get('metadata')
  const meta = (name: string): string | null => (metadata instanceof Map ? text(metadata.get(name)) : null)
  const intent: IntentRecord | undefined = route.intent === null ? undefined : world.intent(route.intent)
  const authorizes = route.operation === 'authorize' || route.operation === null
  const amount = Number(text(form.get(route.operation === 'capture' ? 'amount_to_capture' : 'amount')) ?? 'none')
  return {
    operation: route.operation,
    operation_id: meta('operation_id') ?? (authorizes ? (intent?.metadata['operation_id'] ?? key) : key),
    idempotency_key: key,
    amount: Number.isSafeInteger(amount) ? amount : (intent?.amount ?? null),
    currency: text(form.get('currency')) ?? intent?.currency ?? null,
    payment: meta('payment_id') ?? intent?.metadata['payment_id'] ?? null,
    psp_reference: route.intent,
    paymentMethod: text(form.get('payment_method')) ?? intent?.paymentMethod ?? null,
  }
}

function text(value: string | FormTree | undefined): string | null {
  return typeof value === 'string' ? value : null
}

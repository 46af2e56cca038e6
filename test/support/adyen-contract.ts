/**
 * Adyen's published API and webhook descriptions as a judge of our requests and of the simulator's answers and notifications,
 * and as a source of Adyen's own sample messages.
 */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { AdyenNotification } from '../../psp/simulator/adyen/notification.ts'

interface Body {
  readonly content?: Readonly<
    Record<string, { readonly schema: { readonly $ref: string }; readonly examples?: object }>
  >
}

type Calls = Readonly<
  Record<string, { readonly post: { readonly requestBody: Body; readonly responses: Readonly<Record<string, Body>> } }>
>

interface Description {
  readonly paths?: Calls
  readonly webhooks?: Calls
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>
  }
}

const { paths: calls = {}, ...checkout } = read('adyen-checkout.openapi.json')
/** Real messages carry keys of `additionalData` that the description lacks, so it is taken as open. */
const { webhooks = {}, ...notifications } = opened(read('adyen-webhooks.openapi.json'))

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, addUsedSchema: false })
ajv.addSchema({ $id: 'https://adyen.example/checkout', ...checkout })
ajv.addSchema({ $id: 'https://adyen.example/webhooks', ...notifications })
const compiled = new Map<string, ValidateFunction>()

/** What is wrong with a request's JSON, by its path below the API's base path; empty if nothing. */
export function problemsOfAdyenRequest(path: string, value: unknown): string[] {
  return problems('checkout', calls[templateOf(path)]?.post.requestBody, value)
}

/** What is wrong with the answer to a call, by its path below the API's base path and its status; empty if nothing. */
export function problemsOfAdyenAnswer(path: string, status: number, value: unknown): string[] {
  return problems('checkout', calls[templateOf(path)]?.post.responses[String(status)], value)
}

/** What is wrong with a webhook message about `eventCode`; empty if nothing. */
export function problemsOfAdyenMessage(eventCode: string, value: unknown): string[] {
  return problems('webhooks', webhooks[`/${eventCode}`]?.post.requestBody, value)
}

export function problemsOfAdyenNotification(notification: AdyenNotification): string[] {
  const message = { live: 'false', notificationItems: [{ NotificationRequestItem: notification }] }
  return problemsOfAdyenMessage(notification.eventCode, message)
}

/** Every event code that is described, with the description's own message where it has one. */
export const adyenMessages: ReadonlyMap<string, unknown> = new Map(
  Object.keys(webhooks).map((path) => {
    const eventCode = path.slice(1)
    const { examples } = notifications.components
    const name = Object.keys(examples).find((candidate) => candidate.startsWith(`post-${eventCode}-`))
    return [eventCode, name === undefined ? undefined : examples[name]?.value]
  }),
)

/** The description's own answers to a call, by its template: `/payments/{paymentPspReference}/captures`. */
export function adyenAnswers(template: string, status: number): readonly unknown[] {
  const named = calls[template]?.post.responses[String(status)]?.content?.['application/json']?.examples ?? {}
  return Object.values(named as Record<string, { readonly $ref: string }>).map(
    ({ $ref }) => checkout.components.examples[$ref.split('/').at(-1) ?? '']?.value,
  )
}

function read(file: string): Description {
  const url = new URL(`../../psp/adyen/fixtures/${file}`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8')) as Description
}

function opened(description: Description): Description {
  const schemas = Object.entries(description.components.schemas).map(([name, schema]): [string, object] =>
    name.endsWith('AdditionalData') ? [name, { ...schema, additionalProperties: true }] : [name, schema],
  )
  return { ...description, components: { ...description.components, schemas: Object.fromEntries(schemas) } }
}

/** `/payments/QFQT…/captures` → `/payments/{paymentPspReference}/captures`. */
function templateOf(path: string): string {
  return path.replace(/^\/payments\/[^/]+\/(?=\w+$)/, '/payments/{paymentPspReference}/')
}

function problems(document: 'checkout' | 'webhooks', body: Body | undefined, value: unknown): string[] {
  const schema = body?.content?.['application/json']?.schema
  if (schema === undefined) return ['nothing is described']
  const ref = `https://adyen.example/${document}${schema.$ref}`
  const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref })
  compiled.set(ref, validate)
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath} ${message}`)
}

/** Adyen's published API descriptions as a judge of the simulator's answers and of its notifications. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { AdyenNotification } from '../../psp/simulator/adyen/notification.ts'

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}

interface Call {
  readonly post: { readonly requestBody: Content; readonly responses: Readonly<Record<string, Content>> }
}

interface Description {
  readonly paths?: Readonly<Record<string, Call>>
  readonly webhooks?: Readonly<Record<string, Call>>
}

const checkout = read('adyen-checkout.openapi.json')
const webhooks = read('adyen-webhooks.openapi.json')
const ajv = new Ajv2020({ strict: false, allErrors: true, addUsedSchema: false, validateFormats: false })
const checkoutId = 'https://checkout.example/openapi'
const webhooksId = 'https://webhooks.example/openapi'
ajv.addSchema({ $id: checkoutId, ...checkout })
ajv.addSchema({ $id: webhooksId, ...webhooks })

const compiled = new Map<string, ValidateFunction>()

/** What is wrong with an answer to a call, by its path below the version (`/payments`) and its status; empty if nothing. */
export function problemsOfAdyenAnswer(path: string, status: number, value: unknown): string[] {
  const template = Object.keys(checkout.paths ?? {}).find((candidate) =>
    new RegExp(`^${candidate.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
  )
  const schema = checkout.paths?.[template ?? '']?.post.responses[String(status)]?.content?.['application/json']?.schema
  return schema === undefined
    ? [`${path} is not described with status ${status}`]
    : problems(checkoutId, `${template} ${status}`, schema, value)
}

/** What is wrong with a notification. Adyen's file closes `additionalData`, which its own messages do not keep to: left out. */
export function problemsOfAdyenNotification(notification: AdyenNotification): string[] {
  const { additionalData: _, ...item } = notification
  const schema = webhooks.webhooks?.[`/${item.eventCode}`]?.post.requestBody.content?.['application/json']?.schema
  const message = { live: 'false', notificationItems: [{ NotificationRequestItem: item }] }
  return schema === undefined
    ? [`${item.eventCode} is not described`]
    : problems(webhooksId, item.eventCode, schema, message)
}

function problems(document: string, name: string, schema: object, value: unknown): string[] {
  const validate = compiled.get(name) ?? ajv.compile(absolute(schema, document))
  compiled.set(name, validate)
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message = '' }) => `${instancePath} ${message}`)
}

/** References within a document, so that they can be followed from outside of it. */
function absolute(schema: object, document: string): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', `"${document}#/`)) as object
}

function read(name: string): Description {
  return JSON.parse(readFileSync(new URL(`../../psp/adyen/fixtures/${name}`, import.meta.url), 'utf8')) as Description
}

/**
 * Stripe's published API description as a judge of our requests and of the simulator's answers.
 *
 * The description leaves every object open, so JSON Schema by itself would pass a misspelt field: {@link undeclaredFields}
 * names those that it does not know.
 */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FormTree } from '../../psp/simulator/parameters.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly 'x-query-schema'?: Schema
}

interface Description {
  /** The class of `data.object` by event type. */
  readonly 'x-event-types': Readonly<Record<string, string>>
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const description = JSON.parse(
  readFileSync(new URL('../../psp/stripe/fixtures/stripe-current.openapi.json', import.meta.url), 'utf8'),
) as Description

const documentId = 'https://stripe.example/openapi'
const answers = new Ajv2020({ strict: false, allErrors: true, addUsedSchema: false })
const requests = new Ajv2020({ strict: false, allErrors: true, coerceTypes: true, addUsedSchema: false })
for (const ajv of [answers, requests]) ajv.addSchema({ $id: documentId, ...description })

const compiled = new Map<string, ValidateFunction>()

/** What is wrong with an answer's JSON as the named schema (`PaymentIntent`, `Refund`, `Error`, …); empty if nothing. */
export function problemsOfAnswer(schema: string, value: unknown): string[] {
  const ref = `#/components/schemas/${schema}`
  const validate = compiled.get(ref) ?? answers.compile({ $ref: `${documentId}${ref}` })
  compiled.set(ref, validate)
  validate(value)
  const problems = (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`)
  return [...problems, ...undeclaredFields({ $ref: ref }, value)]
}

/** What is wrong with an event, its envelope and what it shows; empty if nothing. */
export function problemsOfEvent(event: { readonly type?: unknown; readonly data?: unknown }): string[] {
  const schema = description['x-event-types'][String(event.type)]
  if (schema === undefined) return [`${String(event.type)} is no event of Stripe's`]
  const { object } = event.data as { object: unknown }
  return [
    ...problemsOfAnswer('Event', event),
    ...problemsOfAnswer('EventByType', event),
    ...problemsOfAnswer(schema, object),
  ]
}

/** What is wrong with a request (a decoded form, or a decoded query); empty if nothing. */
export function problemsOfRequest(method: 'get' | 'post', path: string, form: FormTree): string[] {
  const template = Object.keys(description.paths).find(
    (candidate) =>
      new RegExp(`^${candidate.replace(/\{\w+\}/g, '[^/]+')}$`).test(path) &&
      (candidate === path || !(path in description.paths)),
  )
  const operation = template === undefined ? undefined : description.paths[template]?.[method]
  if (operation === undefined) return [`${method} ${path} is no call of Stripe's`]
  const schema =
    operation['x-query-schema'] ?? operation.requestBody?.content['application/x-www-form-urlencoded']?.schema
  if (schema?.$ref === undefined) return form.size === 0 ? [] : [`${method} ${path} takes no parameters`]
  const key = `request ${schema.$ref}`
  const validate = compiled.get(key) ?? requests.compile({ $ref: `${documentId}${schema.$ref}` })
  compiled.set(key, validate)
  const value = toJson(form)
  validate(value)
  const problems = (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`)
  return [...problems, ...undeclaredFields(schema, value)]
}

/** Fields that the description does not declare, at any depth where it says what an object holds. */
function undeclaredFields(schema: Schema, value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return []
  const variants = variantsOf(schema)
  if (Array.isArray(value)) {
    const items = variants.find((variant) => variant.items !== undefined)?.items
    return items === undefined ? [] : value.flatMap((item, index) => undeclaredFields(items, item, `${path}/${index}`))
  }
  const kind = (value as { object?: unknown }).object
  const shape =
    variants.find((variant) => kind !== undefined && constOf(variant.properties?.['object']) === kind) ??
    variants.find((variant) => variant.properties !== undefined)
  // A stub says no more than that there is such an object; a map takes any name.
  if (shape?.properties === undefined || shape.additionalProperties !== undefined || 'x-stub' in shape) return []
  return Object.entries(value).flatMap(([name, field]) => {
    const declared = shape.properties?.[name]
    return declared === undefined
      ? [`${path}/${name} is not declared`]
      : undeclaredFields(declared, field, `${path}/${name}`)
  })
}

/** The schema's alternatives, references followed. */
function variantsOf(schema: Schema): Schema[] {
  if (schema.$ref !== undefined)
    return variantsOf(description.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(variantsOf)
}

function constOf(schema: Schema | undefined): unknown {
  return (schema as { const?: unknown } | undefined)?.const
}

/** A decoded form as JSON: names 0, 1, 2, … make a list; texts stay texts (the validator turns them into numbers). */
export function toJson(tree: FormTree): unknown {
  const entries = [...tree].map(([name, value]) => [name, typeof value === 'string' ? value : toJson(value)] as const)
  const isList = entries.length > 0 && entries.every(([name], index) => name === String(index))
  return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}

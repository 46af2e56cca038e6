/**
 * The newest text of Stripe's API description that Stripe itself published whole (API 2023-08-16, OpenAPI 3.0), as a second
 * judge beside the present one of `stripe-contract.ts`. Its request bodies are closed: a field that it does not know is a problem.
 */
import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import type { FormTree } from '../../psp/simulator/parameters.ts'
import { toJson } from './stripe-contract.ts'

interface Operation {
  readonly parameters?: readonly {
    readonly in: string
    readonly name: string
    readonly required: boolean
    readonly schema: unknown
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> }
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const description = JSON.parse(
  readFileSync(new URL('../../psp/stripe/fixtures/stripe.openapi.json', import.meta.url), 'utf8'),
  withNull,
) as Description

const documentId = 'https://stripe.example/openapi-2023'
const ajv = new Ajv({ strict: false, allErrors: true, addUsedSchema: false, validateFormats: false })
const forms = new Ajv({
  strict: false,
  allErrors: true,
  coerceTypes: true,
  addUsedSchema: false,
  validateFormats: false,
})
for (const each of [ajv, forms]) each.addSchema({ $id: documentId, ...description })

const compiled = new Map<string, ValidateFunction>()

/** `nullable` of OpenAPI 3.0 as JSON Schema says it. */
function withNull(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('nullable' in value)) return value
  const { nullable, ...schema } = value
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema
}

/** What is wrong with an answer or an event's object as the named schema (`payment_intent`, `event`, …); empty if nothing. */
export function problemsOfAnswerIn2023(schema: string, value: unknown): string[] {
  return problems(ajv, `#/components/schemas/${schema}`, value)
}

/** What is wrong with a request (a decoded form, or a decoded query); empty if nothing. */
export function problemsOfRequestIn2023(method: 'get' | 'post', path: string, form: FormTree): string[] {
  const template = Object.keys(description.paths).find(
    (candidate) => candidate === path || (!(path in description.paths) && patternOf(candidate).test(path)),
  )
  const operation = template === undefined ? undefined : description.paths[template]?.[method]
  if (template === undefined || operation === undefined) return [`${method} ${path} is no call of Stripe's`]
  const value = toJson(form)
  if (method === 'get') return problemsOfQuery(operation, `${method} ${template}`, value)
  const pointer = `#/paths/${template.replaceAll('/', '~1')}/post/requestBody/content/application~1x-www-form-urlencoded/schema`
  return problems(forms, encodeURI(pointer), value)
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}

function problemsOfQuery({ parameters = [] }: Operation, key: string, value: unknown): string[] {
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(query.map((parameter) => [parameter.name, parameter.schema])),
    required: query.filter(({ required }) => required).map(({ name }) => name),
  }
  return run(compiled.get(key) ?? remember(key, forms.compile(schema)), value)
}

function problems(judge: Ajv, pointer: string, value: unknown): string[] {
  return run(compiled.get(pointer) ?? remember(pointer, judge.compile({ $ref: `${documentId}${pointer}` })), value)
}

function remember(key: string, validate: ValidateFunction): ValidateFunction {
  compiled.set(key, validate)
  return validate
}

function run(validate: ValidateFunction, value: unknown): string[] {
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const extra: unknown = params['additionalProperty']
    return `${instancePath} ${message ?? ''}${typeof extra === 'string' ? `: ${extra}` : ''}`
  })
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { clientTypes, type OpenApiDocument, type Schema } from './client-types.ts'
import { apiDocument } from './support/api-document.ts'
import { projectRoot } from './support/tools.ts'

test("clients/typescript/types.ts is what the API's document makes (npm run docs)", async () => {
  const path = join(projectRoot, 'clients', 'typescript', 'types.ts')
  expect(readFileSync(path, 'utf8')).toBe(clientTypes(await apiDocument()))
})

function typesOf(schemas: Readonly<Record<string, Schema>>, paths: OpenApiDocument['paths'] = {}): string {
  const text = clientTypes({ components: { schemas }, paths })
  return text.slice(text.indexOf('*/') + 2).trim()
}

test('members keep their words, their null, their references and what is said of them', () => {
  const Thing: Schema = {
    type: 'object',
    description: 'A thing.',
    required: ['id', 'status', 'tags', 'other'],
    properties: {
      id: { type: 'string', description: 'Its id.' },
      status: { type: ['string', 'null'], enum: ['new', 'old'] },
      tags: { type: 'array', items: { anyOf: [{ type: 'string' }, { $ref: '#/components/schemas/Thing' }] } },
      other: { type: 'object', additionalProperties: { type: 'integer' } },
      'x-note': { type: ['boolean', 'null'] },
    },
  }
  expect(typesOf({ Thing })).toBe(`/** A thing. */
export interface Thing {
  /** Its id. */
  readonly id: string
  readonly status: 'new' | 'old' | null
  readonly tags: ReadonlyArray<string | Thing>
  readonly other: Readonly<Record<string, number>>
  readonly 'x-note'?: boolean | null | undefined
}`)
})

test('what another type has too is not written twice', () => {
  const properties: Record<string, Schema> = { id: { type: 'string' }, amount: { type: 'integer' } }
  const Thing: Schema = { type: 'object', required: ['id', 'amount'], properties }
  const More: Schema = {
    type: 'object',
    required: ['id', 'amount', 'poll'],
    properties: { ...properties, poll: { type: 'integer' } },
  }
  const Holder: Schema = { type: 'object', properties: { thing: { ...Thing, required: ['id'] } } }
  expect(typesOf({ Thing, More, Holder })).toBe(`export interface Thing {
  readonly id: string
  readonly amount: number
}

export interface More extends Thing {
  readonly poll: number
}

export interface Holder {
  readonly thing?: (Partial<Thing> & Pick<Thing, 'id'>) | undefined
}`)
})

test('a body without a name is called after its operation', () => {
  const requestBody = {
    content: { 'application/json': { schema: { type: 'object', properties: { a: { type: 'string' } } } } },
  }
  expect(typesOf({}, { '/v1/things': { post: { operationId: 'createThing', requestBody } } })).toBe(
    `export interface CreateThingBody {\n  readonly a?: string | undefined\n}`,
  )
})

test.each<[string, Schema]>([
  ['a schema without a type', {}],
  ['unknown type', { type: 'file' }],
  ['an array without items', { type: 'array' }],
  ['a reference that is not followed', { $ref: 'other.json#/Thing' }],
])('%s is refused, not guessed', (what, schema) => {
  expect(() => typesOf({ Thing: { type: 'object', properties: { member: schema } } })).toThrow(what)
})

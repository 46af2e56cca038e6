/** The document of the API: valid by an independent judge, complete, and true: its examples are run, its schemas hold. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operatorErrorCodes, publicErrorCodes } from '../../gateway/errors.ts'
import type { Example } from '../../gateway/openapi-examples.ts'
import { type EdgeOverHost, edgeOverHost } from '../support/edge-over-host.ts'
import { runExamples } from './examples.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly security?: readonly object[]
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: object }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content; readonly headers?: object }>
  >
}
type Content = Readonly<
  Record<string, { readonly schema: object; readonly examples?: Record<string, { value: unknown }> }>
>
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

let edge: EdgeOverHost
let document: Document
let operations: readonly (Operation & { path: string; method: string })[]
let examples: readonly Example[]

beforeAll(async () => {
  edge = await edgeOverHost()
  document = (await edge.app.inject('/v1/openapi.json')).json()
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method })),
  )
  examples = await runExamples(edge)
})

afterAll(() => edge.close())

describe('the document', () => {
  it('is OpenAPI 3.1 by an independent validator', async () => {
    expect(await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>)).toEqual({
      valid: true,
    })
    expect(document.openapi).toBe('3.1.0')
  })

  it('has every route but those that are no part of the API', () => {
    const documented = operations.map(({ method, path }) => `${method} ${path}`)
    const apart = ['get /v1/openapi.json', 'get /v1/return/{attempt}/{nonce}']
    const routes = routesOf(edge).filter((route) => !route.includes(' /docs'))
    expect(new Set(routes)).toEqual(new Set([...documented, ...apart]))
    expect(documented).toHaveLength(22)
  })

  it('says of every operation what it is for, what it asks for and what it answers', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
    for (const { operationId, summary, description, tags, security, responses, method } of operations) {
      expect(summary, operationId).toMatch(/^[A-Z]/)
      expect(description, operationId).toMatch(/\.$/m)
      expect(tags).toHaveLength(1)
      for (const [status, response] of Object.entries(responses)) {
        expect(response.description, `${operationId} ${status}`).not.toMatch(/^$|Default Response/)
      }
      if (tags[0] === 'Service') continue
      expect(security).toEqual([{ bearer: [] }, { basic: [] }])
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '401', '403', '429', '500', '503']))
      // What is tagged has a version, and can be unchanged.
      const isTagged = 'ETag' in (responses['200']?.headers ?? {})
      const done = method === 'get' ? ['200', ...(isTagged ? ['304'] : [])] : ['201', '202']
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(done))
      expect('304' in responses).toBe(isTagged)
    }
  })

  it('names every public error code, but those of unknown paths and of operators', () => {
    const named = new Set(
      operations.flatMap(({ responses }) =>
        Object.entries(responses)
          .filter(([status]) => Number(status) >= 400)
          .flatMap(([, { description }]) => [...description.matchAll(/`(\w+)`/g)].map(([, code]) => code)),
      ),
    )
    const apart = [
      'route_not_found',
      'method_not_allowed',
      'operation_unknown',
      'second_approver_required',
      'evidence_required',
      'proposal_exists',
      'no_proposal',
      'nothing_to_compensate',
      'resolution_too_early',
      'notice_not_ours',
      ...operatorErrorCodes,
    ]
    expect(new Set([...named, ...apart])).toEqual(new Set(publicErrorCodes))
    for (const code of apart) expect(named).not.toContain(code)
  })

  it('holds no secret and names no machine', async () => {
    const text = JSON.stringify(document)
    expect(text).not.toMatch(/sk_(?:test|live)_[A-Za-z0-9]{8}|localhost|127\.0\.0\.1|\/work\//)
    const again = await edge.app.inject('/v1/openapi.json')
    expect(again.json()).toEqual(document)
  })
})

describe('its examples', () => {
  it('are what a run of them answers', async () => {
    await expect(`${JSON.stringify(examples, null, 2)}\n`).toMatchFileSnapshot(
      '../../gateway/fixtures/openapi-examples.json',
    )
  })

  it('stand at every operation', () => {
    for (const { operationId, requestBody, responses } of operations) {
      const of = examples.filter((example) => example.operationId === operationId)
      expect(of.length, operationId).toBeGreaterThan(0)
      for (const { name, request, status, response } of of) {
        const media = Object.values(responses[status]?.content ?? {})[0]
        expect(media?.examples?.[name]?.value, name).toEqual(response)
        if (request.body !== undefined) {
          expect(requestBody?.content['application/json']?.examples?.[name]?.value, name).toEqual(request.body)
        }
      }
    }
  })

  it('are as the schemas of the document say, requests and answers', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true })
    ajv.addSchema({ $id: 'https://api.example/openapi', ...document })
    const check = (schema: object, value: unknown, name: string): void => {
      const text = JSON.stringify(schema).replaceAll('"#/components', '"https://api.example/openapi#/components')
      const validate = ajv.compile(JSON.parse(text) as object)
      validate(value)
      expect(validate.errors ?? [], name).toEqual([])
    }
    let checked = 0
    for (const { name, operationId, request, status, response } of examples) {
      const operation = operations.find((each) => each.operationId === operationId)
      const [media] = Object.values(operation?.responses[status]?.content ?? {})
      if (media === undefined) throw new Error(`${name}: no schema`)
      check(media.schema, response, name)
      const body = operation?.requestBody?.content['application/json']
      if (body !== undefined && status < 300) check(body.schema, request.body, name)
      checked += 1
    }
    expect(checked).toBe(examples.length)
  })
})

describe('the page', () => {
  it('is made of files of this process alone, under a policy that lets nothing else in', async () => {
    const page = await edge.app.inject('/docs')
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';")
    expect(page.headers['x-content-type-options']).toBe('nosniff')
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link as string)
    expect(links.length).toBeGreaterThan(4)
    for (const link of links) {
      expect(link).toMatch(/^\/docs\/static\//)
      expect((await edge.app.inject(link)).statusCode, link).toBe(200)
    }
    expect(page.body).not.toMatch(/<script(?![^>]*\ssrc=)|<script[^>]*>\s*[^<\s]|style="|https?:/)
    expect((await edge.app.inject('/docs/json')).json()).toEqual(document)
  })

  it('has nothing beyond its files', async () => {
    for (const url of ['/docs/static/nothing.js', '/docs/static/..%2f..%2fpackage.json', '/docs/nothing']) {
      const response = await edge.app.inject(url)
      expect([url, response.statusCode, response.headers['content-type']]).toEqual([
        url,
        404,
        'application/problem+json',
      ])
    }
  })
})

/** `get /v1/payments/{id}` */
function routesOf({ app }: EdgeOverHost): string[] {
  return app.allRoutes.flatMap(({ url, methods }) =>
    methods.map((method) => `${method.toLowerCase()} ${url.replaceAll(/:(\w+)/g, '{$1}')}`),
  )
}

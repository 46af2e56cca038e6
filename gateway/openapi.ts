/**
 * `/v1/openapi.json`: the document of the merchants' API, made from the routes that are added after this. `/docs`: a page
 * that shows it, from files of this process alone, so it works without the internet.
 *
 * Both are public: they say nothing that the code does not.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { documentedSchema, documentHead, finished } from './openapi-document.ts'

export const documentPath = '/v1/openapi.json'
export const docsPath = '/docs'

/** Scripts and styles from this process only; the page's own script marks up its icons with inline styles. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Registers the generator: routes that are to be in the document are added in a plugin registered after it. */
export function collectRoutes(app: FastifyInstance): void {
  app.register(swagger, {
    openapi: documentHead as unknown as NonNullable<swagger.FastifyDynamicSwaggerOptions['openapi']>,
    hideUntagged: true,
    transform: ({ schema, url, route }) => ({ schema: documentedSchema(schema, route), url }),
    transformObject: (given) => {
      assertOpenApi(given)
      return finished(given.openapiObject)
    },
  })
}

export function documentRoutes(app: FastifyInstance): void {
  let text: string | undefined
  app.get(documentPath, { schema: { hide: true } }, (_request, reply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.type('application/json; charset=utf-8').send(text)
  })
  app.register(swaggerUi, {
    routePrefix: docsPath,
    staticCSP: pagePolicy,
    // The page asks for its own copy of the document by default.
    uiConfig: { docExpansion: 'list', deepLinking: true, tryItOutEnabled: false, persistAuthorization: false },
    theme: { title: 'Shardpay API' },
  })
}

function assertOpenApi(given: object): asserts given is { openapiObject: Record<string, unknown> } {
  if (!('openapiObject' in given)) throw new Error('the generator makes OpenAPI documents')
}

/** The OpenAPI document of the merchants' API as this code makes it, without anything running. */
import { documentPath } from '../../gateway/openapi.ts'
import { testEdge } from '../../gateway/testing.ts'
import type { OpenApiDocument } from '../client-types.ts'

export async function apiDocument(): Promise<OpenApiDocument> {
  const { app } = testEdge()
  try {
    const { statusCode, body } = await app.inject(documentPath)
    if (statusCode !== 200) throw new Error(`${documentPath} answered ${statusCode}`)
    return JSON.parse(body) as OpenApiDocument
  } finally {
    await app.close()
  }
}

/**
 * From bytes to a body: which content types are taken, the strict reader, and no card numbers. All before the schemas
 * look at it.
 */
import type { FastifyInstance } from 'fastify'
import { httpLimits } from '../runtime/limits.ts'
import { findCardNumber } from './card-number.ts'
import { parseJson } from '../runtime/json.ts'
import { RefusalError } from './problem.ts'

/** Spelled out, compared in lower case: no parser of media types stands between a request and its validation. */
const contentTypes: ReadonlySet<string> = new Set([
  'application/json',
  'application/json;charset=utf-8',
  'application/json; charset=utf-8',
])

export function readBody(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers
    if (contentEncoding !== undefined && contentEncoding !== 'identity') {
      done(new RefusalError({ code: 'content_encoding_unsupported' }))
    } else if (
      contentType !== undefined &&
      request.routeOptions.config.rawBody !== true &&
      !contentTypes.has(contentType.toLowerCase())
    ) {
      done(new RefusalError({ code: 'content_type_unsupported' }))
    } else {
      done()
    }
  })

  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    request.bodyBytes = bytes.length
    const result = parseJson(bytes, httpLimits)
    if (!result.ok) {
      const { code, offset, path } = result.refusal
      const where = code === 'json_invalid' ? { message: `The body is not valid JSON at character ${offset}.` } : {}
      done(new RefusalError({ code, param: path, ...where }))
      return
    }
    const path = findCardNumber(result.value)
    if (path !== undefined) done(new RefusalError({ code: 'pan_not_allowed', param: path }))
    else done(null, result.value)
  })

  app.addHook('preValidation', (request, _reply, done) => {
    const { schema, config } = request.routeOptions
    if (schema?.body === undefined || (request.body !== undefined && request.body !== null)) {
      done()
    } else if (request.bodyBytes > 0) {
      done(new RefusalError({ code: 'body_not_object' }))
    } else if (config.bodyOptional === true) {
      request.body = {}
      done()
    } else {
      done(new RefusalError({ code: 'body_empty' }))
    }
  })
}

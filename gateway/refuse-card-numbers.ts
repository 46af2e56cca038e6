/**
 * Refuses requests with a card number in their address or headers, before anything else is done with them; bodies are
 * looked at when they are read (body.ts).
 *
 * Left alone: `Authorization`, whose form is checked by itself, and the headers of tracing tools, whose ids are random
 * numbers of up to 20 digits: one request in twenty would be refused by chance. Nothing of either is kept or logged.
 */
import type { FastifyInstance } from 'fastify'
import { containsCardNumber } from './card-number.ts'
import type { EdgeCore } from './deps.ts'
import { refuse } from './respond.ts'

const leftAlone = /^authorization$|trace|span|parent-id|b3|sampl|correlation|request-id|datadog|sentry|newrelic/

export function refuseCardNumbers(app: FastifyInstance, edge: EdgeCore): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (containsCardNumber(unescaped(request.url))) {
      refuse(edge, request, reply, { code: 'pan_not_allowed', cardNumberIn: 'address' })
    } else if (hasCardNumber(request.raw.rawHeaders)) {
      refuse(edge, request, reply, { code: 'pan_not_allowed', cardNumberIn: 'header' })
    } else {
      done()
    }
  })
}

/** @param rawHeaders names and values in turn, as received. */
function hasCardNumber(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (containsCardNumber(rawHeaders[index + 1] as string) && !leftAlone.test(name.toLowerCase())) return true
    if (containsCardNumber(name)) return true
  }
  return false
}

/** With `%34` and `+` as what they stand for; what is no escape stays. */
function unescaped(url: string): string {
  return url
    .replaceAll('+', ' ')
    .replaceAll(/%([0-7][0-9a-f])/gi, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

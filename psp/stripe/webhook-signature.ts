/**
 * Stripe's signature header: `t=<unix seconds>,v1=<hex>[,v1=<hex>…][,v0=<hex>]`, one v1 for each live secret of the endpoint.
 *
 * Guarantees: authentic is only what carries a v1 that one of the secrets makes of `t`, a dot and the body as it came on the
 * wire; compared in constant time, all secrets with all signatures, and only where both have the same length. Every other
 * scheme is ignored. What is malformed, too long or out of time is refused before anything is hashed.
 *
 * A time ahead of ours is refused like one behind it, where Stripe's SDK takes any future: each delivery is signed when it is
 * sent, so an honest one is ahead by no more than the clocks differ, and a message with a far time could be replayed until then.
 *
 * Leaves to others: which secrets are live (a replaced one is live for as long as its owner lists it), the size of the body.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WebhookRefusal } from '../webhook.ts'

export type SignatureRefusal = Extract<
  WebhookRefusal,
  'signature' | 'timestamp' | 'signature_header' | 'too_many_signatures'
>

/** Stripe's own tolerance, here to both sides. */
export const toleranceSeconds = 300
/** Signatures of any scheme in one header. */
export const signaturesMax = 16
/** Room for {@link signaturesMax} signatures several times over. */
const headerLengthMax = 4096

export interface SignedMessage {
  readonly header: string | readonly string[] | undefined
  readonly body: Uint8Array
  /** Unix milliseconds. */
  readonly receivedAt: number
}

/** Why the message is not Stripe's, or undefined where it is. */
export function refusalOfSignature(message: SignedMessage, secrets: readonly string[]): SignatureRefusal | undefined {
  const header = typeof message.header === 'object' ? message.header.join() : (message.header ?? '')
  if (header === '') return 'signature'
  if (header.length > headerLengthMax) return 'signature_header'
  const parts = header.split(',').map(nameAndValue)
  if (parts.length > signaturesMax + 1) return 'too_many_signatures'
  const [timestamp, ...otherTimestamps] = valuesOf('t', parts)
  if (otherTimestamps.length > 0) return 'signature_header'
  if (timestamp === undefined || !isTimely(timestamp, message.receivedAt)) return 'timestamp'
  const signatures = valuesOf('v1', parts)
  return isSigned(timestamp, message.body, signatures, secrets) ? undefined : 'signature'
}

/** Split at the first `=`; a part without one has an empty value. */
function nameAndValue(part: string): readonly [string, string] {
  const at = part.indexOf('=')
  return at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
}

function valuesOf(wanted: string, parts: readonly (readonly [string, string])[]): string[] {
  return parts.filter(([name]) => name === wanted).map(([, value]) => value)
}

function isTimely(timestamp: string, receivedAt: number): boolean {
  if (!/^(?:0|[1-9][0-9]{0,11})$/.test(timestamp)) return false
  return Math.abs(Math.floor(receivedAt / 1000) - Number(timestamp)) <= toleranceSeconds
}

function isSigned(
  timestamp: string,
  body: Uint8Array,
  signatures: readonly string[],
  secrets: readonly string[],
): boolean {
  const given = signatures
    .filter((signature) => /^[0-9a-f]{64}$/.test(signature))
    .map((signature) => Buffer.from(signature, 'hex'))
  let signed = false
  for (const secret of secrets) {
    if (secret === '') continue // everybody can sign with it
    const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest()
    for (const signature of given) {
      const equal = timingSafeEqual(expected, signature)
      signed ||= equal
    }
  }
  return signed
}

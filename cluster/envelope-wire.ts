/**
 * Envelopes and their answers as the links carry them. What a command or an answer holds is nobody's business here: it
 * travels as JSON text within the frame.
 *
 * Why text: what it holds has members named by merchants (idempotency keys, metadata). As msgpack each such object would be
 * a record definition of its own, more than some hundred members would fit no frame, and a key `__proto__` would come out
 * renamed. JSON gives back the same members in the same order, and an answer that came over a link is rendered into the
 * same bytes as one from this process. Commands and answers hold plain values only: texts, safe integers, booleans, null,
 * arrays and objects, nothing undefined in an array.
 *
 * Times travel as what is left of them, because clocks of two processes have nothing in common.
 *
 * Wire format between builds: members are added, never changed; unknown ones are ignored. What arrives is checked, member
 * by member, before anything else sees it.
 */
import { assert } from '../runtime/assert.ts'
import { defaultLinkLimits } from './links-limits.ts'
import type { Envelope, RouteAnswer, TrafficClass } from './router.ts'

export const envelopeLimits = {
  /** Longest time that an envelope may have left; more is cut. */
  remainingMsMax: 600_000,
  kindCharactersMax: 32,
  reasonCharactersMax: 64,
  traceparentCharactersMax: 64,
  retryAfterMsMax: 3_600_000,
  /** Of what an envelope or an answer holds, as UTF-8. */
  textBytesMax: 1_900_000,
} as const

assert(
  envelopeLimits.textBytesMax + 4_096 < defaultLinkLimits.frameBytesMax,
  'what an envelope may hold fits a frame, with all that is around it',
)

export interface EnvelopeWire {
  readonly id: string
  readonly shard: number
  readonly entity: string
  readonly kind: string
  readonly class: TrafficClass
  readonly bytes: number
  /** Absent for `undefined`. */
  readonly payload?: string
  /** Until the deadline. */
  readonly remainingMs: number
  /** From the end of the wait to the deadline. */
  readonly graceMs: number
  readonly attach: boolean
  readonly traceparent?: string
}

export interface AnswerWire {
  readonly kind: 'answered' | 'unavailable'
  /** Time at the answering node, so that the rest is the hop's. */
  readonly tookMs: number
  /** Of `answered`; absent for `undefined`. */
  readonly answer?: string
  readonly certainty?: 'not_accepted' | 'acceptance_unknown'
  readonly reason?: string
  readonly retryAfterMs?: number
  readonly moved?: { readonly node: string; readonly incarnation: string; readonly epoch: number }
}

type Unavailable = Extract<RouteAnswer<never>, { kind: 'unavailable' }>

/** @throws {TypeError} where the payload is no plain value, {@link RangeError} where it is too large. */
export function encodeEnvelope(envelope: Envelope, now: number): EnvelopeWire {
  const { id, shard, entity, kind, bytes, payload, deadline, waitUntil, attach, traceparent } = envelope
  return {
    id,
    shard,
    entity,
    kind,
    class: envelope.class,
    bytes,
    ...(payload !== undefined && { payload: textOf(payload) }),
    remainingMs: Math.min(Math.max(deadline - now, 0), envelopeLimits.remainingMsMax),
    graceMs: Math.min(Math.max(deadline - waitUntil, 0), envelopeLimits.remainingMsMax),
    attach,
    ...(traceparent !== undefined && { traceparent }),
  }
}

/**
 * The envelope on this process's clock, or undefined where the body is none.
 * @param deadlineMs how long the caller still waits, as its link says: the envelope may have waited before it was sent.
 */
export function decodeEnvelope(body: unknown, deadlineMs: number, now: number): Envelope | undefined {
  if (!isObject(body)) return undefined
  const { id, shard, entity, kind, bytes, remainingMs, graceMs, attach, traceparent } = body
  const limits = envelopeLimits
  if (!isHexId(id) || !isHexId(entity) || !isCount(shard) || !isCount(bytes)) return undefined
  if (typeof kind !== 'string' || kind.length > limits.kindCharactersMax) return undefined
  if (!isTrafficClass(body['class']) || typeof attach !== 'boolean') return undefined
  if (!isDuration(remainingMs) || !isDuration(graceMs)) return undefined
  if (traceparent !== undefined && !isText(traceparent, limits.traceparentCharactersMax)) return undefined
  const payload = parsed(body['payload'])
  if (payload === unreadable) return undefined
  const deadline = now + Math.min(remainingMs, Math.max(deadlineMs, 0))
  return {
    id,
    shard,
    entity,
    kind,
    class: body['class'],
    bytes,
    payload,
    deadline,
    waitUntil: deadline - graceMs,
    attach,
    ...(traceparent !== undefined && { traceparent }),
  }
}

/** @throws {TypeError} where the answer is no plain value, {@link RangeError} where it is too large. */
export function encodeAnswer(answer: RouteAnswer<unknown>, tookMs: number): AnswerWire {
  if (answer.kind === 'answered') {
    return {
      kind: 'answered',
      tookMs,
      ...(answer.answer !== undefined && { answer: textOf(answer.answer) }),
    }
  }
  return { ...answer, tookMs }
}

export interface DecodedAnswer<Answer> {
  readonly answer: RouteAnswer<Answer>
  readonly tookMs: number
}

/** Undefined where the body is no answer. What the answer holds is as its sender made it. */
export function decodeAnswer<Answer>(body: unknown): DecodedAnswer<Answer> | undefined {
  if (!isObject(body)) return undefined
  const { kind, tookMs } = body
  if (!isDuration(tookMs)) return undefined
  if (kind === 'answered') {
    const answer = parsed(body['answer'])
    return answer === unreadable ? undefined : { answer: { kind, answer: answer as Answer }, tookMs }
  }
  if (kind !== 'unavailable') return undefined
  const answer = decodeUnavailable(body)
  return answer === undefined ? undefined : { answer, tookMs }
}

function decodeUnavailable(body: Readonly<Record<string, unknown>>): Unavailable | undefined {
  const { certainty, reason, retryAfterMs, moved } = body
  if (!isCertainty(certainty)) return undefined
  if (!isText(reason, envelopeLimits.reasonCharactersMax) || !isDuration(retryAfterMs)) return undefined
  const plain = {
    kind: 'unavailable' as const,
    certainty,
    reason,
    retryAfterMs: Math.min(retryAfterMs, envelopeLimits.retryAfterMsMax),
  }
  if (moved === undefined) return plain
  if (!isObject(moved)) return undefined
  const { node, incarnation, epoch } = moved
  if (!isText(node, 24) || !isText(incarnation, 20) || !isCount(epoch) || epoch === 0) return undefined
  return { ...plain, moved: { node, incarnation, epoch } }
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value)
  const max = envelopeLimits.textBytesMax
  if (text.length * 3 > max && Buffer.byteLength(text) > max) throw new RangeError('too large for a frame')
  return text
}

const unreadable = Symbol('unreadable')

function parsed(text: unknown): unknown {
  if (text === undefined) return undefined
  if (typeof text !== 'string') return unreadable
  try {
    return JSON.parse(text)
  } catch {
    // told apart from every value that a text can stand for
    return unreadable
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown, charactersMax: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= charactersMax
}

function isHexId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
}

function isCertainty(value: unknown): value is Unavailable['certainty'] {
  return value === 'not_accepted' || value === 'acceptance_unknown'
}

function isTrafficClass(value: unknown): value is TrafficClass {
  return value === 'begin' || value === 'settle' || value === 'read' || value === 'internal'
}

/**
 * Frames of links: everything that queued up in one turn of the event loop, as one msgpack array of messages. A message is
 * an array `[type, …]`; objects within are records whose definition stands in the same frame, so a frame can be read
 * without any that came before it, and a reconnection has nothing to reset.
 *
 * Both directions hold a frame to the same rules (frame-scan.ts): what a peer would refuse is not sent to it. A message that
 * cannot be carried is handed back, and costs its neighbours nothing.
 *
 * Wire format, permanent within a protocol version: message types and the places of their fields are never reused. Types
 * from {@link ignorableFrom} on may be sent to builds that do not know them; all others need a new protocol version.
 */
import { Packr } from 'msgpackr'
import { type ScanLimits, scanFrame } from './frame-scan.ts'

/**
 * Version 1: hello, bye, ping, pong, call, answer, failure, cancel, tell, done, redial.
 * Two processes talk only where both have the same; other changes between builds are additive.
 */
export const protocolVersion = 1

export const messageTypes = {
  hello: 0,
  bye: 1,
  ping: 2,
  pong: 3,
  call: 4,
  answer: 5,
  failure: 6,
  cancel: 7,
  tell: 8,
  done: 9,
  redial: 10,
} as const

/** A message of an unknown type from here on is skipped; below it closes the link. */
export const ignorableFrom = 64

/** Why a call was not answered. `overloaded` and `unknown`: it was given to no handler. */
export type FailureCode = 'failed' | 'unknown' | 'overloaded'

const failureCodes: readonly FailureCode[] = ['failed', 'unknown', 'overloaded']

export type Message =
  /** First in both directions, alone. */
  | readonly [typeof messageTypes.hello, body: unknown]
  /** Last: why the sender ends the link. */
  | readonly [typeof messageTypes.bye, reason: string]
  | readonly [typeof messageTypes.ping]
  | readonly [typeof messageTypes.pong]
  | readonly [typeof messageTypes.call, id: number, method: string, remainingMs: number, bytes: number, body: unknown]
  | readonly [typeof messageTypes.answer, id: number, body: unknown]
  | readonly [typeof messageTypes.failure, id: number, code: FailureCode]
  /** Nobody waits for this call's answer; the answer still comes, to give its credit back. */
  | readonly [typeof messageTypes.cancel, id: number]
  | readonly [typeof messageTypes.tell, topic: string, body: unknown]
  /** The sender makes no more calls on this link: another one replaced it. */
  | readonly [typeof messageTypes.done]
  /** The sender asks its dialler for a new connection in place of this one. */
  | readonly [typeof messageTypes.redial]

export interface FrameLimits extends ScanLimits {
  readonly frameBytesMax: number
  readonly frameBytesTarget: number
  readonly frameMessagesMax: number
}

const packr = new Packr({ useRecords: true, encodeUndefinedAsNil: false })

export interface EncodedFrames {
  readonly frames: readonly { readonly bytes: Uint8Array; readonly messages: number }[]
  /** Messages that no frame can carry. */
  readonly refused: readonly Message[]
}

/** Encodes messages in order, as few frames as the limits allow. */
export function encodeFrames(messages: readonly Message[], limits: FrameLimits): EncodedFrames {
  const frames: { bytes: Uint8Array; messages: number }[] = []
  const refused: Message[] = []
  const encode = (part: readonly Message[]): void => {
    const bytes = packed(part, limits)
    const sizeMax = part.length === 1 ? limits.frameBytesMax : limits.frameBytesTarget
    if (bytes !== undefined && bytes.length <= sizeMax) frames.push({ bytes, messages: part.length })
    else if (part.length === 1) refused.push(...part)
    else {
      const middle = part.length >> 1
      encode(part.slice(0, middle))
      encode(part.slice(middle))
    }
  }
  for (let from = 0; from < messages.length; from += limits.frameMessagesMax) {
    encode(messages.length <= limits.frameMessagesMax ? messages : messages.slice(from, from + limits.frameMessagesMax))
  }
  return { frames, refused }
}

/** The frame's bytes, or undefined where it cannot be packed or the peer would refuse it. */
function packed(messages: readonly Message[], limits: FrameLimits): Uint8Array | undefined {
  let bytes: Uint8Array
  try {
    bytes = packr.pack(messages)
  } catch {
    // a symbol, an integer of more than 64 bits, a circle: found by halving, and reported for that message alone
    return undefined
  }
  return scanFrame(bytes, limits) === undefined ? bytes : undefined
}

export type FrameProblem = 'too_large' | 'too_deep' | 'too_many_values' | 'malformed' | 'unknown_message'

export type DecodedFrame =
  | { readonly kind: 'frame'; readonly messages: readonly Message[]; readonly ignored: number }
  | { readonly kind: 'refused'; readonly problem: FrameProblem }

/** Never throws, whatever the bytes. */
export function decodeFrame(bytes: Uint8Array, limits: FrameLimits): DecodedFrame {
  if (bytes.length > limits.frameBytesMax) return refuse('too_large')
  const problem = scanFrame(bytes, limits)
  if (problem !== undefined) return refuse(problem)
  let frame: unknown
  try {
    frame = packr.unpack(bytes)
  } catch {
    return refuse('malformed')
  }
  if (!Array.isArray(frame) || frame.length === 0 || frame.length > limits.frameMessagesMax) return refuse('malformed')
  const messages: Message[] = []
  for (const each of frame as readonly unknown[]) {
    const kind = kindOf(each)
    if (kind === 'known') messages.push(each as Message)
    else if (kind !== 'ignorable') return refuse(kind)
  }
  return { kind: 'frame', messages, ignored: frame.length - messages.length }
}

function refuse(problem: FrameProblem): DecodedFrame {
  return { kind: 'refused', problem }
}

const nameCharactersMax = 64

function kindOf(message: unknown): 'known' | 'ignorable' | 'malformed' | 'unknown_message' {
  if (!Array.isArray(message)) return 'malformed'
  const [type, first, second, third, fourth] = message as readonly unknown[]
  const fits = (condition: boolean): 'known' | 'malformed' => (condition ? 'known' : 'malformed')
  switch (type) {
    case messageTypes.hello:
      return fits(message.length >= 2)
    case messageTypes.bye:
      return fits(isName(first))
    case messageTypes.ping:
    case messageTypes.pong:
    case messageTypes.done:
    case messageTypes.redial:
      return 'known'
    case messageTypes.call:
      return fits(message.length >= 6 && isId(first) && isName(second) && isCount(third) && isCount(fourth))
    case messageTypes.answer:
      return fits(message.length >= 3 && isId(first))
    case messageTypes.failure:
      return fits(isId(first) && failureCodes.includes(second as FailureCode))
    case messageTypes.cancel:
      return fits(isId(first))
    case messageTypes.tell:
      return fits(message.length >= 3 && isName(first))
    default:
      if (!isCount(type)) return 'malformed'
      return type >= ignorableFrom ? 'ignorable' : 'unknown_message'
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= nameCharactersMax
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isId(value: unknown): value is number {
  return isCount(value) && value > 0
}

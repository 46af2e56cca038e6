/** Limits of links between processes, each named once, and how they relate. */
import { assert } from '../runtime/assert.ts'

export interface LinkLimits {
  /** Beyond it a frame closes its link; both ends of a cluster have the same. */
  readonly frameBytesMax: number
  /** What queued up in a turn leaves as several frames above this. */
  readonly frameBytesTarget: number
  /** Messages of one frame; what is beyond goes into the next. */
  readonly frameMessagesMax: number
  /** Nesting of arrays, maps and records in a frame, the frame itself counted. */
  readonly frameDepthMax: number
  /** Values of a frame, elements and members counted: a byte can stand for an object of fifty. */
  readonly frameValuesMax: number
  /** Members of one record. */
  readonly recordFieldsMax: number
  /** Calls that this process takes from one peer at once; told in the hello. */
  readonly callsMax: number
  /** Bytes of those calls; a single larger one is taken alone. */
  readonly callBytesMax: number
  /** Calls that wait for credit or for room in the pipe; beyond it: `link_overloaded`. */
  readonly queuedCallsMax: number
  readonly queuedBytesMax: number
  /** Answers and messages that wait for room in the pipe; beyond it the link ends. */
  readonly outboxMax: number
  /** Above it nothing more is handed to the pipe until it has drained. */
  readonly pipeHighBytes: number
  /** From a connected pipe to the peer's hello. */
  readonly helloTimeoutMs: number
  /** How often silence is looked at. A peer from which nothing came in this time is pinged. */
  readonly tickMs: number
  /** Looks in a row at which nothing had come; then the link is `silent`. */
  readonly silentTicks: number
  /** A handler that has not settled this long after its caller's deadline is not waited for any more. */
  readonly answerGraceMs: number
  /** How long a link that another one replaced waits for the answers to its calls. */
  readonly retireMs: number
  readonly reconnectMsMin: number
  readonly reconnectMsMax: number
  /** A link that lived this long is dialled again at once when it ends, others after a pause. */
  readonly stableMs: number
  /** Peers that are dialled, and peers that may have dialled us. */
  readonly peersMax: number
}

export const defaultLinkLimits: LinkLimits = {
  frameBytesMax: 2 * 1024 * 1024,
  frameBytesTarget: 128 * 1024,
  frameMessagesMax: 512,
  frameDepthMax: 40,
  frameValuesMax: 256 * 1024,
  recordFieldsMax: 256,
  callsMax: 4_096,
  callBytesMax: 32 * 1024 * 1024,
  queuedCallsMax: 2_048,
  queuedBytesMax: 16 * 1024 * 1024,
  outboxMax: 16_384,
  pipeHighBytes: 1024 * 1024,
  helloTimeoutMs: 2_000,
  tickMs: 500,
  silentTicks: 6,
  answerGraceMs: 5_000,
  retireMs: 30_000,
  reconnectMsMin: 50,
  reconnectMsMax: 2_000,
  stableMs: 1_000,
  peersMax: 1_024,
}

export function linkLimits(changes: Partial<LinkLimits> = {}): LinkLimits {
  const limits = { ...defaultLinkLimits, ...changes }
  for (const [name, value] of Object.entries(limits)) {
    assert(Number.isSafeInteger(value) && value > 0, 'a limit is a whole number above zero', { name, value })
  }
  assert(limits.frameBytesTarget <= limits.frameBytesMax, 'a frame of the usual size is allowed')
  assert(limits.callBytesMax >= limits.frameBytesMax, 'a call that fits a frame can be taken')
  assert(limits.outboxMax >= 2 * limits.callsMax, 'the answers to all calls that a peer may make fit')
  assert(limits.silentTicks >= 3, 'a silent peer was pinged, and had time to answer')
  assert(limits.reconnectMsMin < limits.reconnectMsMax, 'pauses between dials grow')
  assert(limits.frameDepthMax >= 8, 'a frame has room for bodies')
  return limits
}

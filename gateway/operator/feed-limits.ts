/** Every limit of the feed, and how they relate. */
import { assert } from '../../runtime/assert.ts'

export const feedLimits = {
  everyMs: 1_000,
  clientsMax: 64,
  /** A message from a client. */
  payloadBytesMax: 64 * 1024,
  messagesPerSecondMax: 10,
  strikesMax: 3,
  /** Unread bytes beyond which a client is told nothing more until it has read. */
  coalesceBytes: 128 * 1024,
  /** Unread bytes beyond which it is dropped, and how long it may stay behind. */
  bufferedBytesMax: 1024 * 1024,
  behindMs: 15_000,
  /** A client that has answered no ping for this long is gone. */
  silentMs: 45_000,
  pingEveryMs: 15_000,
  /** A session, however long its token works. */
  sessionMs: 8 * 60 * 60 * 1_000,
} as const

assert(feedLimits.coalesceBytes < feedLimits.bufferedBytesMax, 'a slow client is spared before it is dropped')
assert(feedLimits.pingEveryMs * 2 < feedLimits.silentMs, 'a lost ping is no silence')

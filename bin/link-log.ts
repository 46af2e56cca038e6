/**
 * What links say in the log, beside what another observer counts: who cannot be talked to, and why. A dialler repeats itself every second or two, so each peer's
 * trouble is said once, until it is another or the link is up. At most one line per peer is remembered; peers are bounded by
 * the links themselves.
 */
import type { LinksObserver } from '../cluster/links-observer.ts'
import type { Incarnation } from '../cluster/member.ts'
import type { Log } from '../runtime/log.ts'

/** Longer ones are not of ours. */
const reasonMax = 64
const peersMax = 1_024

export interface LinkLog {
  readonly observer: LinksObserver
  up(peer: Incarnation): void
}

/** @param next hears everything as well. */
export function createLinkLog(log: Log, next: LinksObserver = {}): LinkLog {
  const said = new Map<string, string>()
  const once = (peer: Incarnation | undefined, what: string, say: (name: string) => void): void => {
    const name = peer?.node ?? 'unknown'
    if (said.get(name) === what) return
    if (said.size >= peersMax) said.clear()
    said.set(name, what)
    say(name)
  }
  return {
    observer: {
      ...next,
      refused(reason, from) {
        next.refused?.(reason, from)
        once(from, `refused ${reason}`, (peer) => log.warn({ peer, reason }, 'a peer was refused a link'))
      },
      refusedBy(text, by) {
        next.refusedBy?.(text, by)
        const reason = text.slice(0, reasonMax)
        once(by, `refused by ${reason}`, (peer) => log.warn({ peer, reason }, 'a peer refused a link'))
      },
      dialFailed(to, error) {
        next.dialFailed?.(to, error)
        once(to, 'dial', (peer) => log.warn({ peer, error }, 'a peer cannot be reached'))
      },
      malformed(reason, from) {
        next.malformed?.(reason, from)
        once(from, `malformed ${reason}`, (peer) => log.warn({ peer, reason }, 'a frame broke the rules'))
      },
    },
    up: ({ node }) => void said.delete(node),
  }
}

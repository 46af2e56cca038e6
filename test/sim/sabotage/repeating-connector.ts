/**
 * A connector that repeats a send by itself, and takes the repeat's refused connection for proof that nothing was sent:
 * the first one may have been processed.
 */
import type { Connector } from '../../../psp/connector.ts'

export function notSentOnRepeat(connector: Connector): Connector {
  return {
    profile: connector.profile,
    async send(call, options) {
      const outcome = await connector.send(call, options)
      return outcome.kind === 'unknown' ? { kind: 'not_sent', reason: 'connect_refused' } : outcome
    },
    inquire: (call, options) => connector.inquire(call, options),
    close: () => connector.close(),
  }
}

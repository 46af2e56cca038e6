/**
 * How long anything waits for a PSP of test mode, where `SHARDPAY_TEST_MODE_PATIENCE_MS` says so: an answer, the next inquiry,
 * the word on what was accepted, the end of the quiet period. What takes two weeks runs out in minutes then, so that it can be
 * watched. It goes into the journal with each operation that is planned, and means nothing for those planned before.
 *
 * Live connections never see it: `absent` would be believed before a real PSP can have finished. How long the PSP holds a
 * key is the PSP's matter, and stays as it is.
 */
import type { ConnectionProfile } from '../../domain/payment/operations.ts'
import type { Connector } from '../../psp/connector.ts'

export function withPatience(connector: Connector, patienceMs: number): Connector {
  const { profile } = connector
  const shortened: ConnectionProfile = {
    ...profile,
    sendWithinMs: Math.min(profile.sendWithinMs, patienceMs),
    quietPeriodMs: Math.min(profile.quietPeriodMs, patienceMs),
    acceptedWithinMs: Math.min(profile.acceptedWithinMs, patienceMs),
    inquiryPauseMsMax: patienceMs,
  }
  return { ...connector, profile: shortened }
}

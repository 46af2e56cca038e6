/**
 * Journaled events and states as operators see them. What is shown is a list of names, not a list of what is hidden: a
 * member that nobody has thought of stays inside, its name in sight. Personal data and payment-method tokens are not even decoded;
 * what merchants and shoppers wrote (references, metadata, addresses), keys and hashes are left out here.
 */

export const redacted = '[redacted]'

const shown: ReadonlySet<string> = new Set(
  // what it is about
  (
    'type id payment merchant mode operation operationId attemptId captureId attempts captures voids refunds disputes disputeId kind status lifecycle ' +
    // amounts
    'amountMinor authorizedMinor releasedMinor reversedMinor grossMinor feeMinor netMinor currency currencies amountMinorMin amountMinorMax methods weight ' +
    // how it is done
    'captureMethod cause final step returns routing connection psp rule terms requestVersion merchantVersion apiVersion requestId request routes ' +
    'sendWithin repeatWithin quiet acceptWithin askWithin plannedAt plannedEpoch notAfter repeatUntil quietUntil repeatedUntil acceptedWithinMs inquiryPauseMsMax ' +
    'captureBefore captureRetryAt actionBy confirmBy cancelRequestedAt pause requests acceptedAt concludedSeq ' +
    // what became of it
    'decline class code pspCode failure reason doubt since inquiries nextInquiryAt repeatIsUseless overdue proposal compensation proposedAt remindedAt evidence approved acceptedUntil endedAt unwanted ' +
    'reversed review settlement lines lineType batch stage dispute fundsWithdrawn evidenceBy fact factId lineKey pspReference ' +
    'authorizationReference captureReference createdAt updatedAt seq epoch ' +
    // what PSPs pushed
    'notice references digest occurredAt receivedAt tries ' +
    // merchants, and what operators do
    'name rateTier limits values max_amount hourly_amount hourly_count daily_amount daily_count clear keys key keyId prefix scopes operator approver role subject parameters outcome day secretSetting ' +
    'webhookSecretSetting webhookLoginSetting merchantAccount url multicapture settings ' +
    'to from node on shard'
  ).split(' '),
)

/** Under these names a text is the merchant's own, and an object is not. */
const hiddenTexts: ReadonlySet<string> = new Set(['key'])

export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redactMember(name, member)]))
}

function redactMember(name: string, member: unknown): unknown {
  if (member === undefined) return undefined
  if (!shown.has(name)) return redacted
  return hiddenTexts.has(name) && typeof member === 'string' ? redacted : redact(member)
}

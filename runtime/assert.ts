/**
 * Assertions for broken invariants. An expected refusal is a value, never an assertion.
 * A failed assertion stops the actor that made it; its host rebuilds it from the journal.
 */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
  readonly code = 'assertion_failed'
  readonly details: Readonly<Record<string, unknown>>

  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(Object.keys(details).length === 0 ? message : `${message} (${JSON.stringify(details)})`)
    this.details = details
  }
}

/** Throws {@link AssertionFailure} unless `condition` holds. `details` must carry no personal or card data. */
export function assert(
  condition: unknown,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new AssertionFailure(message, details)
}

/** Closes a `switch` over a union: a new member stops the build at every place that must learn it. */
export function unreachable(value: never): never {
  throw new AssertionFailure('unreachable', { value })
}

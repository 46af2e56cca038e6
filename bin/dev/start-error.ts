/**
 * A start that cannot go on, told in one line: what failed, the fix, and where it is explained. Further lines may follow:
 * what a process said before it died.
 */
export const startErrorCodes = [
  'port_in_use',
  'already_running',
  'configuration_invalid',
  'postgres_failed',
  'migration_failed',
  'process_failed',
] as const
export type StartErrorCode = (typeof startErrorCodes)[number]

export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: StartErrorCode

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** What people see. */
  get text(): string {
    const [first, ...further] = this.message.split('\n')
    return [`${first} (docs/errors.md#${this.code.replaceAll('_', '-')})`, ...further].join('\n')
  }
}

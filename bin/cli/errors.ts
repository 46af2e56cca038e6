/** Why a command ends otherwise than well: what failed, why, the fix; and the exit code, which is permanent. */

export const exitCodes = {
  ok: 0,
  /** It was tried and did not come to a good end, or a check found something. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Nobody answers at the address. */
  unreachable: 3,
  /** The cluster refused: token, role, or what was asked for. */
  refused: 4,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  /** What to do about it. */
  readonly fix: string | undefined
  /** Code of docs/errors.md, where the API said one. */
  readonly code: string | undefined

  constructor(
    exitCode: ExitCode,
    message: string,
    more: { readonly fix?: string; readonly code?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.exitCode = exitCode
    this.fix = more.fix
    this.code = more.code
  }
}

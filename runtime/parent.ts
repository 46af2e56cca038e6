/**
 * A supervised process does not outlive its supervisor, however that one ended.
 *
 * The supervisor starts a child with `SHARDPAY_SUPERVISED=1` and a pipe as its stdin, and never writes to it. The
 * operating system closes the pipe when the supervisor is gone, also after kill -9; the child reads the end and exits at
 * once, so that no orphan keeps a port or a lease. It does not drain: whoever wants that sends SIGTERM first.
 */
import type { Readable } from 'node:stream'

export const supervisedVariable = 'SHARDPAY_SUPERVISED'

/** Exit code of a process whose supervisor was gone. */
export const orphanExitCode = 86

export interface ParentOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly stdin?: Readable & { unref?(): unknown }
  /** Ends this process. */
  readonly exit?: (code: number) => void
}

/** Call once, early in `main`. Does nothing where no supervisor is announced. Keeps the process alive for nothing. */
export function exitWithParent(options: ParentOptions = {}): void {
  const environment = options.environment ?? process.env
  if (environment[supervisedVariable] !== '1') return
  const stdin = options.stdin ?? process.stdin
  const exit = options.exit ?? ((code) => process.exit(code))
  let gone = false
  const leave = (): void => {
    if (gone) return
    gone = true
    exit(orphanExitCode)
  }
  stdin.once('end', leave)
  stdin.once('close', leave)
  stdin.once('error', leave)
  stdin.resume()
  stdin.unref?.()
}

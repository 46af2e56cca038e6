/**
 * Secrets of PSP connections, read from the files that settings name. A file may hold several, one per line, while they are
 * rotated; it is read again when it changes, without a restart.
 */
import { readFileSync } from 'node:fs'
import type { Environment } from '../../runtime/config.ts'

/** A secret that cannot be had. The message names the setting and the cause, never a value. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable'
  readonly code = 'psp_secret_unreadable'
  readonly canRetry = true
}

const linesMax = 16
const bytesMax = 64 * 1024

/** @throws {SecretUnreadable} where the setting is not set, or its file holds no secret. */
export function readSecrets(setting: string, environment: Environment): readonly string[] {
  const path = environment[setting] ?? ''
  if (path === '') throw new SecretUnreadable(`${setting} is not set`)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new SecretUnreadable(`${setting} names a file that cannot be read (${code})`)
  }
  if (text.length > bytesMax) throw new SecretUnreadable(`${setting} names a file that is too long`)
  const secrets = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (secrets.length === 0) throw new SecretUnreadable(`${setting} names a file without a secret`)
  if (secrets.length > linesMax) throw new SecretUnreadable(`${setting} names a file of more than ${linesMax} lines`)
  return secrets
}

/** Where one is needed. @throws {SecretUnreadable} where there are several. */
export function readSecret(setting: string, environment: Environment): string {
  const [secret, second] = readSecrets(setting, environment)
  if (secret === undefined || second !== undefined) {
    throw new SecretUnreadable(`${setting} names a file of several lines, and only one secret can be used`)
  }
  return secret
}

/**
 * Where the operators' API is and with which token: flags first, then the environment, then what a running `npm start` has
 * written, in which each role has a token. A token is never an argument: command lines are seen by every user of a machine.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommonOptions, Surroundings } from './context.ts'
import { CliError, exitCodes } from './errors.ts'

export interface Connection {
  readonly url: string
  readonly token: string
  /** They are those of a clone's own `npm start`. */
  readonly isDevelopment: boolean
}

interface DevFile {
  readonly urls?: { readonly operator?: string }
  readonly operator_tokens?: readonly { readonly role: string; readonly token: string }[]
  readonly database_url?: string
}

export function connectionOf(
  { env, directory }: Pick<Surroundings, 'env' | 'directory'>,
  options: CommonOptions,
  role: 'operator' | 'approver' = 'operator',
): Connection {
  const url = options.url ?? env['SHARDPAY_OPERATOR_URL']
  const tokenFile = options.tokenFile ?? env['SHARDPAY_OPERATOR_TOKEN_FILE']
  // Half of one and half of the other would send a token to where it does not belong.
  if ((url === undefined) !== (tokenFile === undefined)) {
    const [has, lacks] = url === undefined ? ['a token file', 'a URL'] : ['a URL', 'a token file']
    throw new CliError(exitCodes.usage, `there is ${has} and no ${lacks.slice(2)}`, {
      fix: 'give both --url and --token-file, or SHARDPAY_OPERATOR_URL and SHARDPAY_OPERATOR_TOKEN_FILE',
    })
  }
  if (url !== undefined && tokenFile !== undefined) {
    return { url: httpUrl(url), token: readToken(tokenFile), isDevelopment: false }
  }
  const dev = readDevFile(env, directory)
  const operator = dev?.operator_tokens?.find((each) => each.role === role)
  if (dev?.urls?.operator === undefined || operator === undefined) {
    throw new CliError(
      exitCodes.unreachable,
      `no cluster runs here: ${devFilePath(env, directory)} has no ${role}’s URL and token`,
      {
        fix: 'run npm start, or name another cluster with --url and --token-file',
      },
    )
  }
  return { url: httpUrl(dev.urls.operator), token: operator.token, isDevelopment: true }
}

export function devFilePath(env: Surroundings['env'], directory: string): string {
  return join(env['SHARDPAY_DIRECTORY'] ?? join(directory, '.shardpay'), 'dev.json')
}

/** Undefined where there is none. */
export function readDevFile(env: Surroundings['env'], directory: string): DevFile | undefined {
  const path = devFilePath(env, directory)
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DevFile
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CliError(exitCodes.failed, `${path} cannot be read`, { fix: 'stop npm start and start it again', cause })
  }
}

function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new CliError(exitCodes.usage, `the token file ${path} cannot be read (${code})`, {
      fix: 'name a file with one operator token in it',
      cause,
    })
  }
  if (/^[\x21-\x7e]+$/.test(text)) return text
  throw new CliError(exitCodes.usage, `the token file ${path} does not hold one token`, {
    fix: 'put the token alone into it, on one line',
  })
}

function httpUrl(url: string): string {
  if (/^https?:\/\/[^/@\s]+\/?$/.test(url)) return url.replace(/\/$/, '')
  throw new CliError(exitCodes.usage, 'the URL is not one of the operators’ API', {
    fix: 'give an address such as http://127.0.0.1:8081, without path and credentials',
  })
}

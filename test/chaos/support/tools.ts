/**
 * What the faults need of this machine: root, and programs of the operating system. Where something is missing the tests
 * that need it are skipped and say so in their title; with CI=true that is a failure, because there somebody relies on it.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const faketimeLibrary = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

/** Runs a program of the operating system. @throws with what it wrote to standard error. */
export async function tool(program: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { maxBuffer: 16 * 1024 * 1024 })).stdout
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    throw new Error(`${program} ${args.join(' ')} failed: ${stderr.trim()}`, { cause: error })
  }
}

export type Need = 'network namespaces' | 'tmpfs' | 'strace' | 'faketime'

/** Why this machine cannot do it; undefined where it can. @throws in CI instead of giving a reason. */
export function hindrance(...needs: readonly Need[]): string | undefined {
  const reason = needs.map(missing).find((each) => each !== undefined)
  if (reason !== undefined && process.env['CI'] === 'true') throw new Error(`chaos tests cannot run here: ${reason}`)
  return reason
}

/** For titles: ` (skipped: needs root)`, or nothing. */
export function whySkipped(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`
}

function missing(need: Need): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0 && need !== 'faketime') return 'needs root'
  switch (need) {
    case 'network namespaces':
      return missingProgram('ip', 'iproute2') ?? missingProgram('nft', 'nftables')
    case 'strace':
      return missingProgram('strace', 'strace')
    case 'faketime':
      return existsSync(faketimeLibrary) ? undefined : 'needs the package faketime'
    case 'tmpfs':
      return missingProgram('mount', 'mount')
  }
}

function missingProgram(program: string, debianPackage: string): string | undefined {
  const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return folders.some((folder) => existsSync(`${folder}/${program}`)) ? undefined : `needs the package ${debianPackage}`
}

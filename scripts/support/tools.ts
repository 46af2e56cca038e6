/**
 * Runs the tools that are installed beside the project, each with the Node that runs this script, from the project's
 * root. Nothing here reads PATH, so that a tool is the one of the lock file wherever the script is called from.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

export interface ToolRun {
  /** Exit code; 128 + n where a signal ended it. */
  readonly code: number
  /** Both streams, in the order they came; empty where they were shown at once. */
  readonly output: string
  readonly tookMs: number
}

export interface ToolOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Let the tool write to this terminal instead of keeping what it says. */
  readonly show?: boolean
}

/** The script of a package's command, as its `bin` says. */
export function commandOf(packageName: string, command = packageName): string {
  const directory = join(projectRoot, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>
  }
  const path = typeof bin === 'string' ? bin : bin[command]
  if (path === undefined) throw new Error(`${packageName} has no command ${command}`)
  return join(directory, path)
}

/** Tools see a pipe where a person may see a terminal. Never both variables: Node warns of that. */
function colours(): NodeJS.ProcessEnv {
  const wanted = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
  return wanted ? { FORCE_COLOR: '1', NO_COLOR: undefined } : { FORCE_COLOR: undefined, NO_COLOR: '1' }
}

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

/** Runs a script with Node and waits for its end. Rejects only where it cannot be started. */
export function runNode(args: readonly string[], options: ToolOptions = {}): Promise<ToolRun> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], {
      cwd: projectRoot,
      env: { ...process.env, ...colours(), ...options.environment },
      stdio: options.show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    })
    const chunks: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve({
        code: code ?? 128 + (signalNumbers[signal ?? ''] ?? 0),
        output: Buffer.concat(chunks).toString('utf8'),
        tookMs: performance.now() - started,
      })
    })
  })
}

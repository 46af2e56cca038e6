/** `shardpay`: the operators' command line (docs/cli.md). */
import { systemClock } from '../runtime/clock.ts'
import { runCli } from './cli/program.ts'

// Whoever reads has seen enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  directory: process.cwd(),
  clock: systemClock,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY && process.env['CI'] === undefined,
})

/** The simulated PSP beside the system under measurement, as `npm start` runs it, its book in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Program, startProgram } from '../../bin/dev/program.ts'

const simulatorFile = fileURLToPath(new URL('../../psp/simulator/main.ts', import.meta.url))

export interface BenchSimulator {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export async function startBenchSimulator(): Promise<BenchSimulator> {
  const book = await mkdtemp(join(tmpdir(), 'shardpay-bench-simulator-'))
  const program: Program = await startProgram({
    name: 'the simulator',
    file: simulatorFile,
    args: ['--port', '0', '--book', book],
    show: (line) => console.error(line),
  })
  return {
    url: String(program.ready['url']),
    pid: program.pid,
    async stop() {
      await program.stop(5_000)
      await rm(book, { recursive: true })
    },
  }
}

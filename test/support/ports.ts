/**
 * Ports for processes that are told theirs before they listen, and keep them over restarts. They lie below the range that
 * kernels hand out themselves, to `listen(0)` and to outgoing connections: nobody is given one between the choice and the
 * use, or while its process is being started again. Each test process has a block of its own.
 */
import { createServer } from 'node:net'

const first = 20_000
const blocks = 200
const blockSize = 60
let next = 0

/** A port of the loopback that nobody listens on, not given before by this process unless its block was used up. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < blockSize; tries += 1) {
    const port = first + (process.pid % blocks) * blockSize + (next % blockSize)
    next += 1
    if (await isFree(port)) return port
  }
  throw new Error(`no free port in this process's block of ${blockSize}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

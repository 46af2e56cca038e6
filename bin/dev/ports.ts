import { createServer } from 'node:net'
import { StartError } from './start-error.ts'

export const host = '127.0.0.1'

export function portInUse(port: number, variable: string): StartError {
  return new StartError('port_in_use', `port ${port} is in use: set ${variable}`)
}

/**
 * Says before anything is started that a port cannot be had, naming the variable that changes it. Port 0, any free one,
 * is always fine. Another process may still take the port in between; then the one that wanted it says so.
 */
export function assertPortFree(port: number, variable: string): Promise<void> {
  if (port === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(portInUse(port, variable))
      else if (error.code === 'EACCES') {
        reject(new StartError('port_in_use', `port ${port} may not be opened by this user: set ${variable}`))
      } else reject(error)
    })
    server.listen(port, host, () => server.close(() => resolve()))
  })
}

/** The port, or where it is 0 a free one: for what others have to know before it listens. */
export function portOrFree(port: number): Promise<number> {
  if (port !== 0) return Promise.resolve(port)
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('a server that listens has a port'))
        else resolve(address.port)
      })
    })
  })
}

/**
 * Makes a running Node process do something that no input of it would: stand still in a loop, use up its memory. Through V8's
 * inspector, so the program needs no hook for it; the process has to be started with `NODE_OPTIONS` from here.
 */
import { WebSocket } from 'ws'

/** Environment under which a process listens for its inspector at this port. `host`: of the process. */
export function inspectable(host: string, port: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--inspect=${host}:${port} --inspect-publish-uid=http` }
}

/** Nothing of the process runs for that long: no timer, no socket, no renewal. Resolves when the loop has begun, not ended. */
export async function blockLoop(host: string, port: number, ms: number): Promise<void> {
  await evaluate(host, port, `{ const end = performance.now() + ${ms}; while (performance.now() < end); }`)
}

/** Grows the heap until the process dies of it. */
export async function exhaustHeap(host: string, port: number): Promise<void> {
  await evaluate(host, port, 'globalThis.held = []; for (;;) globalThis.held.push(new Array(100_000).fill({ x: 1 }))')
}

/** Resolves when the expression has begun: it may never end. */
async function evaluate(host: string, port: number, expression: string): Promise<void> {
  const list = await fetch(`http://${host}:${port}/json/list`)
  const [target] = (await list.json()) as readonly { readonly webSocketDebuggerUrl: string }[]
  if (target === undefined) throw new Error('the process has no inspector')
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  const begun = new Promise<void>((resolve, reject) => {
    // told by the inspector's own thread, so also where the process's does nothing else any more
    socket.on('message', (data: Buffer) => {
      const { method } = JSON.parse(data.toString()) as { method?: string }
      if (method === 'Runtime.bindingCalled') resolve()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the process ended before it began')))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  const send = (id: number, method: string, params: object): void => socket.send(JSON.stringify({ id, method, params }))
  send(1, 'Runtime.enable', {})
  send(2, 'Runtime.addBinding', { name: 'toldToBegin' })
  send(3, 'Runtime.evaluate', { expression: `toldToBegin(''); ${expression}` })
  await begun
  // a process that dies of it resets the connection
  socket.on('error', () => undefined)
  socket.terminate()
}

/** An HTTP proxy before a simulated PSP that may change what is answered, or answer by itself: broken proxies, and liars. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ProxiedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What is answered. `forward` asks the PSP, which need not happen. */
export type Answering = (forward: () => Promise<ProxiedAnswer>) => Promise<ProxiedAnswer>

export interface AnswerProxy {
  readonly url: string
  /** From now on; undefined: everything is passed on. */
  answering: Answering | undefined
  close(): Promise<void>
}

export async function startAnswerProxy(target: string): Promise<AnswerProxy> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const forward = (): Promise<ProxiedAnswer> => pass(target, request, Buffer.concat(chunks))
    const { status, headers, body } = await (proxy.answering ?? ((next) => next()))(forward)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

  const proxy: AnswerProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answering: undefined,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return proxy
}

const passedOn = ['authorization', 'x-api-key', 'content-type', 'idempotency-key', 'stripe-version']

async function pass(
  target: string,
  { method = 'GET', url = '/', headers }: IncomingMessage,
  body: Buffer,
): Promise<ProxiedAnswer> {
  const given = passedOn.flatMap((name): [string, string][] => {
    const value = headers[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  const answer = await fetch(target + url, {
    method,
    headers: given,
    ...(method === 'GET' ? {} : { body: body.toString('utf8') }),
  })
  const transient = answer.headers.get('transient-error')
  return {
    status: answer.status,
    headers: transient === null ? {} : { 'transient-error': transient },
    body: await answer.text(),
  }
}

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { pushAll, requestBytes } from './psp-pushing.ts'

async function serverThat(answer: (body: string) => number | 'ends'): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const status = answer(body)
      if (status === 'ends') request.socket.destroy()
      else response.writeHead(status, { 'content-length': 2 }).end('ok')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/here`
}

function requestsOf(url: string, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => requestBytes(url, { headers: {}, body: `é${index}` }))
}

test('every request is sent once, and every answer counted', async () => {
  const bodies: string[] = []
  const url = await serverThat((body) => (bodies.push(body) % 10 === 0 ? 503 : 200))
  const { statuses, p50, p999 } = await pushAll(url, requestsOf(url, 100), 4)
  expect(new Set(bodies)).toEqual(new Set(Array.from({ length: 100 }, (_, index) => `é${index}`)))
  expect(bodies).toHaveLength(100)
  expect(Object.fromEntries(statuses)).toEqual({ 200: 90, 503: 10 })
  expect(p999).toBeGreaterThanOrEqual(p50)
})

test('a connection that ends without an answer fails the load', async () => {
  const url = await serverThat(() => 'ends')
  await expect(pushAll(url, requestsOf(url, 1), 1)).rejects.toThrow('before its answer')
})

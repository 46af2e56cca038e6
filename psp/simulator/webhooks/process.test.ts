/** A simulator killed while its webhooks are under way. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { cleanUp, testDirectory } from '../../../test/support/simulator.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

async function spawnSimulator(directory: string, webhooks: object): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [main, '--book', directory, '--webhooks', JSON.stringify(webhooks)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cleanUp(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, url: (JSON.parse(line) as { url: string }).url }
}

describe('as a process', () => {
  it('delivers every event after kill -9, each at least once and the same', async () => {
    const bodies = new Map<string, Set<string>>()
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const { id } = JSON.parse(body) as { id: string }
        const seen = bodies.get(id) ?? new Set()
        bodies.set(id, seen.add(body))
        response.writeHead(200).end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanUp(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const endpoints = [{ psp: 'stripe', url, secrets: ['whsec_a'] }]
    const directory = await testDirectory()
    const rules = [{ action: 'delay', delay_ms: { kind: 'uniform', min: 0, max: 400 } }]
    const before = await spawnSimulator(directory, { endpoints, rules })
    const pay = (): Promise<Response> =>
      fetch(`${before.url}/v1/payment_intents`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk_test_x', 'content-type': 'application/x-www-form-urlencoded' },
        body: 'amount=5&currency=usd&confirm=true&capture_method=automatic&payment_method=pm_card_visa&return_url=https%3A%2F%2Fa.example',
      })
    for (let index = 0; index < 20; index += 1) await pay()
    before.child.kill('SIGKILL')
    await once(before.child, 'exit')
    expect(bodies.size).toBeLessThan(60)

    const after = await spawnSimulator(directory, { endpoints })
    const flushed = await fetch(`${after.url}/_admin/webhooks/flush`, { method: 'POST' })
    expect(flushed.status).toBe(200)
    expect(bodies.size).toBe(60)
    for (const copies of bodies.values()) expect(copies.size).toBe(1)
  })

  it.each([
    ['{"endpoints": 1}', '/endpoints'],
    ['{"endpoints": [{"psp": "stripe", "url": "http://a.example/", "secrets": ["whsec_a"], "x": 1}]}', '/endpoints/0'],
    ['/nowhere/webhooks.json', 'ENOENT'],
    ['{', 'not JSON'],
  ])('says what is wrong with the webhooks it is given (%s), and no secret', async (webhooks, named) => {
    const child = spawn(process.execPath, [main, '--book', await testDirectory(), '--webhooks', webhooks], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString()
    })
    expect(await once(child, 'close')).toEqual([2, null])
    expect(errors).toContain('--webhooks: ')
    expect(errors).toContain(named)
    expect(errors).not.toContain('whsec')
  })
})

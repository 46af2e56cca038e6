import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { assertPortFree, host } from './ports.ts'
import { StartError } from './start-error.ts'

test('a busy port is named with the variable that changes it, and with its explanation', async () => {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const error = await assertPortFree(port, 'SHARDPAY_MERCHANT_PORT').catch((caught: unknown) => caught)
  server.close()
  expect(error).toBeInstanceOf(StartError)
  expect((error as StartError).text).toBe(
    `port ${port} is in use: set SHARDPAY_MERCHANT_PORT (docs/errors.md#port-in-use)`,
  )
})

test('a free port, and port 0, are fine and stay free', async () => {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  await expect(assertPortFree(port, 'X')).resolves.toBeUndefined()
  await expect(assertPortFree(port, 'X')).resolves.toBeUndefined()
  await expect(assertPortFree(0, 'X')).resolves.toBeUndefined()
})

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeDecision } from '../../actors/codec.ts'
import type { PspConnection, PspConnectionsEvent } from '../../domain/operator/psp-connections.ts'
import type { StoredDecision } from '../../persistence/read-model.ts'
import { VirtualClock } from '../../runtime/clock.ts'
import { createLog } from '../../runtime/log.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { ProcessConnections } from './connections.ts'

const audit = { operator: 'ops-1', reason: 'test' }
const stripe: PspConnection = {
  name: 'stripe-test',
  psp: 'stripe',
  mode: 'test',
  secretSetting: 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE',
  webhookSecretSetting: 'SHARDPAY_STRIPE_TEST_WEBHOOK_SECRET_FILE',
  url: 'http://127.0.0.1:1',
}
const running: ProcessConnections[] = []

afterEach(async () => {
  for (const connections of running.splice(0)) await connections.stop()
})

/** A register that is written to, and a process that follows it. */
class Rig {
  readonly directory = temporaryDirectory()
  readonly clock = new VirtualClock()
  readonly lines: string[] = []
  readonly rows: StoredDecision[] = []
  away = false
  readonly connections: ProcessConnections

  constructor(uses = { connectors: true, receivers: true }) {
    this.connections = new ProcessConnections({
      source: {
        readDecisions: (_, after) =>
          this.away ? Promise.reject(new Error('away')) : Promise.resolve(this.rows.filter(({ seq }) => seq > after)),
      },
      environment: {
        SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE: join(this.directory, 'key'),
        SHARDPAY_STRIPE_TEST_WEBHOOK_SECRET_FILE: join(this.directory, 'webhooks'),
      },
      clock: this.clock,
      log: createLog({ level: 'info', stream: { write: (line: string) => void this.lines.push(line) } }),
      uses,
    })
    mkdirSync(this.directory, { recursive: true })
    this.write('key', 'sk_test_aaaaaaaa')
    this.write('webhooks', 'whsec_a')
    running.push(this.connections)
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  register(event: PspConnectionsEvent): void {
    const seq = this.rows.length + 1
    this.rows.push({ seq, at: seq, epoch: 1, data: encodeDecision([event], []).data })
  }

  add(connection: PspConnection): void {
    this.register({ type: 'PspConnectionAdded', ...connection, ...audit })
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(500)
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }
}

describe('the PSP connections of a process', () => {
  test('are those of the register, and follow it while the process runs', async () => {
    const rig = new Rig()
    rig.add(stripe)
    await rig.connections.start()
    expect([...rig.connections.connectors.keys()]).toEqual(['stripe-test'])
    expect(rig.connections.receiver('stripe-test')).toMatchObject({ psp: 'stripe', mode: 'test' })
    rig.add({ ...stripe, name: 'stripe-eu-test' })
    await rig.pass(500)
    expect([...rig.connections.profiles.keys()]).toEqual(['stripe-test', 'stripe-eu-test'])
  })

  test('need no API key where they are only heard, and no webhook secret where they are only called', async () => {
    const gateway = new Rig({ connectors: false, receivers: true })
    rmSync(join(gateway.directory, 'key'))
    const node = new Rig({ connectors: true, receivers: false })
    rmSync(join(node.directory, 'webhooks'))
    for (const rig of [gateway, node]) {
      rig.add(stripe)
      await rig.connections.start()
    }
    expect([gateway.connections.connectors.size, gateway.connections.receiver('stripe-test')?.psp]).toEqual([
      0,
      'stripe',
    ])
    expect([node.connections.connectors.size, node.connections.receiver('stripe-test')]).toEqual([1, undefined])
  })

  test('take a new API key for new calls, and new webhook secrets without another connector', async () => {
    const rig = new Rig()
    rig.add(stripe)
    await rig.connections.start()
    const before = rig.connections.connectors.get('stripe-test')
    rig.write('webhooks', 'whsec_a\nwhsec_b')
    await rig.pass(5_500)
    expect(rig.connections.connectors.get('stripe-test')).toBe(before)
    rig.write('key', 'sk_test_bbbbbbbb')
    await rig.pass(5_500)
    expect(rig.connections.connectors.get('stripe-test')).not.toBe(before)
  })

  test('go on as they were while the register or a file cannot be read, and the log says so once without a secret', async () => {
    const rig = new Rig()
    rig.add(stripe)
    await rig.connections.start()
    rig.away = true
    rmSync(join(rig.directory, 'key'))
    await rig.pass(2_000)
    rig.away = false
    await rig.pass(12_000)
    expect(rig.connections.connectors.has('stripe-test')).toBe(true)
    const told = rig.lines.filter((line) => /cannot be read|cannot be set up/.test(line))
    expect(told).toHaveLength(2)
    expect(rig.lines.join('\n')).not.toMatch(/sk_test|whsec/)
  })

  test('are not served where the key would leave for an address that is not the PSP’s', async () => {
    const rig = new Rig()
    rig.add({ ...stripe, url: 'https://stripe.example.com' })
    await rig.connections.start()
    expect(rig.connections.connectors.size).toBe(0)
    expect(rig.lines.join('\n')).toContain('cannot be set up')
  })

  test('go on with the secrets they had where a file was emptied', async () => {
    const rig = new Rig()
    rig.add(stripe)
    await rig.connections.start()
    const before = rig.connections.connectors.get('stripe-test')
    rig.write('key', '')
    rig.write('webhooks', '\n')
    await rig.pass(5_500)
    expect(rig.connections.connectors.get('stripe-test')).toBe(before)
    expect(rig.connections.receiver('stripe-test')).toBeDefined()
    expect(rig.lines.join('\n')).toContain('goes on as before')
  })

  test('are not served by a key of the other mode', async () => {
    for (const [mode, key] of [
      ['test', 'sk_live_aaaaaaaa'],
      ['live', 'rk_test_aaaaaaaa'],
    ] as const) {
      const rig = new Rig()
      rig.write('key', key)
      const { url: _simulator, webhookSecretSetting: _webhooks, ...own } = stripe
      rig.add({ ...own, mode })
      await rig.connections.start()
      expect([...rig.connections.connectors.keys()]).toEqual([])
      expect(rig.lines.join('\n')).not.toContain(key)
    }
  })

  test('of a PSP that only a newer release knows are not served, and keep no other from it', async () => {
    const rig = new Rig()
    const psp = 'paypal' as PspConnection['psp']
    rig.add({ ...stripe, name: 'paypal-test', psp })
    rig.add(stripe)
    await rig.connections.start()
    expect([...rig.connections.connectors.keys()]).toEqual(['stripe-test'])
    expect(rig.connections.receiver('paypal-test')).toBeUndefined()
    expect(rig.lines.join('\n')).toContain('cannot be set up')
  })
})

/** `npm start`, as its user meets it: the box, the pasted command, stopping, killing, starting again. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DevFile } from '../../bin/dev/dev-file.ts'
import { paymentIdOf } from '../../domain/ids.ts'
import { isAlive, waitUntilGone } from '../../persistence/os-process.ts'
import { until } from '../chaos/support/until.ts'
import { startPostgres } from '../support/postgres.ts'
import { DevCluster, type Started } from './support/dev-cluster.ts'

interface PaymentView {
  readonly id: string
  readonly status: string
}

async function pay(dev: DevFile, idempotencyKey: string): Promise<{ status: number; text: string; replayed: boolean }> {
  const response = await fetch(`${dev.urls.merchant}/v1/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${dev.api_keys[0]?.key}`,
      'idempotency-key': idempotencyKey,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ amount: 1999, currency: 'eur', payment_method: 'pm_card_visa' }),
  })
  const replayed = response.headers.get('idempotent-replayed') === 'true'
  return { status: response.status, text: await response.text(), replayed }
}

function paymentIn(text: string): PaymentView {
  return JSON.parse(text) as PaymentView
}

async function statusOf(dev: DevFile, id: string): Promise<number> {
  const headers = { authorization: `Bearer ${dev.api_keys[0]?.key}` }
  return (await fetch(`${dev.urls.merchant}/v1/payments/${id}`, { headers })).status
}

/** Of a process in dev.json as it is now; undefined while it is not there. */
function pidOf({ devFile }: DevCluster, id: string | undefined): number | undefined {
  const { processes } = JSON.parse(readFileSync(devFile, 'utf8')) as DevFile
  return processes.find((each) => each.id === id)?.pid
}

/** Resolves when another process runs under the name. */
async function respawned(of: DevCluster, id: string | undefined, before: number | undefined): Promise<void> {
  await until(() => ![before, undefined].includes(pidOf(of, id)), { withinMs: 60_000, what: `another ${id}` })
}

describe('three nodes, from the first start to the last stop', () => {
  let cluster: DevCluster
  let started: Started
  let dev: DevFile

  beforeAll(async () => {
    cluster = await DevCluster.make()
    started = cluster.start({ npm: true, nodes: 3 })
    dev = await started.ready
  })

  afterAll(() => cluster.destroy())

  test('npm start prints the box; its curl answers 201, and again byte-identically with Idempotent-Replayed', async () => {
    expect(started.output()).toContain('DEVELOPMENT ONLY')
    expect(started.output()).not.toContain('\u001b')
    const curl = /^curl -i [\s\S]*?[^\\]$/m.exec(started.output())?.[0] ?? ''
    const answers = []
    for (let i = 0; i < 2; i += 1) {
      const { stdout } = await promisify(execFile)('sh', ['-c', curl])
      const [head = '', body = ''] = stdout.split('\r\n\r\n')
      answers.push({ head, body })
    }
    expect(answers[0]?.head).toMatch(/^HTTP\/1\.1 201 /)
    expect(answers[0]?.head).not.toMatch(/^idempotent-replayed:/im)
    expect(answers[1]?.head).toMatch(/^HTTP\/1\.1 201 /)
    expect(answers[1]?.head).toMatch(/^idempotent-replayed: true\r?$/im)
    expect(answers[1]?.body).toBe(answers[0]?.body)
    expect(paymentIn(answers[0]?.body ?? '')).toMatchObject({ status: 'captured' })

    expect(dev.api_keys).toHaveLength(2)
    expect(dev.operator_tokens.map(({ role }) => role)).toEqual(['operator', 'approver', 'approver'])
    expect(dev.processes.map(({ id }) => id)).toEqual(['node-1', 'node-2', 'node-3', 'gateway-1', 'psps', 'postgres'])
  })

  test('a node killed while payments run is replaced by the others at once, comes back by itself, and nothing is lost', async () => {
    const victim = dev.processes.find(({ role }) => role === 'node')
    const answers: Awaited<ReturnType<typeof pay>>[] = []
    for (let n = 0; n < 60; n += 1) {
      if (n === 20) process.kill(victim?.pid ?? 0, 'SIGKILL')
      answers.push(await pay(dev, `through-${n}`))
    }
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    await respawned(cluster, victim?.id, victim?.pid)
    expect(started.output()).toContain(`[${victim?.id}] ended by SIGKILL: started again in 2 s`)
    for (const [n, answer] of answers.entries()) {
      expect(await pay(dev, `through-${n}`)).toEqual({ status: 201, text: answer.text, replayed: true })
    }
  })

  test('SIGTERM answers what was accepted, exits 0, removes dev.json and leaves no process behind', async () => {
    const rules = [{ action: 'latency', latency_ms: 1_500 }]
    const behaviour = await fetch(`${dev.urls.simulators['stripe']}/_admin/behaviour`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ rules }),
    })
    expect(behaviour.ok).toBe(true)
    const accepted = pay(dev, 'in-flight')
    const idKey = Buffer.from(readFileSync(join(cluster.directory, 'secrets', 'id_key'), 'utf8').trim(), 'hex')
    const id = paymentIdOf(idKey, dev.api_keys[0]?.merchant ?? '', 'test', 'in-flight')
    await until(async () => (await statusOf(dev, id)) === 200, { what: 'an accepted payment' })
    const { processes } = JSON.parse(readFileSync(cluster.devFile, 'utf8')) as DevFile
    started.kill('SIGTERM')
    const answer = await accepted
    expect(answer.status).toBe(201)
    expect(paymentIn(answer.text).status).toBe('captured')
    expect(await started.exited).toBe(0)
    expect(existsSync(cluster.devFile)).toBe(false)
    for (const { role, pid } of processes) expect(await isAlive(pid), role).toBe(false)
  })
})

describe('one node, and what comes about beside it', () => {
  let cluster: DevCluster
  let started: Started
  let dev: DevFile

  beforeAll(async () => {
    cluster = await DevCluster.make()
    started = cluster.start()
    dev = await started.ready
  })

  afterAll(() => cluster.destroy())

  test('a second npm start in the same place is refused and harms nothing', async () => {
    const second = cluster.start()
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain('(docs/errors.md#already-running)')
    expect(JSON.parse(readFileSync(cluster.devFile, 'utf8'))).toEqual(dev)
    expect((await pay(dev, 'still-there')).status).toBe(201)
  })

  test('a gateway killed comes back on its port', async () => {
    const gateway = dev.processes.find(({ role }) => role === 'gateway')
    const { text } = await pay(dev, 'before')
    process.kill(gateway?.pid ?? 0, 'SIGKILL')
    await respawned(cluster, gateway?.id, gateway?.pid)
    expect(await pay(dev, 'before')).toEqual({ status: 201, text, replayed: true })
  })

  test('the simulated PSP dying by itself ends the cluster with exit code 1, and is named', async () => {
    const { processes } = JSON.parse(readFileSync(cluster.devFile, 'utf8')) as DevFile
    process.kill(processes.find(({ role }) => role === 'simulator')?.pid ?? 0, 'SIGKILL')
    expect(await started.exited).toBe(1)
    expect(started.output()).toContain('simulated PSPs ended by SIGKILL, unasked')
    expect(existsSync(cluster.devFile)).toBe(false)
    for (const { role, pid } of processes) expect(await isAlive(pid), role).toBe(false)
  })
})

describe('a cluster for each', () => {
  let cluster: DevCluster

  beforeEach(async () => {
    cluster = await DevCluster.make()
  })

  afterEach(() => cluster.destroy())

  test('data and keys are kept between starts; --fresh empties the data and keeps the keys', async () => {
    let started = cluster.start({ environment: { NODE_COMPILE_CACHE: '' } })
    const first = await started.ready
    const answer = await pay(first, 'kept')
    const { id } = paymentIn(answer.text)
    started.kill('SIGINT')
    expect(await started.exited).toBe(0)
    expect(existsSync(join(cluster.directory, 'compiled')), 'what was compiled').toBe(true)

    started = cluster.start()
    const second = await started.ready
    expect(second.api_keys).toEqual(first.api_keys)
    expect(await pay(second, 'kept')).toEqual({ status: 201, text: answer.text, replayed: true })
    started.kill('SIGTERM')
    expect(await started.exited).toBe(0)

    started = cluster.start({ flags: ['--fresh'] })
    const third = await started.ready
    expect(third.api_keys).toEqual(first.api_keys)
    expect(await statusOf(third, id)).toBe(404)
    expect(await pay(third, 'kept')).toMatchObject({ status: 201, replayed: false })
  })

  test('after kill -9 of the supervisor its children exit, and the next start ends the orphaned Postgres and has the data', async () => {
    const killed = cluster.start()
    const before = await killed.ready
    const { id } = paymentIn((await pay(before, 'before-the-kill')).text)
    killed.kill('SIGKILL')
    await killed.exited
    const postgres = before.processes.find(({ role }) => role === 'postgres')?.pid ?? 0
    for (const { role, pid } of before.processes) {
      if (pid !== postgres) expect(await waitUntilGone(pid, 30_000), role).toBe(true)
    }
    expect(await isAlive(postgres)).toBe(true)

    const after = await cluster.start().ready
    expect(await isAlive(postgres)).toBe(false)
    expect(await statusOf(after, id)).toBe(200)
  })

  test('a busy port is named in one line with the variable that changes it, and nothing is started', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    for (const variable of [
      'SHARDPAY_MERCHANT_PORT',
      'SHARDPAY_OPERATOR_PORT',
      'SHARDPAY_SIMULATOR_PORT',
      'SHARDPAY_POSTGRES_PORT',
    ]) {
      const started = cluster.start({ environment: { [variable]: String(port) } })
      expect(await started.exited).toBe(1)
      expect(started.output()).toContain(`port ${port} is in use: set ${variable} (docs/errors.md#port-in-use)`)
    }
    taken.close()
  })

  test('SIGTERM while it is starting ends what was started, with exit code 0', async () => {
    const started = cluster.start()
    await until(() => started.output().includes('✔ Postgres'), { withinMs: 60_000, what: 'a started Postgres' })
    started.kill('SIGTERM')
    expect(await started.exited).toBe(0)
    expect(started.output()).not.toContain('Shardpay is ready')
  })

  test('DATABASE_URL replaces the embedded Postgres, which is then left running', async () => {
    const postgres = await startPostgres()
    try {
      const started = cluster.start({ environment: { DATABASE_URL: postgres.url } })
      const dev = await started.ready
      expect(dev.database_url).toBe(postgres.url)
      expect(dev.processes.map(({ role }) => role)).toEqual(['node', 'gateway', 'simulator'])
      expect((await pay(dev, 'elsewhere')).status).toBe(201)
      started.kill('SIGTERM')
      expect(await started.exited).toBe(0)
      expect(await isAlive(postgres.pid)).toBe(true)

      const refused = cluster.start({ flags: ['--fresh'], environment: { DATABASE_URL: postgres.url } })
      expect(await refused.exited).toBe(2)
    } finally {
      await postgres.stop()
    }
  })
})

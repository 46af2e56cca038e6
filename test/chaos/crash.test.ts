/**
 * Processes that die, freeze, stand still, run out of memory or run twice, under load. What is killed is taken over at once
 * (its links are reset and nobody listens any more); what is frozen after its lease has run out.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { Cluster } from './support/cluster.ts'
import { databaseCounts, gapMsMax, rounds } from './support/form.ts'
import { blockLoop, exhaustHeap, inspectable } from './support/inspector.ts'
import { fencedExitCode, type Member } from './support/member.ts'
import { Trial } from './support/trial.ts'

/** Twice the lease. */
const longerThanLeaseMs = 4_000
const twinPorts = { SHARDPAY_LINK_PORT: '0', SHARDPAY_MERCHANT_PORT: '0', SHARDPAY_OPERATOR_PORT: '0' }

describe.each(databaseCounts)('with %i database servers', (databases) => {
  let cluster: Cluster
  let nodes: readonly [Member, Member, Member]
  let gateways: readonly [Member, Member]

  beforeAll(async () => {
    cluster = await Cluster.start({ databases })
    const [a, b, c] = cluster.nodes
    const [g, h] = cluster.gateways
    if (!a || !b || !c || !g || !h) throw new Error('three nodes and two gateways')
    nodes = [a, b, c]
    gateways = [g, h]
  })

  afterAll(async () => {
    await cluster?.stop()
  })

  test(`F1: kill -9 of an owner at random instants loses nothing, charges nobody twice (${rounds} rounds)`, async () => {
    const trial = await Trial.start(cluster)
    for (let round = 0; round < rounds; round += 1) {
      const victim = nodes[round % 3] ?? nodes[0]
      await cluster.serving(victim)
      await pause(Math.random() * 500)
      const { incarnation } = victim
      await trial.fault('F1 kill -9', 1, async () => {
        await victim.kill()
        await cluster.takenFrom(victim, incarnation)
        await trial.progress(10)
      })
      await victim.start()
    }
    await trial.judge()
    expect(trial.gap('F1 kill -9').ms).toBeLessThan(gapMsMax)
  })

  test('F2: an owner frozen for twice its lease is replaced, writes nothing when it wakes, and ends', async () => {
    const trial = await Trial.start(cluster)
    const [victim] = nodes
    const { incarnation, program } = victim
    await cluster.serving(victim)
    // calls take longer than the freeze, so that the victim sleeps with some of them on the wire
    await cluster.behave([
      { probability: 0.5, action: 'latency', latency_ms: { kind: 'uniform', min: 50, max: 1_500 } },
    ])
    await trial.fault('F2 frozen', 5, async () => {
      victim.freeze()
      await Promise.all([pause(longerThanLeaseMs), cluster.takenFrom(victim, incarnation)])
      await trial.progress(10)
      victim.wake()
      expect(await program.ended, 'what was declared dead ends by itself').toBe(fencedExitCode)
    })
    await trial.judge()
    expect(trial.gap('F2 frozen').ms).toBeLessThan(gapMsMax)
  })

  test('F3: kill -9 of a gateway with requests in flight: the same key through another gateway is the same payment', async () => {
    const trial = await Trial.start(cluster)
    for (const victim of gateways) {
      await trial.fault('F3 gateway killed', 1, async () => {
        await victim.kill()
        await trial.progress(10)
      })
      await victim.start()
    }
    await trial.judge()
    expect(trial.gap('F3 gateway killed').ms).toBeLessThan(gapMsMax)
  })

  test('F16, F31: an event loop that stands still is ended and replaced, so is a heap that is full', async () => {
    const [, victim] = nodes
    const port = await freePort()
    const inspected = { NODE_OPTIONS: `${inspectable('127.0.0.1', port)['NODE_OPTIONS']} --max-old-space-size=256` }
    const faults = [
      { name: 'F16 loop blocked', cause: () => blockLoop('127.0.0.1', port, longerThanLeaseMs), end: fencedExitCode },
      { name: 'F31 heap exhausted', cause: () => exhaustHeap('127.0.0.1', port), end: 'SIGABRT' },
    ]
    const trial = await Trial.start(cluster)
    for (const { name, cause, end } of faults) {
      await victim.terminate()
      await victim.start(inspected)
      await cluster.serving(victim)
      const { incarnation, program } = victim
      await trial.fault(name, 1, async () => {
        await cause()
        expect(await program.ended, 'the process does not go on as if nothing had been').toBe(end)
        await cluster.takenFrom(victim, incarnation)
        await trial.progress(10)
      })
      await victim.stop()
      await victim.start()
    }
    await trial.judge()
    for (const { name } of faults) expect(trial.gap(name).ms).toBeLessThan(gapMsMax)
  })

  test('F38: a second process under a node’s name ends the first, also one that sleeps, as a machine from a snapshot does', async () => {
    const trial = await Trial.start(cluster)
    const [, , original] = nodes
    for (const asleep of [false, true]) {
      await cluster.serving(original)
      const { incarnation, program } = original
      original.letGo()
      if (asleep) original.freeze()
      const twin = await trial.fault('F38 double start', 1, async () => {
        const started = await original.startTwin(twinPorts)
        await cluster.takenFrom(original, incarnation)
        await trial.progress(10)
        if (asleep) original.wake()
        expect(await program.ended).toBe(fencedExitCode)
        return started
      })
      // and the other way round: the name is started where it belongs, and ends the twin
      await original.start()
      expect(await twin.ended).toBe(fencedExitCode)
    }
    await trial.judge()
    expect(trial.gap('F38 double start').ms).toBeLessThan(gapMsMax)
  })
})

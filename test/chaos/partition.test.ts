/**
 * Networks that carry nothing, or only one way, or only to some. The database decides who owns, not who hears whom: a node
 * that renews its lease keeps its shards however lonely it is, one that cannot loses them however well it is heard.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'
import { databaseCounts, gapMsMax } from './support/form.ts'
import { fencedExitCode, type Member } from './support/member.ts'
import type { Cut } from './support/private-network.ts'
import type { Program } from './support/program.ts'
import { Shopper } from './support/shopper.ts'
import { hindrance, whySkipped } from './support/tools.ts'
import { Trial } from './support/trial.ts'

const cannot = hindrance('network namespaces')
/** Longer than a lease and its judgement. */
const cutMs = 5_000

describe.skipIf(cannot !== undefined).each(databaseCounts)(
  `with %i database servers${whySkipped(cannot)}`,
  (databases) => {
    let cluster: Cluster
    let lonely: Member
    let others: Member[]
    let gateways: readonly [Member, Member]

    beforeAll(async () => {
      cluster = await Cluster.start({ databases, network: true })
      const [a, ...rest] = cluster.nodes
      const [g, h] = cluster.gateways
      if (!a || !g || !h) throw new Error('a node to cut off, and two gateways')
      lonely = a
      others = rest
      gateways = [g, h]
    })

    afterAll(async () => {
      await cluster?.stop()
    })

    async function cut(member: Member, how: Cut): Promise<void> {
      if (member.host === undefined) throw new Error('only what has a host of its own can be cut off')
      await member.host.cut(how)
    }

    async function heal(...members: readonly Member[]): Promise<void> {
      for (const { host } of members) await host?.heal()
    }

    /** The incarnation that was cut off and declared dead ends once it learns of it, and its supervisor starts another. */
    async function replaced(cutOff: Program): Promise<void> {
      expect(await cutOff.ended).toBe(fencedExitCode)
      await cluster.serving(lonely)
    }

    function addressesOf(members: readonly Member[]): string[] {
      return members.map(({ address }) => address)
    }

    test('F4: a node that is cut off from everybody is replaced, and ends when it learns of it', async () => {
      await cluster.serving(lonely)
      const trial = await Trial.start(cluster)
      const { incarnation, program } = lonely
      await trial.fault('F4 cut off', 1, async () => {
        await cut(lonely, { direction: 'both', how: 'drop' })
        await cluster.takenFrom(lonely, incarnation)
        await trial.progress(20)
        await heal(lonely)
      })
      await replaced(program)
      await trial.judge()
      expect(trial.gap('F4 cut off').ms).toBeLessThan(gapMsMax)
    })

    test.each([
      { what: 'hears nobody, and everybody hears it', direction: 'in' },
      { what: 'is heard by nobody, and hears everybody', direction: 'out' },
    ] as const)('F5: nothing flaps, and the rest goes on, while a node $what', async ({ direction }) => {
      await cluster.serving(lonely)
      const trial = await Trial.start(cluster)
      const { incarnation, program } = lonely
      const before = await cluster.epochs()
      await trial.fault(`F5 ${direction}`, 1, async () => {
        await cut(lonely, { direction, how: 'drop' })
        await cluster.takenFrom(lonely, incarnation)
        await trial.progress(20)
        await pause(cutMs)
        // taken once, and not back and forth: some shards twice, where two reached for them
        expect((await cluster.epochs()) - before).toBeLessThan(1024)
        await heal(lonely)
      })
      await replaced(program)
      await trial.judge()
    })

    test('F6: a node that reaches the database but no peer keeps its shards, and answers again when the cut is over', async () => {
      await cluster.serving(lonely)
      const trial = await Trial.start(cluster)
      const { incarnation } = lonely
      await trial.fault('F6 no peers', 1, async () => {
        await cut(lonely, { direction: 'both', how: 'drop', peers: addressesOf([...others, ...gateways]) })
        await pause(cutMs)
        await trial.progress(5)
        await heal(lonely)
      })
      expect(lonely.incarnation).toBe(incarnation)
      expect(lonely.isRunning, 'whoever renews its lease lives').toBe(true)
      await trial.progress(20)
      await trial.judge()
    })

    test('F6: a node that reaches its peers but no database is replaced', async () => {
      await cluster.serving(lonely)
      const trial = await Trial.start(cluster)
      const { incarnation, program } = lonely
      await trial.fault('F6 no database', 1, async () => {
        await cut(lonely, { direction: 'both', how: 'drop', peers: cluster.databaseAddresses })
        await cluster.takenFrom(lonely, incarnation)
        await trial.progress(20)
        await heal(lonely)
      })
      await replaced(program)
      await trial.judge()
      expect(trial.gap('F6 no database').ms).toBeLessThan(gapMsMax)
    })

    test('a node and a gateway behind a partition that resets connections answer no stale read', async () => {
      await cluster.serving(lonely)
      const trial = await Trial.start(cluster, { gateways: [gateways[1]] })
      const { incarnation, program } = lonely
      const shoppers = await Shopper.authorizedOn(cluster, lonely, 5)
      const outside = [...others, gateways[1]]
      const island = [lonely, gateways[0]]
      const stale: string[] = []
      let reads = 0
      await trial.fault('reset partition', 1, async () => {
        const cutOff: Cut = {
          direction: 'both',
          how: 'reset',
          peers: [...addressesOf(outside), ...cluster.databaseAddresses],
        }
        for (const member of island) await cut(member, cutOff)
        await cluster.takenFrom(lonely, incarnation)
        for (const shopper of shoppers) await shopper.captureThrough(gateways[1])
        // what is captured is told so by everybody from now on, or not told
        for (const end = performance.now() + 2_000; performance.now() < end; ) {
          for (const shopper of shoppers) {
            const status = await shopper.statusThrough(gateways[0])
            reads += 1
            if (status !== undefined && status !== 'captured') stale.push(status)
          }
        }
        await heal(...island)
      })
      expect(stale).toEqual([])
      expect(reads).toBeGreaterThan(0)
      await replaced(program)
      for (const shopper of shoppers) expect(await shopper.settledStatusThrough(gateways[0])).toBe('captured')
      await trial.judge()
    })
  },
)

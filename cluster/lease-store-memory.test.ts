import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeLeaseStore } from './lease-store-conformance.ts'
import { MemoryLeaseStore, MemoryMembership } from './lease-store-memory.ts'

const self = { node: 'node-1', incarnation: 'a1' }
const details = { address: '10.0.0.1:7000', build: '1.2.3' }

describeLeaseStore('the lease store in memory', async () => {
  const membership = new MemoryMembership()
  return {
    async connect() {
      const store = new MemoryLeaseStore(membership)
      return {
        store,
        away: () => void (store.away = true),
        back: () => void (store.away = false),
        loseNextReply: () => void (store.repliesToLose = 1),
        stopNextRenewal() {
          const hung = store.hangRenewals()
          return {
            reached: nextTurn(),
            giveUp() {
              hung.giveUp()
              hung.letOthersPass()
            },
            arrive: async () => hung.release(),
          }
        },
      }
    },
    async close() {},
  }
})

test('renewals hang until they are released, and those that nobody waits for are executed all the same', async () => {
  const membership = new MemoryMembership()
  const store = new MemoryLeaseStore(membership)
  await store.start(self, details)
  const hung = store.hangRenewals()
  const first = store.renew(self, false)
  const second = store.renew(self, false)
  expect(hung.waiting).toBe(2)
  hung.giveUp()
  await expect(first).rejects.toMatchObject({ code: 'membership_unavailable' })
  await expect(second).rejects.toMatchObject({ code: 'membership_unavailable' })
  const third = store.renew(self, true)
  hung.release()
  expect(await third).toBe('renewed')
  expect(membership.read().leases).toMatchObject([{ renewals: 3, draining: true }])
})

test('nothing happens but by the tasks that are handed out', async () => {
  const tasks: (() => void)[] = []
  const membership = new MemoryMembership()
  const store = new MemoryLeaseStore(membership, { defer: (task) => tasks.push(task) })
  const starting = store.start(self, details)
  await nextTurn()
  expect(membership.knows(self)).toBe(false)
  while (tasks.length > 0) {
    tasks.shift()?.()
    await nextTurn()
  }
  await starting
  expect(membership.knows(self)).toBe(true)
})

test('changes are told, renewals are not', async () => {
  const membership = new MemoryMembership()
  let changes = 0
  const cancel = membership.onChange(() => (changes += 1))
  membership.start(self, details)
  membership.renew(self, false)
  expect(changes).toBe(1)
  membership.renew(self, true)
  membership.change({ kind: 'rebalancing', on: false })
  membership.declareDead(self, undefined)
  expect(changes).toBe(4)
  cancel()
  membership.change({ kind: 'rebalancing', on: true })
  expect(changes).toBe(4)
})

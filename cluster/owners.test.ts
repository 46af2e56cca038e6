import { expect, test } from 'vitest'
import { type ShardOwner, OwnerTable } from './owners.ts'

const row = (epoch: number, node: string, released = false): ShardOwner => ({
  shard: 1,
  epoch,
  owner: { node, incarnation: 'i1' },
  released,
})

test('a higher epoch and a release are news; a lower epoch and the same again are none', () => {
  const table = new OwnerTable(4)
  const heard: number[] = []
  table.onChange((changed) => heard.push(...changed.map(({ epoch }) => epoch)))
  table.learn([row(2, 'a')])
  table.learn([row(1, 'b')])
  table.learn([row(2, 'a')])
  table.learn([row(2, 'a', true)])
  table.learn([row(2, 'a')])
  expect(table.get(1)).toEqual(row(2, 'a', true))
  expect(heard).toEqual([2, 2])
})

test('rows read from a database that lost some count, so that no process stays with owners that never were', () => {
  const table = new OwnerTable(4)
  table.learn([row(7, 'a')])
  table.learnRead([row(5, 'b')], table.changes)
  expect(table.get(1)).toEqual(row(5, 'b'))
})

test('a read that began before something was learned does not take it back', () => {
  const table = new OwnerTable(4)
  table.learn([row(7, 'a')])
  const since = table.changes
  table.learn([row(8, 'b')])
  table.learnRead([row(7, 'a')], since)
  expect(table.get(1)).toEqual(row(8, 'b'))
  table.learnRead([row(9, 'c')], since)
  expect(table.get(1)).toEqual(row(9, 'c'))
})

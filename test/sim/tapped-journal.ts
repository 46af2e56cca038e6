/** A journal that tells what its process was told: up to which position of each shard it knows rows to be durable. */
import type { Journal } from '../../actors/journal.ts'

export function tapped(journal: Journal, acknowledged: (shard: number, position: number) => void): Journal {
  const acquire: Journal['acquire'] = async (shards) => {
    const ownerships = await journal.acquire(shards)
    for (const { shard, openedAt } of ownerships) acknowledged(shard, openedAt)
    return ownerships
  }
  const append: Journal['append'] = (ownership, each) =>
    journal.append(ownership, {
      record: each.record,
      settle: (outcome) => {
        if (outcome.kind === 'durable') acknowledged(ownership.shard, outcome.position)
        each.settle(outcome)
      },
    })
  return new Proxy(journal, {
    get(target, name) {
      if (name === 'acquire') return acquire
      if (name === 'append') return append
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

/** A read side that stores rows in one transaction, and moves the cursor in another. */
import type { Journal } from '../../../actors/journal.ts'

export function readInTwo(journal: Journal): Journal {
  const advanceRead: Journal['advanceRead'] = async (advances) => {
    await journal.advanceRead(advances.map((advance) => ({ ...advance, to: advance.from })))
    return journal.advanceRead(
      advances.map((advance) => ({ ...advance, payments: [], refunds: [], disputes: [], transfers: [] })),
    )
  }
  return new Proxy(journal, {
    get(target, name) {
      if (name === 'advanceRead') return advanceRead
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

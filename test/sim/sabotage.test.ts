/** A checker counts only after it was seen red: each sabotage breaks the claim it is made to break, within 200 seeds. */
import { expect, test } from 'vitest'
import { Violation } from './checkers/violation.ts'
import { flagsOf } from './flags.ts'
import { sabotages } from './sabotage/list.ts'
import { runWorld } from './world.ts'

const seedsMax = 200

test.each(sabotages)('$name is seen red within 200 seeds', async ({ make, breaks, focus }) => {
  let red: Violation | undefined
  for (let seed = 1; seed <= seedsMax && red === undefined; seed += 1) {
    const { failure } = await runWorld(focus(flagsOf(seed)), make())
    if (failure instanceof Violation && breaks.includes(failure.code)) red = failure
    else expect(failure, `seed ${seed}`).toBeUndefined()
  }
  expect(red?.code).toBeOneOf([...breaks])
})

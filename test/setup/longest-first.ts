/** The order of test files: those that take longest begin, so that none of them runs alone in the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const longest = ['storm.test.ts', 'psp-webhooks.test.ts', 'start.test.ts', 'psp-outcomes.test.ts', 'link-tls.test.ts']

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files)
    return others.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((name) => moduleId.endsWith(`/${name}`))
  return rank === -1 ? longest.length : rank
}

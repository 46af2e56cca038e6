/** What a suite counted, read from vitest's JSON report. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 }

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

export function formatCounts(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
}

interface JsonReport {
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

/**
 * Counts tests, and never fewer failures than there were: a file that failed without a failed test (it could not be
 * loaded, a hook threw) counts as one, so does a run that ended badly for any other reason, and so does a suite in
 * which nothing ran.
 * @param report vitest's JSON report, or undefined where it wrote none.
 */
export function countsOf(report: string | undefined, exitCode: number): Counts {
  if (report === undefined) return { ...noCounts, failed: 1 }
  const { testResults } = JSON.parse(report) as JsonReport
  let counts = noCounts
  for (const file of testResults) {
    const of = (status: string): number => file.assertionResults.filter((result) => result.status === status).length
    const passed = of('passed')
    const failed = of('failed')
    const skipped = file.assertionResults.length - passed - failed
    counts = addCounts(counts, { passed, failed: failed === 0 && file.status === 'failed' ? 1 : failed, skipped })
  }
  const nothingRan = counts.passed + counts.failed === 0
  if (counts.failed === 0 && (exitCode !== 0 || nothingRan)) return { ...counts, failed: 1 }
  return counts
}

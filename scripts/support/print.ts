import { styleText } from 'node:util'
import { formatCounts } from './counts.ts'
import type { PartResult } from './suites.ts'

const linesMax = 80

/** One line per part; what a part said is shown, up to 80 lines, only where it failed and was not shown already. */
export function printPart(part: PartResult): void {
  const took = `${(part.tookMs / 1000).toFixed(1)} s`
  console.log(`${mark(part.ok)} ${part.name} (${part.isSuite ? `${formatCounts(part.counts)}, ${took}` : took})`)
  if (part.ok) return
  const lines = part.output.trim() === '' ? [] : part.output.trim().split('\n')
  for (const line of lines.slice(0, linesMax)) console.log(`  ${line}`)
  if (lines.length > linesMax) console.log(`  … ${lines.length - linesMax} more lines`)
}

export function mark(ok: boolean): string {
  return ok ? styleText('green', '✔') : styleText('red', '✘')
}

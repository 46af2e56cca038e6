/** `npm run check`: format, lint, types, tidy and unit tests, side by side. Seconds; before every commit. */
import { printPart } from './support/print.ts'
import { startCheck } from './support/suites.ts'

let failed = false
for (const running of startCheck()) {
  const part = await running
  printPart(part)
  if (!part.ok) failed = true
}
process.exitCode = failed ? 1 : 0

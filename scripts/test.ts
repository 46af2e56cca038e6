/**
 * `npm test`: everything in short form. `npm run test:full`: the same with every number the project promises.
 *
 * The simulation computes beside the tests of Postgres, which mostly wait for a disk; everything else has the machine for itself.
 *
 * A suite whose server this machine cannot run is skipped and said so; with CI=true that is a failure, because there
 * somebody relies on it. The last line sums all suites; the exit code is 0 only where nothing failed.
 */
import { parseArgs } from 'node:util'
import { fullEnvironment } from '../test/support/scale.ts'
import { addCounts, formatCounts, noCounts } from './support/counts.ts'
import { postgresHindrance } from './support/postgres.ts'
import { mark, printPart } from './support/print.ts'
import { runProject, startCheck } from './support/suites.ts'

const { values: flags } = parseArgs({ options: { full: { type: 'boolean', default: false } } })
const environment = flags.full ? fullEnvironment() : {}
const required = process.env['CI'] === 'true'

let counts = noCounts
const failures: string[] = []

for (const running of startCheck(environment)) {
  const part = await running
  printPart(part)
  counts = addCounts(counts, part.counts)
  if (!part.ok) failures.push(part.name)
}

async function runSuite(project: string, show: boolean): Promise<void> {
  const hindrance = project === 'sim' ? undefined : postgresHindrance()
  if (hindrance === undefined) {
    const part = await runProject(project, { environment, show })
    printPart(part)
    counts = addCounts(counts, part.counts)
    if (!part.ok) failures.push(project)
    return
  }
  console.log(`${mark(!required)} ${project}: ${required ? 'cannot run' : 'skipped'}, ${hindrance}`)
  counts = addCounts(counts, required ? { ...noCounts, failed: 1 } : { ...noCounts, skipped: 1 })
  if (required) failures.push(project)
}

await Promise.all([runSuite('pg', true), runSuite('sim', false)])
await runSuite('system', true)
await runSuite('chaos', true)

if (failures.length > 0) console.log(`\nfailed: ${failures.join(', ')}`)
console.log(`\n${formatCounts(counts)}`)
process.exitCode = failures.length > 0 ? 1 : 0

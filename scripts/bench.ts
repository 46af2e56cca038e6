/**
 * `npm run bench [-- name…] [-- --flags…]`: runs the benchmarks `<name>.bench.ts`, all of them without a name, one
 * after the other and each in a process of its own, so that none measures what another left behind. Flags are passed
 * on. The exit code is 0 only where every benchmark ran and verified its results.
 */
import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { projectRoot, runNode } from './support/tools.ts'

const suffix = '.bench.ts'
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'))

const files = globSync(`**/*${suffix}`, {
  cwd: projectRoot,
  exclude: ['node_modules', '.shardpay', '.git'],
}).sort()
const nameOf = (file: string): string => basename(file, suffix)

const unknown = names.filter((name) => !files.some((file) => nameOf(file) === name))
if (unknown.length > 0 || files.length === 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${files.map(nameOf).join(', ') || 'none'}`)
  process.exit(2)
}

const failed: string[] = []
for (const file of files) {
  if (names.length > 0 && !names.includes(nameOf(file))) continue
  console.log(`\n${file}`)
  const { code } = await runNode([file, ...flags], { show: true })
  if (code !== 0) failed.push(`${file} (exit code ${code})`)
}
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`)
  process.exitCode = 1
}

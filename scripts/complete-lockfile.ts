/**
 * Completes package-lock.json after `npm install`.
 *
 * npm leaves an optional platform package out of the lock file when the registry at hand does not carry it, and
 * `npm ci` then refuses that lock file everywhere ("Missing: … from lock file"). This adds the entries that are
 * missing: version, os, cpu and libc as the package's name says. They carry no integrity, because nobody here has
 * seen the archive; npm takes it from the registry on the platforms that need them.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface LockEntry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  resolved?: string
  optionalDependencies?: Record<string, string>
}

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockEntry> }

const systems = ['linux', 'darwin', 'win32', 'freebsd', 'android', 'openharmony', 'windows']
const processors = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32']

function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> | undefined {
  const parts = name.split(/[/-]/)
  const system = systems.find((candidate) => parts.includes(candidate))
  const processor = processors.find((candidate) => parts.includes(candidate))
  if (system === undefined || processor === undefined) return undefined
  const libc = parts.some((part) => part.startsWith('musl'))
    ? ['musl']
    : parts.some((part) => part.startsWith('gnu') && part !== 'gnueabihf')
      ? ['glibc']
      : undefined
  return { os: [system === 'windows' ? 'win32' : system], cpu: [processor], ...(libc && { libc }) }
}

let added = 0
for (const [parentPath, parent] of Object.entries(lock.packages)) {
  if (parentPath === '') continue
  for (const [name, range] of Object.entries(parent.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (lock.packages[key] || lock.packages[`${parentPath}/${key}`]) continue
    const platform = platformOf(name)
    if (platform === undefined) continue
    lock.packages[key] = {
      version: range.replace(/^[\^~]/, ''),
      ...platform,
      ...(parent.dev && { dev: true }),
      optional: true,
    }
    added += 1
  }
}
for (const entry of Object.values(lock.packages)) delete entry.resolved
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`)
console.log(`package-lock.json: ${added} platform packages added`)

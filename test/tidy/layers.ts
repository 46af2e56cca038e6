/**
 * Who may import whom (docs/ARCHITECTURE.md explains why). An entry is a file or the start of a path; the folder itself
 * is always allowed. `types` are imports that are gone after compilation.
 */
export interface Layer {
  readonly values: readonly string[]
  readonly types?: readonly string[]
}

const everything: Layer = { values: [''] }

export const layers: Readonly<Record<string, Layer>> = {
  runtime: { values: [] },
  domain: { values: ['runtime/assert.ts'] },
  psp: { values: ['domain/', 'runtime/'] },
  'psp/simulator': { values: ['psp/', 'domain/', 'runtime/'] },
  cluster: { values: ['runtime/'] },
  actors: { values: ['domain/', 'runtime/'], types: ['cluster/', 'psp/'] },
  persistence: {
    values: [
      'domain/',
      'runtime/',
      'actors/journal.ts',
      'actors/psp-references.ts',
      'actors/errors.ts',
      'cluster/member.ts',
    ],
    types: ['actors/', 'cluster/'],
  },
  gateway: {
    values: ['domain/', 'runtime/', 'cluster/router.ts', 'psp/', 'persistence/read-model'],
    types: ['cluster/'],
  },
  recon: { values: ['domain/', 'runtime/', 'cluster/router.ts', 'persistence/read-model'], types: ['psp/'] },
  loadtest: { values: ['runtime/'], types: ['gateway/'] },
  dashboard: { values: [], types: ['gateway/operator'] },
  // what merchants install: it knows the API's document, and nothing of the code behind it
  clients: { values: [] },
  bin: everything,
  bench: everything,
  scripts: everything,
  test: everything,
  // configuration of tools at the root
  '': everything,
}

/** What stands in for storage in tests and simulations is built of its like: one truth about who is dead. */
const twin = /(?:-memory|\/memory-database)\.ts$/

/** Tests may also use harnesses, twins and the suites shared by several implementations of a port. */
export const testExtras: readonly RegExp[] = [/^test\/support\//, twin, /-conformance\.ts$/, /^psp\/testing\.ts$/]

/** The simulator is a process of its own: only composition roots and tests of the connectors start it. */
const simulator = 'psp/simulator/'
const simulatorUsers = ['bin', 'test', 'bench', 'psp/simulator']

/** Packages that only one file may know, so that a successor is one file; see docs/decisions/0001-dormant-libraries.md. */
export const singleFilePackages: Readonly<Record<string, RegExp>> = {
  nact: /^actors\/scheduler\.ts$/,
  hashring: /^cluster\/[a-z-]+\.ts$/,
  kafkajs: /^persistence\/[a-z-]+\.ts$/,
}

/** The layer that a file belongs to: the longest named folder, '' for files at the root, undefined for a new folder. */
export function layerOf(path: string): string | undefined {
  if (!path.includes('/')) return ''
  const folders = path.split('/').slice(0, -1)
  for (let length = folders.length; length > 0; length -= 1) {
    const folder = folders.slice(0, length).join('/')
    if (layers[folder] !== undefined) return folder
  }
  return undefined
}

/** Whether `from` may import `to` (paths from the project's root). */
export function mayImport(from: string, to: string, options: { typeOnly: boolean; testCode: boolean }): boolean {
  const layer = layerOf(from)
  if (layer === undefined) return false
  if (to.startsWith(simulator)) {
    return simulatorUsers.includes(layer) || (layer === 'psp' && options.testCode)
  }
  if (layerOf(to) === layer) return true
  if (options.testCode && testExtras.some((extra) => extra.test(to))) return true
  if (twin.test(from) && twin.test(to)) return true
  const { values, types = [] } = layers[layer] ?? { values: [] }
  return [...values, ...(options.typeOnly ? types : [])].some((start) => to.startsWith(start))
}

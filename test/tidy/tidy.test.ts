/**
 * What keeps the project tidy beside formatter, linter and compiler: who imports whom, what is pure, how files are
 * named, how long they are, and that nothing was left behind. It depends on no package but the test runner.
 */
import { describe, expect, test } from 'vitest'
import { layerOf, mayImport, singleFilePackages } from './layers.ts'
import { codeOf, importsOf, isTestCode, projectFiles, readProjectFile } from './source.ts'

const files = projectFiles()
const sources = files
  .filter((path) => /\.tsx?$/.test(path) && !path.includes('/fixtures/'))
  .map((path) => {
    const text = readProjectFile(path)
    return { path, text, imports: importsOf(path, text), testCode: isTestCode(path) }
  })
const production = sources.filter(({ path, testCode }) => !testCode && !/^(?:test|bench|scripts)\/|^[^/]+$/.test(path))

test('there is something to look at', () => {
  expect(production.length).toBeGreaterThan(10)
})

describe('imports', () => {
  test('every folder with code has a row in the import table', () => {
    expect(sources.filter(({ path }) => layerOf(path) === undefined).map(({ path }) => path)).toEqual([])
  })

  test('a folder imports only from the folders that the import table allows', () => {
    const forbidden = sources.flatMap(({ path, imports, testCode }) =>
      imports
        .filter((each) => each.path !== undefined)
        .filter((each) => !mayImport(path, each.path ?? '', { typeOnly: each.typeOnly, testCode }))
        .map((each) => `${path} imports ${each.typeOnly ? 'types of ' : ''}${each.path}`),
    )
    expect(forbidden).toEqual([])
  })

  test('a relative import names a file with its ending', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports
        .filter((each) => each.specifier.startsWith('.') && !/\.(?:ts|tsx|json)$/.test(each.specifier))
        .map((each) => `${path}: ${each.specifier}`),
    )
    expect(wrong).toEqual([])
  })

  test('no folders import each other in a circle', () => {
    const edges = new Map<string, Set<string>>()
    for (const { path, imports } of production) {
      for (const each of imports) {
        const [from, to] = [layerOf(path), each.path === undefined ? undefined : layerOf(each.path)]
        if (from !== undefined && to !== undefined && from !== to)
          edges.set(from, (edges.get(from) ?? new Set()).add(to))
      }
    }
    expect(circleIn(edges)).toBeUndefined()
  })

  test('no modules import each other in a circle', () => {
    const edges = new Map(
      production.map(({ path, imports }) => [
        path,
        new Set(imports.filter((each) => !each.typeOnly && each.path !== undefined).map((each) => each.path ?? '')),
      ]),
    )
    expect(circleIn(edges)).toBeUndefined()
  })

  test.each(Object.entries(singleFilePackages))('%s is imported by one file at most', (name, where) => {
    const users = sources
      .filter(({ imports }) => imports.some(({ specifier }) => specifier === name || specifier.startsWith(`${name}/`)))
      .map(({ path }) => path)
    expect(users.length).toBeLessThanOrEqual(1)
    for (const user of users) expect(user).toMatch(where)
  })

  test('production code imports no package that only development installs', () => {
    const { devDependencies } = JSON.parse(readProjectFile('package.json')) as {
      devDependencies: Record<string, string>
    }
    const wrong = production.flatMap(({ path, imports }) =>
      imports
        .filter(({ typeOnly, specifier }) => !typeOnly && packageOf(specifier) in devDependencies)
        .map(({ specifier }) => `${path} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })

  test("nact's query, spawnPersistent and shutdownAfter are used nowhere", () => {
    for (const { path, text, imports } of sources) {
      const nact = imports.filter(({ specifier }) => specifier === 'nact')
      for (const { clause } of nact) expect(clause, path).not.toMatch(/\bquery\b|\bpersist\b|\*/)
      expect(codeOf(text), path).not.toMatch(/\b(?:spawnPersistent|shutdownAfter)\b/)
    }
  })
})

describe('domain/', () => {
  const domain = production.filter(({ path }) => path.startsWith('domain/'))

  test('imports no package and no module of Node, but hashing in domain/ids.ts', () => {
    for (const { path, imports } of domain) {
      const outside = imports.filter((each) => each.path === undefined)
      if (path === 'domain/ids.ts') {
        expect(outside.map(({ specifier }) => specifier)).toEqual(['node:crypto'])
        expect(outside[0]?.clause.match(/\w+/g)?.sort()).toEqual(['createHash', 'createHmac'])
      } else expect(outside, path).toEqual([])
    }
  })

  test('knows no clock, no randomness, no I/O and no process', () => {
    const impure =
      /\b(?:Date\.now|new\s+Date\b|Math\.random|performance\.|process\.|globalThis\b|setTimeout|setInterval|setImmediate|queueMicrotask|fetch\(|console\.|crypto\.)/
    for (const { path, text } of domain) expect(codeOf(text).match(impure)?.[0], path).toBeUndefined()
  })

  test('is synchronous', () => {
    for (const { path, text } of domain)
      expect(codeOf(text).match(/\b(?:async|await|Promise)\b/)?.[0], path).toBeUndefined()
  })
})

describe('files', () => {
  const shouted =
    /^(?:README|LICENSE|CHANGELOG|CONTRIBUTING|SECURITY|UPGRADING|ARCHITECTURE|INVARIANTS|NOTICE)(?:\.md)?$/
  const containers = /^(?:Dockerfile|Dockerfile\.[a-z-]+)$/

  test('are named in kebab case', () => {
    const kebab = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/
    const migration = /^\d+[_-][a-z0-9-]+\.sql$/
    const wrong = files.filter((path) => {
      const name = path.split('/').at(-1) ?? ''
      if (path.startsWith('persistence/migrations/') && migration.test(name)) return false
      return ![kebab, shouted, containers].some((pattern) => pattern.test(name))
    })
    expect(wrong).toEqual([])
  })

  test('with code have at most 500 lines', () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > 500)
    expect(long).toEqual([])
  })

  test('hold nothing that was left for later or silences a check', () => {
    const wrong = sources
      .filter(({ path }) => !path.startsWith('test/tidy/'))
      .filter(({ text }) => /\b(?:TODO|FIXME)\b|@ts-(?:ignore|nocheck)/.test(text) || /\bas any\b/.test(codeOf(text)))
      .map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  test('hold no test that is focused or skipped for good', () => {
    const switchedOff = /\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo)\b/
    const wrong = sources.filter(({ text }) => switchedOff.test(codeOf(text))).map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  test('name no path of the machine they were written on', () => {
    const wrong = sources.filter(({ text }) => /['"`(\s](?:\/home|\/root|\/Users|\/work)\//.test(text))
    expect(wrong.map(({ path }) => path).filter((path) => !path.startsWith('test/tidy/'))).toEqual([])
  })
})

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** A circle of nodes, first and last the same, or undefined where there is none. */
function circleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>()
  const visit = (node: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node]
    if (done.has(node)) return undefined
    for (const next of edges.get(node) ?? []) {
      const circle = visit(next, [...trail, node])
      if (circle !== undefined) return circle
    }
    done.add(node)
    return undefined
  }
  for (const node of edges.keys()) {
    const circle = visit(node, [])
    if (circle !== undefined) return circle
  }
  return undefined
}

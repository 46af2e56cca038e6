/**
 * `shardpay doctor`: is this machine fit to run Shardpay? It asks the surroundings, never the operators' API. Exit 1 where
 * something will not work; warnings are about what works and should not stay so.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { Client } from 'pg'
import type { Surroundings } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { plain } from './output.ts'
import { devFilePath, readDevFile } from './settings.ts'

interface Finding {
  readonly check: string
  readonly verdict: 'ok' | 'warning' | 'wrong'
  readonly what: string
  readonly fix?: string
}

const nodeMajorMin = 24
const postgresMin = 170_000
const databaseWithinMs = 5_000
const certificateWarnMs = 7 * 24 * 60 * 60 * 1_000
const ports = [
  ['SHARDPAY_MERCHANT_PORT', 8080],
  ['SHARDPAY_OPERATOR_PORT', 8081],
] as const

export async function doctor({ env, directory, clock, out }: Surroundings, json: boolean): Promise<void> {
  const dev = devFinding(env, directory)
  const findings = [
    nodeFinding(process.versions.node),
    dev.finding,
    ...(await portFindings(env, dev.isRunning)),
    ...(await databaseFindings(env['DATABASE_URL'] ?? dev.databaseUrl)),
    ...fileFindings(env, clock.now()),
  ]
  if (json) out(`${JSON.stringify({ findings })}\n`)
  else {
    const marks = { ok: '✓', warning: '!', wrong: '✗' }
    for (const { check, verdict, what, fix } of findings) {
      out(`${marks[verdict]} ${check.padEnd(28)} ${plain(what)}${fix === undefined ? '' : `\n  → ${fix}`}\n`)
    }
  }
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length
  if (wrong > 0) throw new CliError(exitCodes.failed, `${wrong} of ${findings.length} checks found something wrong`)
}

function nodeFinding(version: string): Finding {
  const isFit = Number.parseInt(version, 10) >= nodeMajorMin
  const fix = { fix: `use Node ${nodeMajorMin}: npm ci installs it, and npm run shardpay uses that one` }
  return { check: 'Node', verdict: isFit ? 'ok' : 'wrong', what: version, ...(isFit ? {} : fix) }
}

function devFinding(
  env: Surroundings['env'],
  directory: string,
): { readonly finding: Finding; readonly isRunning: boolean; readonly databaseUrl: string | undefined } {
  const check = 'npm start'
  const path = devFilePath(env, directory)
  try {
    const dev = readDevFile(env, directory)
    const what = dev === undefined ? 'does not run here' : `runs here (${path})`
    return { finding: { check, verdict: 'ok', what }, isRunning: dev !== undefined, databaseUrl: dev?.database_url }
  } catch (error) {
    const what = error instanceof Error ? error.message : `${path} cannot be read`
    const fix = 'stop npm start and start it again'
    return { finding: { check, verdict: 'wrong', what, fix }, isRunning: false, databaseUrl: undefined }
  }
}

async function portFindings(env: Surroundings['env'], isRunning: boolean): Promise<Finding[]> {
  // taken by whom we would start
  if (isRunning) return []
  return Promise.all(
    ports.map(async ([variable, fallback]): Promise<Finding> => {
      const port = Number(env[variable] ?? fallback)
      const check = `port ${port}`
      if (!Number.isInteger(port) || port < 0 || port > 65_535) {
        return { check: variable, verdict: 'wrong', what: 'no port number', fix: `set ${variable} to 0 to 65535` }
      }
      const code = await portTrouble(port)
      if (code === undefined) return { check, verdict: 'ok', what: 'free' }
      return { check, verdict: 'wrong', what: code, fix: `set ${variable} (docs/errors.md#port-in-use)` }
    }),
  )
}

function portTrouble(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'cannot be opened'))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function databaseFindings(url: string | undefined): Promise<Finding[]> {
  const check = 'Postgres'
  if (url === undefined) {
    return [{ check, verdict: 'ok', what: 'npm start brings its own; DATABASE_URL names one of yours' }]
  }
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: databaseWithinMs,
    query_timeout: databaseWithinMs,
    application_name: 'shardpay doctor',
  })
  // after the answer, or the lack of one, nobody is interested any more
  client.on('error', () => undefined)
  try {
    await client.connect()
    const names = ['server_version_num', 'fsync', 'synchronous_commit', 'full_page_writes', 'synchronous_standby_names']
    const { rows } = await client.query<{ name: string; value: string }>(
      'SELECT name, setting AS value FROM pg_settings WHERE name = ANY($1)',
      [names],
    )
    return settingFindings(new Map(rows.map(({ name, value }) => [name, value])))
  } catch (error) {
    const code = (error as { code?: unknown }).code
    const what = `cannot be reached (${typeof code === 'string' ? code : 'no answer'})`
    return [
      { check, verdict: 'wrong', what, fix: 'is DATABASE_URL right, does the server run, may this user connect?' },
    ]
  } finally {
    await client.end().catch(() => undefined)
  }
}

export function settingFindings(settings: ReadonlyMap<string, string>): Finding[] {
  const version = Number(settings.get('server_version_num'))
  const isNew = version >= postgresMin
  const findings: Finding[] = [
    {
      ...{ check: 'Postgres', verdict: isNew ? 'ok' : 'wrong', what: `version ${Math.floor(version / 10_000)}` },
      ...(!isNew && { fix: 'Postgres 17 or newer' }),
    },
  ]
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const value = settings.get(name) ?? 'unknown'
    const isSafe = value !== 'off' && value !== 'unknown' && (name !== 'synchronous_commit' || value !== 'local')
    const fix = `set ${name} = on: what was acknowledged would be lost in a crash`
    findings.push({
      check: `Postgres: ${name}`,
      verdict: isSafe ? 'ok' : 'wrong',
      what: value,
      ...(!isSafe && { fix }),
    })
  }
  const standbys = settings.get('synchronous_standby_names') ?? ''
  findings.push(
    standbys === ''
      ? {
          ...{ check: 'Postgres: standby', verdict: 'warning', what: 'no synchronous standby' },
          fix: 'one server survives its processes, not its disk: for production set synchronous_standby_names',
        }
      : { check: 'Postgres: standby', verdict: 'ok', what: 'synchronous' },
  )
  return findings
}

/** Every file that a setting names: there, readable, not for everybody's eyes; certificates not about to end. */
function fileFindings(env: Surroundings['env'], now: number): Finding[] {
  const variables = Object.keys(env).filter((name) => /^(?:SHARDPAY_[A-Z0-9_]+|DATABASE_URL)_FILE$/.test(name))
  return variables.sort().map((check) => fileFinding(check, env[check] ?? '', now))
}

function fileFinding(check: string, path: string, now: number): Finding {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return certificateFinding(check, text, now)
    const isOpen = (statSync(path).mode & 0o077) !== 0
    if (!isOpen) return { check, verdict: 'ok', what: 'readable by its owner alone' }
    return { check, verdict: 'warning', what: 'readable by others', fix: `chmod 600 ${path}` }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    return {
      check,
      verdict: 'wrong',
      what: `${path} cannot be read (${code})`,
      fix: `let ${check} name a file that can be`,
    }
  }
}

function certificateFinding(check: string, text: string, now: number): Finding {
  const ends = new X509Certificate(text).validToDate.getTime()
  const what = `certificate until ${new Date(ends).toISOString().slice(0, 10)}`
  if (ends > now + certificateWarnMs) return { check, verdict: 'ok', what }
  return {
    check,
    verdict: ends <= now ? 'wrong' : 'warning',
    what,
    fix: 'issue it anew; it is reloaded without a restart',
  }
}

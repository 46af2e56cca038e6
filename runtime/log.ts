/**
 * The log: one JSON object per line, on stderr (stdout of a process carries its ready line).
 *
 * What may be logged is a list of names, not a list of what must not: a field that is not in {@link LogFields} is left
 * out and counted in `dropped_fields`, also where the compiler was not asked. Second wall: what looks like a card number,
 * a key or credentials in a URL is masked in every string, message and error. An error is reduced to name, code, message
 * and stack; its other members (a database's `detail` quotes values) never reach the log.
 *
 * Lines are written synchronously, so the last line before a crash is there. What the line says is the caller's concern.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Everything a line may carry beside level, time and message. */
export interface LogFields {
  /** Part of the process: `journal`, `host`, `gateway`, `stripe`. */
  readonly component?: string
  readonly role?: string
  readonly node?: string
  /** Another node than the one that writes the line. */
  readonly peer?: string
  readonly incarnation?: number
  readonly shard?: number
  readonly epoch?: number
  readonly position?: number
  readonly lane?: number
  /** Shards of a journal database, such as `0-511`. */
  readonly database?: string
  /** 32 hexadecimal digits. */
  readonly entity?: string
  readonly kind?: string
  readonly seq?: number
  readonly command?: string
  readonly command_id?: string
  readonly merchant?: string
  readonly payment?: string
  readonly operation?: string
  readonly attempt?: number
  readonly psp?: string
  readonly connection?: string
  readonly request_id?: string
  readonly trace_id?: string
  readonly method?: string
  /** The route's pattern, never the URL as sent. */
  readonly route?: string
  readonly status?: number | string
  readonly code?: string
  readonly reason?: string
  readonly variable?: string
  readonly duration_ms?: number
  readonly retry_after_ms?: number
  readonly lag_ms?: number
  readonly count?: number
  readonly bytes?: number
  readonly port?: number
  readonly pid?: number
  readonly signal?: string
  readonly exit_code?: number
  readonly version?: string
  readonly error?: unknown
}

const allowed: Readonly<Record<keyof LogFields, true>> = {
  component: true,
  role: true,
  node: true,
  peer: true,
  incarnation: true,
  shard: true,
  epoch: true,
  position: true,
  lane: true,
  database: true,
  entity: true,
  kind: true,
  seq: true,
  command: true,
  command_id: true,
  merchant: true,
  payment: true,
  operation: true,
  attempt: true,
  psp: true,
  connection: true,
  request_id: true,
  trace_id: true,
  method: true,
  route: true,
  status: true,
  code: true,
  reason: true,
  variable: true,
  duration_ms: true,
  retry_after_ms: true,
  lag_ms: true,
  count: true,
  bytes: true,
  port: true,
  pid: true,
  signal: true,
  exit_code: true,
  version: true,
  error: true,
}

type Write = (fields: LogFields, message: string) => void

export interface Log {
  readonly trace: Write
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
  readonly fatal: Write
  /** A log whose every line carries these fields too. */
  child(fields: LogFields): Log
}

export interface LogOptions {
  readonly level: LogLevel
  /** On every line: which process this is. */
  readonly fields?: LogFields
  /** Default: stderr, synchronously. */
  readonly stream?: DestinationStream
}

export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
    },
    options.stream ?? destination({ dest: 2, sync: true }),
  )
  return wrap(logger.child(clean(options.fields ?? {})))
}

/** For tests, and for parts that were given no log. */
export const silentLog: Log = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  child: () => silentLog,
}

function wrap(logger: Logger): Log {
  const at =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'): Write =>
    (fields, message) => {
      if (logger.isLevelEnabled(level)) logger[level](clean(fields), maskSecrets(message).slice(0, textMax))
    }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (fields) => wrap(logger.child(clean(fields))),
  }
}

const textMax = 1_000
const stackMax = 4_000
const causesMax = 3

function clean(fields: LogFields): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  let dropped = 0
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (value === undefined) continue
    if (name === 'error') kept['error'] = describeError(value)
    else if (!Object.hasOwn(allowed, name)) dropped += 1
    else if (typeof value === 'string') kept[name] = maskSecrets(value).slice(0, textMax)
    else if (typeof value === 'number' || typeof value === 'boolean') kept[name] = value
    else if (typeof value === 'bigint') kept[name] = String(value)
    else dropped += 1
  }
  if (dropped > 0) kept['dropped_fields'] = dropped
  return kept
}

/** Name, code, message, stack and causes of an error; of anything else thrown, only its type. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: `thrown ${error === null ? 'null' : typeof error}` }
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    ...(typeof code === 'string' && { code: maskSecrets(code).slice(0, textMax) }),
    message: maskSecrets(error.message).slice(0, textMax),
    ...(error.stack !== undefined && { stack: maskSecrets(error.stack).slice(0, stackMax) }),
    ...(error.cause !== undefined && depth < causesMax && { cause: describeError(error.cause, depth + 1) }),
  }
}

// no scheme issues numbers that begin with 0 or 1, and times in milliseconds begin with 1
const digitRun = /(?<![0-9A-Za-z_])[2-9](?:[ -]?[0-9]){11,18}(?![0-9A-Za-z_])/g
const keys = /\b(?:sk|rk|pk|whsec)_[0-9A-Za-z_]{6,}/g
const bearer = /\b(Bearer|Basic)\s+[0-9A-Za-z._~+/=-]{6,}/gi
const urlCredentials = /(?<=[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi

/** Masks what may be a card number (12 to 19 digits), an API key or credentials; rather too much than too little. */
export function maskSecrets(text: string): string {
  return text
    .replace(urlCredentials, '[masked]@')
    .replace(bearer, '$1 [masked]')
    .replace(keys, (key) => `${key.slice(0, key.indexOf('_') + 1)}[masked]`)
    .replace(digitRun, '[masked]')
}

/**
 * Configuration from the environment: one description per setting gives its type, validation, default and its row in
 * docs/config.md.
 *
 * - All settings are read and checked at once; one error names every variable that is wrong and what it should be. It
 *   never repeats a value: connection strings hold passwords.
 * - A secret comes from a file only, named by `<VARIABLE>_FILE`, because environments end up in process lists and crash
 *   reports. Where a setting allows both, giving both is an error. Blanks and line ends around a file's text are cut.
 * - An empty variable counts as absent.
 *
 * Which settings a process has is data beside that process; this file knows none.
 */
import { readFileSync } from 'node:fs'
import type { Static, TSchema } from 'typebox'
import { Value } from 'typebox/value'

/** Where a setting's text comes from. */
export type SettingSource = 'value' | 'file' | 'value or file'

export interface Setting<Schema extends TSchema = TSchema, Optional extends boolean = boolean> {
  /** Without `_FILE`. */
  readonly variable: string
  /** `description` says what it is for, `default` applies where it is absent. */
  readonly schema: Schema
  readonly source: SettingSource
  /** Absent without default is fine. */
  readonly optional: Optional
  /** What a valid value is, in words; made from the schema where absent. */
  readonly expected?: string
}

interface SettingOptions {
  readonly source?: SettingSource
  readonly expected?: string
}

/** A setting that has a default or must be set. */
export function setting<Schema extends TSchema>(
  variable: string,
  schema: Schema,
  options: SettingOptions = {},
): Setting<Schema, false> {
  return { variable, schema, source: 'value', optional: false, ...options }
}

/** A setting that may be absent. */
export function optionalSetting<Schema extends TSchema>(
  variable: string,
  schema: Schema,
  options: SettingOptions = {},
): Setting<Schema, true> {
  return { variable, schema, source: 'value', optional: true, ...options }
}

export type Settings = Readonly<Record<string, Setting>>

export type Configuration<Of extends Settings> = {
  readonly [Name in keyof Of]: Of[Name] extends Setting<infer Schema, infer Optional>
    ? Static<Schema> | (Optional extends true ? undefined : never)
    : never
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigProblem {
  /** As it is set or should be set: with `_FILE` where the text comes from a file. */
  readonly variable: string
  readonly problem: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'configuration_invalid'
  readonly canRetry = false
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ variable, problem }) => `${variable} ${problem}`).join('; '))
    this.problems = problems
  }
}

/** @throws {@link ConfigError} naming everything that is wrong. */
export function loadConfig<Of extends Settings>(settings: Of, environment: Environment): Configuration<Of> {
  const problems: ConfigProblem[] = []
  const values: Record<string, unknown> = {}
  for (const [name, each] of Object.entries(settings)) {
    const read = readSetting(each, environment)
    if ('problem' in read) problems.push(read)
    else values[name] = read.value
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as Configuration<Of>
}

/** Variables that start like ours and are none of these settings: a typing error that would go unnoticed. */
export function unknownVariables(prefix: string, environment: Environment, ...groups: readonly Settings[]): string[] {
  const known = new Set(groups.flatMap((group) => Object.values(group).flatMap(variablesOf)))
  return Object.keys(environment)
    .filter((variable) => variable.startsWith(prefix) && !known.has(variable))
    .sort()
}

/** What a valid value of this setting is, in words. */
export function expectedOf({ expected, schema }: Setting): string {
  if (expected !== undefined) return expected
  const {
    type,
    minimum,
    maximum,
    enum: values,
  } = schema as {
    type?: string
    minimum?: number
    maximum?: number
    enum?: readonly string[]
  }
  if (values !== undefined) return `one of ${values.join(', ')}`
  if (type === 'boolean') return 'true or false'
  if (type !== 'integer') return 'text'
  if (minimum !== undefined && maximum !== undefined) return `a whole number from ${minimum} to ${maximum}`
  return minimum === undefined ? 'a whole number' : `a whole number, ${minimum} or more`
}

/** The names under which a setting may be given. */
export function variablesOf({ variable, source }: Setting): string[] {
  return [...(source === 'file' ? [] : [variable]), ...(source === 'value' ? [] : [`${variable}_FILE`])]
}

function readSetting(each: Setting, environment: Environment): { readonly value: unknown } | ConfigProblem {
  const given = variablesOf(each).filter((variable) => (environment[variable] ?? '') !== '')
  const [variable, second] = given
  if (variable === undefined) {
    const { default: fallback } = each.schema as { default?: unknown }
    if (fallback !== undefined || each.optional) return { value: fallback }
    return { variable: variablesOf(each).join(' or '), problem: `is not set: ${expectedOf(each)}` }
  }
  if (second !== undefined) return { variable, problem: `and ${second} are both set: one is enough` }
  const text = environment[variable] ?? ''
  if (variable === each.variable) return check(each, variable, text)
  try {
    return check(each, variable, readFileSync(text, 'utf8').trim())
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return { variable, problem: `names a file that cannot be read (${code})` }
  }
}

function check(each: Setting, variable: string, text: string): { readonly value: unknown } | ConfigProblem {
  const value = parse((each.schema as { type?: string }).type, text)
  if (Value.Check(each.schema, value)) return { value }
  const where = variable === each.variable ? 'must be' : 'must name a file that holds'
  return { variable, problem: `${where} ${expectedOf(each)}` }
}

/** Only the one canonical spelling of a number or a truth value; everything else stays text and fails its schema. */
function parse(type: string | undefined, text: string): unknown {
  if (type === 'integer' && /^(?:0|-?[1-9][0-9]{0,14})$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

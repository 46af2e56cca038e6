/**
 * Parameters as Stripe's servers take them: form encoding with brackets, read by name and kind, nothing unread left over.
 *
 * Guarantees: a parameter that no handler reads is refused (`parameter_unknown`), as Stripe does; one of the wrong kind
 * too. What Stripe knows and this simulator does not simulate is unknown here: a test notices instead of being misled.
 */
import { invalidParameter, StripeFailure } from './failure.ts'

/** A decoded form: text, or names to further values. Lists are names 0, 1, 2, … */
export type FormTree = Map<string, string | FormTree>

const depthMax = 6
const fieldsMax = 1000

/** Decodes a form body or a query. Both `a[0]=` and `a[]=` make a list; the last of two equal names wins. */
export function decodeForm(text: string): FormTree {
  const root: FormTree = new Map()
  if (text === '') return root
  const pairs = text.split('&')
  if (pairs.length > fieldsMax) throw invalidParameter('parameters_exclusive', 'Too many parameters.', '')
  for (const pair of pairs) {
    if (pair === '') continue
    const cut = pair.indexOf('=')
    const name = decode(cut === -1 ? pair : pair.slice(0, cut))
    insert(root, pathOf(name), decode(cut === -1 ? '' : pair.slice(cut + 1)), name)
  }
  return root
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidParameter('parameter_invalid_string', 'Invalid percent-encoding.', '')
  }
}

function pathOf(name: string): string[] {
  const open = name.indexOf('[')
  if (open <= 0) return [name]
  const rest = name.slice(open)
  if (!/^(?:\[[^[\]]*\])+$/.test(rest)) throw invalidParameter('parameter_invalid_string', 'Invalid name.', name)
  return [name.slice(0, open), ...rest.slice(1, -1).split('][')]
}

function insert(root: FormTree, path: readonly string[], value: string, name: string): void {
  if (path.length > depthMax) throw invalidParameter('parameter_invalid_string', 'Nested too deeply.', name)
  let node = root
  for (const [level, key] of path.entries()) {
    const at = key === '' ? String(node.size) : key
    if (level === path.length - 1) {
      node.set(at, value)
      return
    }
    const next = node.get(at)
    if (typeof next === 'string') throw invalidParameter('parameter_invalid_hash', 'Not a hash.', name)
    const child: FormTree = next ?? new Map()
    node.set(at, child)
    node = child
  }
}

/** The tree with its names sorted: equal for equal parameters in any order. */
export function canonical(tree: FormTree): string {
  return JSON.stringify(
    [...tree.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, typeof value === 'string' ? value : canonical(value)]),
  )
}

export class Parameters {
  readonly #tree: FormTree
  readonly #prefix: string
  readonly #unread: Set<string>
  readonly #nested: Parameters[] = []

  constructor(tree: FormTree, prefix = '') {
    this.#tree = tree
    this.#prefix = prefix
    this.#unread = new Set(tree.keys())
  }

  string(name: string): string | undefined {
    const value = this.#take(name)
    if (value instanceof Map) throw invalidParameter('parameter_invalid_string', 'Invalid string.', this.#path(name))
    return value
  }

  /** A string that is not empty; an empty one is as good as none. */
  text(name: string): string | undefined {
    const value = this.string(name)
    return value === '' ? undefined : value
  }

  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) {
      throw invalidParameter('parameter_missing', `Missing required param: ${this.#path(name)}.`, this.#path(name))
    }
    return value
  }

  integer(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const number = Number(value)
    if (!/^-?\d{1,15}$/.test(value) || !Number.isSafeInteger(number)) {
      throw invalidParameter('parameter_invalid_integer', 'Invalid integer.', this.#path(name))
    }
    return number
  }

  boolean(name: string): boolean | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (value === 'true' || value === 'false') return value === 'true'
    throw invalidParameter('parameter_invalid_boolean', 'Invalid boolean.', this.#path(name))
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const choice = choices.find((candidate) => candidate === value)
    if (choice !== undefined) return choice
    throw invalidParameter(
      undefined,
      `Invalid ${this.#path(name)}: must be one of ${choices.join(', ')}`,
      this.#path(name),
    )
  }

  list(name: string): string[] {
    const value = this.#take(name)
    if (value === undefined) return []
    if (typeof value === 'string') throw invalidParameter('parameter_invalid_array', 'Invalid array.', this.#path(name))
    return [...value.values()].map((item) => {
      if (typeof item === 'string') return item
      throw invalidParameter('parameter_invalid_array', 'Invalid array.', this.#path(name))
    })
  }

  /** Names to texts; a name with an empty text stands for its removal. */
  map(name: string): Readonly<Record<string, string>> | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value === 'string') {
      if (value === '') return {}
      throw invalidParameter('parameter_invalid_hash', 'Invalid hash.', this.#path(name))
    }
    const entries = [...value.entries()].map(([key, item]): [string, string] => {
      if (typeof item === 'string' && key.length <= 40 && item.length <= 500) return [key, item]
      throw invalidParameter(undefined, 'Metadata keys have up to 40 characters, values up to 500.', this.#path(name))
    })
    if (entries.length > 50) throw invalidParameter(undefined, 'Metadata has up to 50 keys.', this.#path(name))
    return Object.fromEntries(entries)
  }

  nested(name: string): Parameters {
    const value = this.#take(name)
    if (typeof value === 'string') throw invalidParameter('parameter_invalid_hash', 'Invalid hash.', this.#path(name))
    const nested = new Parameters(value ?? new Map(), this.#path(name))
    this.#nested.push(nested)
    return nested
  }

  /** A number, or names within (which may be none at all). */
  nestedOrInteger(name: string): number | Parameters {
    if (typeof this.#tree.get(name) === 'string') return this.integer(name) ?? 0
    return this.nested(name)
  }

  /** Refuses what nobody asked for. Called once all was read. */
  finish(): void {
    for (const name of this.#unread) {
      const path = this.#path(name)
      throw new StripeFailure(
        400,
        {
          type: 'invalid_request_error',
          code: 'parameter_unknown',
          message: `Received unknown parameter: ${path}`,
          param: path,
        },
        { stored: false },
      )
    }
    for (const nested of this.#nested) nested.finish()
  }

  #take(name: string): string | FormTree | undefined {
    this.#unread.delete(name)
    return this.#tree.get(name)
  }

  #path(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}[${name}]`
  }
}

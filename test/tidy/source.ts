/**
 * Reads the project's own files for the tidy test, without a parser: TypeScript 7 has no compiler API to call. Comments,
 * strings, templates and regular expressions are told apart by one scanner; imports are found by their grammar, which
 * the formatter keeps regular. It leaves to the compiler whether what is imported exists.
 */
import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const notOurs = ['node_modules', '.git', '.shardpay', 'coverage', 'tmp']

/** Every file of the project, as a path from its root with forward slashes. */
export function projectFiles(): string[] {
  return globSync('**/*', { cwd: root, exclude: (path) => notOurs.includes(path) })
    .filter((path) => statSync(join(root, path)).isFile())
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

export function readProjectFile(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Tests, and the suites that hold several implementations of a port to the same claims. */
export function isTestCode(path: string): boolean {
  return /\.test\.ts$|-conformance\.ts$/.test(path)
}

export interface Import {
  /** As written. */
  readonly specifier: string
  /** From the project's root for a relative specifier; else undefined. */
  readonly path: string | undefined
  /** Gone after compilation: `import type`, `export type … from`, a type query. */
  readonly typeOnly: boolean
  /** What stands between `import` and `from`; empty for `import 'x'` and `import('x')`. */
  readonly clause: string
}

const clause = String.raw`(?<clause>type\s+)?(?<names>(?:[\w$]+\s*,\s*)?(?:\{[^{}]*\}|\*(?:\s+as\s+[\w$]+)?|[\w$]+))`
const statement = new RegExp(String.raw`^(?:import|export)\s+${clause}\s+from\s+'(?<specifier>[^'\n]+)'`, 'gm')
const bare = /^import\s+'(?<specifier>[^'\n]+)'/gm
const call = /\bimport\(\s*'(?<specifier>[^'\n]+)'/g

/** All imports and re-exports of a TypeScript file. */
export function importsOf(path: string, text: string): Import[] {
  const source = withoutComments(text)
  const imports: Import[] = []
  const add = (specifier: string, names: string, typeOnly: boolean): void => {
    const target = /^\.{1,2}\//.test(specifier) ? posix.join(posix.dirname(path), specifier) : undefined
    imports.push({ specifier, path: target, typeOnly, clause: names })
  }
  for (const { groups } of source.matchAll(statement)) {
    add(groups?.['specifier'] ?? '', groups?.['names'] ?? '', groups?.['clause'] !== undefined)
  }
  for (const { groups } of source.matchAll(bare)) add(groups?.['specifier'] ?? '', '', false)
  for (const match of source.matchAll(call)) {
    // `import('x').Name` stands in a type; a dynamic import is awaited or chained, never looked into at once
    const isType = /^import\([^)]*\)\.[A-Z]/.test(source.slice(match.index))
    add(match.groups?.['specifier'] ?? '', '', isType)
  }
  return imports
}

export function withoutComments(text: string): string {
  return blank(text, { comments: true, strings: false })
}

/** The code alone: comments and the insides of strings, templates and regular expressions are blanks. */
export function codeOf(text: string): string {
  return blank(text, { comments: true, strings: true })
}

type Mode = 'code' | 'line comment' | 'block comment' | "'" | '"' | '`' | '/'

/** Replaces what is asked for by blanks, keeping every line and column. */
function blank(text: string, what: { comments: boolean; strings: boolean }): string {
  let result = ''
  let mode: Mode = 'code'
  let inClass = false
  let lastCode = ''
  const braces: number[] = [] // per open `${`: how many braces are open inside it
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charAt(i)
    const pair = text.slice(i, i + 2)
    const keep = character === '\n' || character === '\r'
    if (mode === 'code') {
      if (pair === '//' || pair === '/*') {
        mode = pair === '//' ? 'line comment' : 'block comment'
        result += what.comments ? '  ' : pair
        i += 1
        continue
      }
      if (character === "'" || character === '"' || character === '`') mode = character
      else if (character === '/' && startsExpression(lastCode)) mode = '/'
      else if (braces.length > 0 && character === '{') braces[braces.length - 1] = (braces.at(-1) ?? 0) + 1
      else if (braces.length > 0 && character === '}') {
        if (braces.at(-1) === 0) {
          braces.pop()
          mode = '`'
        } else braces[braces.length - 1] = (braces.at(-1) ?? 0) - 1
      }
      if (character.trim() !== '') lastCode = (lastCode + character).slice(-8)
      else if (/\w$/.test(lastCode)) lastCode += ' '
      result += character
      continue
    }
    if (mode === 'line comment' || mode === 'block comment') {
      const ends = mode === 'line comment' ? character === '\n' : pair === '*/'
      result += keep || !what.comments ? character : ' '
      if (ends && mode === 'block comment') {
        result += what.comments ? ' ' : '/'
        i += 1
      }
      if (ends) mode = 'code'
      continue
    }
    if (character === '\\') {
      result += what.strings ? '  ' : pair
      i += 1
      continue
    }
    if (mode === '`' && pair === '${') {
      braces.push(0)
      mode = 'code'
      lastCode = '('
      result += pair
      i += 1
      continue
    }
    if (mode === '/') inClass = character === '[' || (inClass && character !== ']')
    const ends = mode === '/' ? character === '/' && !inClass : character === mode
    if (ends) {
      mode = 'code'
      lastCode = ')'
    }
    result += ends || keep || !what.strings ? character : ' '
  }
  return result
}

/** Whether a `/` after this code starts a regular expression rather than divides. */
function startsExpression(before: string): boolean {
  const code = before.trimEnd()
  return code === '' || /[(,=:[!&|?{};>+~^%*-]$/.test(code) || /(?:^|\W)(?:return|typeof|case|in|of)$/.test(code)
}

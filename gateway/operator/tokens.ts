/**
 * Operators' tokens: who may do what on the operators' port. Only SHA-256 hashes are kept; the tokens themselves are long and
 * random, so a plain hash cannot be guessed at. Looking one up takes the same time whichever it is, or none.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { operatorNamePattern, type OperatorRole, operatorRoles } from '../../domain/operator/action-log.ts'
import type { Access } from './deps.ts'

export const tokenLimits = {
  charactersMin: 24,
  charactersMax: 200,
  tokensMax: 64,
} as const

/** Whose request it is. */
export interface Operator {
  readonly name: string
  readonly role: OperatorRole
  /** Unix ms after which the token does not work; absent: it has no end. */
  readonly expiresAt?: number
}

export interface OperatorToken extends Operator {
  /** SHA-256 of the token, 32 bytes. */
  readonly hash: Uint8Array
}

const tokenPattern = new RegExp(`^[0-9A-Za-z_.-]{${tokenLimits.charactersMin},${tokenLimits.charactersMax}}$`)

const rolesOf: Readonly<Record<Access, readonly OperatorRole[]>> = {
  read: ['viewer', 'operator', 'approver'],
  audit: ['operator', 'approver'],
  // Whoever proposed may take it back, whoever approves may refuse.
  review: ['operator', 'approver'],
  // Approvers do not operate: whoever approves an action is not the one who could have taken it alone.
  operate: ['operator'],
  approve: ['approver'],
}

export function mayUse(access: Access, role: OperatorRole): boolean {
  return rolesOf[access].includes(role)
}

export class OperatorTokens {
  readonly #tokens: readonly OperatorToken[]

  constructor(tokens: readonly OperatorToken[]) {
    this.#tokens = tokens
  }

  /** @param now unix ms. */
  find(authorization: string | undefined, now: number): Operator | undefined {
    const [scheme = '', secret = '', ...rest] = authorization?.split(' ') ?? []
    if (scheme.toLowerCase() !== 'bearer' || rest.length > 0 || !tokenPattern.test(secret)) return undefined
    const hash = hashOf(secret)
    let found: OperatorToken | undefined
    // all of them are compared, whether one was found or not
    for (const token of this.#tokens) if (timingSafeEqual(token.hash, hash)) found = token
    if (found === undefined || (found.expiresAt !== undefined && now >= found.expiresAt)) return undefined
    const { name, role, expiresAt } = found
    return { name, role, ...(expiresAt !== undefined && { expiresAt }) }
  }
}

export function hashOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest()
}

/**
 * Reads the file of tokens: `[{"role": "operator", "name": "ops-1", "token": "…", "expires_at": "2027-01-01T00:00:00Z"}]`,
 * `expires_at` optional.
 * @throws an error that says which entry is wrong and how, and never repeats a token.
 */
export function parseOperatorTokens(text: string): readonly OperatorToken[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    // the parser's message would quote the file
    throw new Error('operator tokens: the file is not valid JSON')
  }
  if (!Array.isArray(list) || list.length > tokenLimits.tokensMax) {
    throw new Error(`operator tokens: the file must be a list of at most ${tokenLimits.tokensMax} entries`)
  }
  const tokens = list.map((entry: unknown, index) => parseToken(entry, index))
  if (new Set(tokens.map(({ name }) => name)).size < tokens.length) {
    throw new Error('operator tokens: two entries have the same name')
  }
  if (new Set(tokens.map(({ hash }) => Buffer.from(hash).toString('hex'))).size < tokens.length) {
    throw new Error('operator tokens: two entries have the same token')
  }
  return tokens
}

function parseToken(entry: unknown, index: number): OperatorToken {
  const wrong = (what: string) => new Error(`operator tokens: entry ${index + 1}: ${what}`)
  if (typeof entry !== 'object' || entry === null) throw wrong('it must be an object')
  const { role, name, token, expires_at: expires } = entry as Readonly<Record<string, unknown>>
  const known = operatorRoles.find((each) => each === role)
  if (known === undefined) throw wrong(`role must be one of ${operatorRoles.join(', ')}`)
  if (typeof name !== 'string' || !operatorNamePattern.test(name)) {
    throw wrong('name must be 1 to 64 of a-z, 0-9, _ . : and -')
  }
  if (typeof token !== 'string' || !tokenPattern.test(token)) {
    throw wrong(`token must be ${tokenLimits.charactersMin} to ${tokenLimits.charactersMax} letters, digits, _ . or -`)
  }
  const hash = hashOf(token)
  if (expires === undefined) return { role: known, name, hash }
  const expiresAt = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  if (Number.isNaN(expiresAt)) throw wrong('expires_at must be a time such as 2027-01-01T00:00:00Z')
  return { role: known, name, hash, expiresAt }
}

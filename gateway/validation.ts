/** Turns the validator's first complaint into a refusal that names the field. Values are never repeated. */
import type { FastifySchemaValidationError } from 'fastify'
import type { Refusal } from './problem.ts'

/** @param value the part of the request that was validated. */
export function refusalOfValidation(error: FastifySchemaValidationError, value: unknown): Refusal {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const param = path.join('.')
  switch (error.keyword) {
    case 'additionalProperties':
      return { code: 'unknown_field', param: [...path, text(error.params['additionalProperty'])].join('.') }
    case 'required': {
      const missing = [...path, text(error.params['missingProperty'])].join('.')
      return { code: 'parameter_missing', param: missing }
    }
    case 'type':
      if (path.length === 0) return { code: 'body_not_object' }
      if (param !== 'amount')
        return {
          code: 'parameter_invalid',
          param,
          message: `${shown(path)} must be ${typesOf(error.params['type'])}.`,
        }
      return { code: typeof valueAt(value, path) === 'number' ? 'amount_range' : 'amount_type', param }
    case 'minimum':
    case 'maximum':
      if (param === 'amount') return { code: 'amount_range', param }
      return {
        code: 'parameter_invalid',
        param,
        message: `${shown(path)} must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${text(error.params['limit'])}.`,
      }
    case 'minLength':
      return { code: 'parameter_invalid', param, message: `${shown(path)} must not be empty.` }
    case 'maxLength':
      return {
        code: 'parameter_invalid',
        param,
        message: `${shown(path)} must have at most ${text(error.params['limit'])} characters.`,
      }
    case 'maxProperties':
      return {
        code: 'parameter_invalid',
        param,
        message: `${shown(path)} must have at most ${text(error.params['limit'])} members.`,
      }
    case 'maxItems':
      return {
        code: 'parameter_invalid',
        param,
        message: `${shown(path)} must have at most ${text(error.params['limit'])} members.`,
      }
    case 'enum': {
      const allowed = error.params['allowedValues']
      const words = Array.isArray(allowed) ? allowed.map(text).join(', ') : ''
      return { code: 'parameter_invalid', param, message: `${shown(path)} must be one of: ${words}.` }
    }
    default:
      return { code: 'parameter_invalid', param }
  }
}

/** A field of ours by its name; the members of what merchants fill themselves only as such. */
function shown(path: readonly string[]): string {
  const [first = 'The body', ...rest] = path
  return rest.length === 0 ? first : `A member of ${first}`
}

/** `a string or an object` */
function typesOf(types: unknown): string {
  const names = Array.isArray(types) ? types.map(text) : text(types).split(',')
  return names.map(article).join(' or ')
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  )
}

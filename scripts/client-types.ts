/**
 * Makes the TypeScript client's types from the API's own OpenAPI document: a type for every named schema, for every body
 * that has no name one after its operation, and the codes of errors. Pure but for the formatter that it asks.
 *
 * It knows what the document uses and throws at anything else, so that a type is never wider than what was documented
 * without somebody deciding so.
 */
import { spawnSync } from 'node:child_process'
import { commandOf, projectRoot } from './support/tools.ts'

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly (string | number | boolean | null)[]
  readonly const?: string | number | boolean | null
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>
}

export interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId?: string; readonly requestBody?: Content }>>>
  >
}

const head = `/**
 * What the API takes and answers. Made from its OpenAPI document by \`npm run docs\`; not edited by hand.
 */
`

/** The text of clients/typescript/types.ts. */
export function clientTypes(document: OpenApiDocument): string {
  const named = Object.entries(document.components?.schemas ?? {})
  const bodies = Object.values(document.paths)
    .flatMap((methods) => Object.values(methods))
    .flatMap(({ operationId, requestBody }): [string, Schema][] => {
      const schema = requestBody?.content?.['application/json']?.schema
      if (schema === undefined || schema.$ref !== undefined) return []
      if (operationId === undefined) throw new Error('an operation with a body needs an operationId')
      return [[`${operationId.charAt(0).toUpperCase()}${operationId.slice(1)}Body`, schema]]
    })
  const all = [...named, ...bodies]
  const twice = all.find(([name], index) => all.findIndex(([other]) => other === name) !== index)
  if (twice !== undefined) throw new Error(`two schemas are called ${twice[0]}`)
  return formatted(`${head}\n${all.map(([name, schema]) => declarationOf(name, schema, named)).join('\n\n')}\n`)
}

type Named = readonly (readonly [name: string, schema: Schema])[]

function declarationOf(name: string, schema: Schema, named: Named): string {
  if (!/^[A-Z][A-Za-z0-9]*$/.test(name)) throw new Error(`${name} is no name for a type`)
  const comment = commentOf(schema)
  if (schema.type !== 'object' || schema.properties === undefined) {
    return `${comment}export type ${name} = ${typeOf(schema, named)}`
  }
  const base = named.find(([other, given]) => other !== name && isWiderThan(given, schema))
  if (base === undefined) return `${comment}export interface ${name} ${membersOf(schema, named)}`
  const own = Object.entries(schema.properties).filter(([member]) => base[1].properties?.[member] === undefined)
  const extension = membersOf({ ...schema, properties: Object.fromEntries(own) }, named)
  return `${comment}export interface ${name} extends ${base[0]} ${extension}`
}

/** Whether every member of `base` is in `schema`, the same, and `schema` has more. */
function isWiderThan(base: Schema, schema: Schema): boolean {
  const members = Object.entries(base.properties ?? {})
  if (members.length === 0 || members.length >= Object.keys(schema.properties ?? {}).length) return false
  const isRequired = (of: Schema, name: string): boolean => of.required?.includes(name) === true
  return members.every(
    ([name, member]) =>
      JSON.stringify(schema.properties?.[name]) === JSON.stringify(member) &&
      isRequired(base, name) === isRequired(schema, name),
  )
}

function commentOf({ description }: Schema): string {
  return description === undefined
    ? ''
    : `/** ${description.replaceAll('*/', '*∕').replaceAll(/\s+/g, ' ').trim()} */\n`
}

function typeOf(schema: Schema, named: Named): string {
  if (schema.$ref !== undefined) return nameIn(schema.$ref)
  if (schema.const !== undefined) return literal(schema.const)
  if (schema.enum !== undefined) {
    const isNullable = Array.isArray(schema.type) && schema.type.includes('null') && !schema.enum.includes(null)
    return [...schema.enum, ...(isNullable ? [null] : [])].map(literal).join(' | ')
  }
  const either = schema.anyOf ?? schema.oneOf
  if (either !== undefined) return either.map((each) => typeOf(each, named)).join(' | ')
  if (schema.type === undefined) throw new Error(`a schema without a type: ${JSON.stringify(schema)}`)
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type
  return types.map((type) => typeNamed(type, schema, named)).join(' | ')
}

function typeNamed(type: string, schema: Schema, named: Named): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      if (schema.items === undefined) throw new Error('an array without items')
      return `ReadonlyArray<${typeOf(schema.items, named)}>`
    case 'object':
      return objectOf(schema, named)
    default:
      throw new Error(`unknown type ${type}`)
  }
}

function objectOf(schema: Schema, named: Named): string {
  const { properties, additionalProperties, required = [] } = schema
  if (properties === undefined) {
    const values = typeof additionalProperties === 'object' ? typeOf(additionalProperties, named) : 'unknown'
    return `Readonly<Record<string, ${values}>>`
  }
  // Where a named object is written out again with fewer members required, its name says more than all its members.
  const same = named.find(([, other]) => JSON.stringify(other.properties) === JSON.stringify(properties))
  if (same !== undefined) {
    const [name, other] = same
    if (required.length === other.required?.length) return name
    return `Partial<${name}> & Pick<${name}, ${required.map(literal).join(' | ')}>`
  }
  return membersOf(schema, named)
}

function membersOf({ properties = {}, required = [] }: Schema, named: Named): string {
  const members = Object.entries(properties).map(([name, member]) => {
    const key = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name)
    const type = typeOf(member, named)
    // Whoever builds a body may leave a member undefined: JSON leaves it out.
    const typed = required.includes(name) ? `${key}: ${type}` : `${key}?: ${type} | undefined`
    return `${commentOf(member)}readonly ${typed}`
  })
  return members.length === 0 ? 'Readonly<Record<string, never>>' : `{\n${members.join('\n')}\n}`
}

function nameIn(reference: string): string {
  const name = /^#\/components\/schemas\/([A-Z][A-Za-z0-9]*)$/.exec(reference)?.[1]
  if (name === undefined) throw new Error(`a reference that is not followed: ${reference}`)
  return name
}

function literal(value: string | number | boolean | null): string {
  return JSON.stringify(value)
}

function formatted(source: string): string {
  const command = commandOf('@biomejs/biome', 'biome')
  const args = [command, 'format', '--stdin-file-path=clients/typescript/types.ts']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: projectRoot,
    input: source,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the formatter refused the types: ${stderr}`)
  return stdout
}

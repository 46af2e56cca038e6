/** Small additions to TypeBox that validator and serializer both know how to make fast: no `anyOf` anywhere. */
import {
  type Static,
  type TObject,
  type TProperties,
  type TSchema,
  type TSchemaOptions,
  type TUnsafe,
  Type,
} from 'typebox'

/** The schema's values, or null. */
export function nullable<Schema extends TSchema>(
  schema: Schema,
  options: TSchemaOptions = {},
): TUnsafe<Static<Schema> | null> {
  const { type, enum: words } = schema as { type?: string | readonly string[]; enum?: readonly unknown[] }
  const types = typeof type === 'string' ? [type] : (type ?? [])
  const choice = words === undefined ? {} : { enum: [...words, null] }
  return Type.Unsafe<Static<Schema> | null>({ ...schema, ...options, ...choice, type: [...types, 'null'] })
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(...words: Words): TUnsafe<Words[number]> {
  return Type.Unsafe<Words[number]>({ type: 'string', enum: words })
}

/** Names that the merchant chose, each with a text. */
export function textByName(options: TSchemaOptions = {}): TUnsafe<Readonly<Record<string, string>>> {
  return Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    ...options,
  })
}

export function closedObject<Properties extends TProperties>(
  properties: Properties,
  options: TSchemaOptions = {},
): TObject<Properties> {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** Where the document of the API finds the schema's name, so that it writes a reference. */
export const expandableKeyword = 'x-expandable'

/** An id, or the object itself where the request expands it. `name`: the object's in the document of the API. */
export function expandable<Schema extends TObject>(
  name: string,
  schema: Schema,
  options: TSchemaOptions = {},
): TUnsafe<string | Static<Schema>> {
  return Type.Unsafe<string | Static<Schema>>({
    ...schema,
    ...options,
    type: ['string', 'object'],
    [expandableKeyword]: name,
  })
}

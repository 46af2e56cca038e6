/**
 * The four functions of the metadata proposal for `Reflect` that tsyringe, within @peculiar/x509, asks for when it is loaded.
 * Imported before that package, and by nothing else; what defines them already is left alone.
 */

type Metadata = Map<unknown, unknown>

const metadataOf = new WeakMap<object, Metadata>()

function getOwnMetadata(key: unknown, target: object): unknown {
  return metadataOf.get(target)?.get(key)
}

function getMetadata(key: unknown, target: object): unknown {
  for (let each: object | null = target; each !== null; each = Reflect.getPrototypeOf(each)) {
    const found = getOwnMetadata(key, each)
    if (found !== undefined) return found
  }
  return undefined
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const known: Metadata = metadataOf.get(target) ?? new Map<unknown, unknown>()
  metadataOf.set(target, known.set(key, value))
}

/** As a decorator, which compilers emit for the types of parameters. */
function metadata(key: unknown, value: unknown): (target: object) => void {
  return (target) => defineMetadata(key, value, target)
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { getOwnMetadata, getMetadata, defineMetadata, metadata })

/**
 * Stripe's form encoding (`application/x-www-form-urlencoded` with brackets), byte for byte as the official SDK's:
 * `metadata[order]=1`, arrays by index (`expand[0]=…`), brackets left raw, everything else percent-encoded.
 * Permanent for request version 1: a repeat must carry the identical bytes.
 */

export type FormValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly FormValue[]
  | { readonly [key: string]: FormValue }

/** `undefined` is left out; `null` becomes an empty value, which clears the field at Stripe. Order is insertion order. */
export function encodeForm(fields: { readonly [key: string]: FormValue }): string {
  const pairs: string[] = []
  for (const [key, value] of Object.entries(fields)) append(pairs, key, value)
  return pairs.join('&')
}

function append(pairs: string[], key: string, value: FormValue): void {
  if (value === undefined) return
  if (value === null) {
    pairs.push(`${escape(key)}=`)
  } else if (typeof value !== 'object') {
    pairs.push(`${escape(key)}=${escape(String(value))}`)
  } else if (isList(value)) {
    value.forEach((item, index) => append(pairs, `${key}[${index}]`, item))
  } else {
    for (const [name, item] of Object.entries(value)) append(pairs, `${key}[${name}]`, item)
  }
}

function isList(value: FormValue): value is readonly FormValue[] {
  return Array.isArray(value)
}

const reserved: Readonly<Record<string, string>> = {
  '!': '%21',
  '*': '%2A',
  '(': '%28',
  ')': '%29',
  "'": '%27',
  '%5B': '[',
  '%5D': ']',
}

function escape(text: string): string {
  // A lone surrogate cannot be encoded; it becomes U+FFFD instead of an exception.
  return encodeURIComponent(text.toWellFormed()).replace(/[!*()']|%5[BD]/g, (part) => reserved[part] ?? part)
}

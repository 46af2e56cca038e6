/** JSON that a PSP has sent: outside data, of which every field is checked before it is believed. */

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON object that a body holds, or undefined where it holds none: HTML, half an answer, a list. */
export function parseObject(body: Uint8Array): Fields | undefined {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(body))
  } catch {
    return undefined // not UTF-8 or not JSON: said by the result
  }
  return isFields(value) ? value : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

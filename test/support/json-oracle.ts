/**
 * `JSON.parse` as a judge of other readers, but for what it reads wrongly itself: V8 13.6 (Node 24) takes the key `"\""` for
 * `\` where an object with the key `"\\"` in the same place was read before. Keys with a quotation mark or a backslash are
 * therefore not judged.
 */
export function isJudged(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => !/["\\]/.test(key) && isJudged(inner))
}

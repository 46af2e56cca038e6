/** A plain value as text, members in order of name: equal texts are equal values, however they were made. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = value as Record<string, unknown>
  let text = '{'
  for (const name of Object.keys(members).sort()) {
    if (members[name] !== undefined) text += `${JSON.stringify(name)}:${canonical(members[name])},`
  }
  return `${text}}`
}

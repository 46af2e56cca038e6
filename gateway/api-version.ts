/**
 * Dated versions of the API's answers. A key is pinned to the version it was made under; `Api-Version` asks for another
 * for one request. A request's version is journaled with it, so its replay looks as it did on the first day.
 */
export const apiVersions = ['2026-11-01'] as const

export type ApiVersion = (typeof apiVersions)[number]

export const currentApiVersion: ApiVersion = '2026-11-01'

export function isApiVersion(text: string): text is ApiVersion {
  return (apiVersions as readonly string[]).includes(text)
}

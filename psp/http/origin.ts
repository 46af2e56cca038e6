/** Where PSP credentials may be sent: to listed origins over TLS, and to simulators on this machine. */

/** A base URL that a connector must not use. Raised at start, before any credential is sent. */
export class OriginRefused extends Error {
  override readonly name = 'OriginRefused'
  readonly code = 'psp_origin_refused'
  readonly canRetry = false
}

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

export function isLoopback(url: URL): boolean {
  return loopbackNames.has(url.hostname)
}

/**
 * The origin (scheme, host, port) of a base URL, or {@link OriginRefused}: where it has a path, query or credentials;
 * where it is neither in `allowed` nor on this machine. Plain http is for this machine, and for what is listed so.
 */
export function checkedOrigin(baseUrl: string, allowed: readonly string[]): string {
  if (!URL.canParse(baseUrl)) throw new OriginRefused('a PSP base URL is an absolute URL')
  const url = new URL(baseUrl)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new OriginRefused('a PSP is reached by http(s)')
  if (url.username !== '' || url.password !== '') throw new OriginRefused('a PSP base URL carries no credentials')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new OriginRefused('a PSP base URL ends after host and port')
  }
  if (allowed.includes(url.origin) || isLoopback(url)) return url.origin
  throw new OriginRefused(`the origin ${url.origin} is not in the list of allowed origins`)
}

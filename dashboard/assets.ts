/**
 * The files of the operators' page, read once: our own from `dashboard/page/`, Preact from node_modules as it is. There is no
 * build step, and nothing is fetched from elsewhere.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Path → file; the page itself is at `/`. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const folder = new URL('./page/', import.meta.url)
  const files = new Map<string, PageFile>()
  for (const name of readdirSync(folder).sort()) {
    const contentType = contentTypes[extname(name)]
    if (contentType === undefined) continue
    const path = name === 'index.html' ? '/' : `/assets/${name}`
    files.set(path, { contentType, body: readFileSync(new URL(name, folder)) })
  }
  const preact = readFileSync(fileURLToPath(import.meta.resolve('preact')))
  files.set('/assets/preact.js', { contentType: contentTypes['.js'] ?? '', body: preact })
  return files
}

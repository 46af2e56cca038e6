/** Documents that point at each other, and at code, keep pointing at something. */
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { projectFiles, readProjectFile } from './source.ts'

const pages = projectFiles().filter((path) => path.endsWith('.md') && !path.includes('/fixtures/'))

/** GitHub's anchors: lower case, blanks to hyphens, everything but letters, digits, hyphens and underscores gone. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  const explicit = [...markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id)
  return new Set([...headings, ...explicit])
}

test('every relative link of a document leads to a file, and to a heading where it names one', () => {
  const broken = pages.flatMap((page) => {
    const text = readProjectFile(page).replace(/^```[\s\S]*?^```/gm, '')
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return []
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      const url = new URL(`../../${target}`, import.meta.url)
      if (!existsSync(url)) return [`${page}: ${link}`]
      if (anchor === undefined || !target.endsWith('.md')) return []
      return anchorsOf(readProjectFile(target)).has(anchor) ? [] : [`${page}: ${link}`]
    })
  })
  expect(broken).toEqual([])
})

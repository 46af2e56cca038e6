import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { StartError, startErrorCodes } from './start-error.ts'

test('every start error is explained in docs/errors.md, and nothing else is', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const section = page.split(/^## Start-up errors$/m)[1]?.split(/^## /m)[0] ?? ''
  const anchors = [...section.matchAll(/^### (.+)$/gm)].map(([, heading = '']) => heading)
  expect(anchors.sort()).toEqual(startErrorCodes.map((code) => code.replaceAll('_', '-')).sort())
})

test('the first line names the explanation; what a process said follows', () => {
  const error = new StartError('process_failed', 'server ended\n  no database')
  expect(error.text).toBe('server ended (docs/errors.md#process-failed)\n  no database')
})

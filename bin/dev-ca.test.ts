import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { LinkTls, type LinkTlsFiles, linkTlsFilesIn } from '../cluster/tls.ts'
import { systemClock } from '../runtime/clock.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'

const script = fileURLToPath(new URL('dev-ca.ts', import.meta.url))
const run = promisify(execFile)

function files(output: string): LinkTlsFiles {
  const [, directory = ''] = /^SHARDPAY_LINK_TLS_DIRECTORY=(.+)$/m.exec(output) ?? []
  return linkTlsFilesIn(directory)
}

test('makes files that links take, with one authority for all of them', async () => {
  const dir = temporaryDirectory()
  const issue = (...args: string[]) => run(process.execPath, [script, '--dir', dir, ...args])
  const first = files((await issue('--node', 'node-1', '--role', 'node')).stdout)
  const second = files((await issue('--node', 'edge', '--role', 'gateway', '--role', 'operator', '--days', '2')).stdout)
  expect(readFileSync(second.caFile, 'utf8')).toBe(readFileSync(first.caFile, 'utf8'))
  const [node, edge] = [first, second].map((each) => {
    const tls = new LinkTls({ files: each, clock: systemClock })
    tls.close()
    return tls
  })
  expect(node?.identity).toEqual({ node: 'node-1', roles: ['node'] })
  expect(edge?.identity).toEqual({ node: 'edge', roles: ['gateway', 'operator'] })
  expect(Math.round((edge?.expirySeconds ?? 0) / 3_600)).toBe(48)
  expect(statSync(first.keyFile).mode & 0o777).toBe(0o600)
})

test('refuses a role that there is not', async () => {
  const refused = run(process.execPath, [script, '--dir', temporaryDirectory(), '--node', 'n', '--role', 'root'])
  await expect(refused).rejects.toMatchObject({ code: 1 })
})

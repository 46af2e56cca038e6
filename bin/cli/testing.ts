/** For tests of the command line: a clone with a cluster of one's own making, and what commands print. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testOperators, type TestOperators, tokens } from '../../gateway/operator/testing.ts'
import { systemClock } from '../../runtime/clock.ts'
import { runCli } from './program.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A clone in which `npm start` runs, as far as the command line can see. */
export interface Clone extends TestOperators {
  readonly directory: string
  readonly url: string
  run(...args: readonly string[]): Promise<Ran>
  runWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran>
}

/** @param ended is given what ends it, to be called in the opposite order. */
export async function cloneIn(ended: (() => unknown)[], role: 'operator' | 'viewer' = 'operator'): Promise<Clone> {
  const edge = testOperators({}, systemClock)
  await edge.app.listen({ host: '127.0.0.1', port: 0 })
  ended.push(() => edge.app.close())
  const url = `http://127.0.0.1:${(edge.app.server.address() as AddressInfo).port}`
  const directory = mkdtempSync(join(tmpdir(), 'shardpay-cli-'))
  ended.push(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, '.shardpay'))
  const operatorTokens = [
    { role: 'operator', name: 'ops-1', token: tokens[role] },
    { role: 'approver', name: 'ann', token: tokens.approver },
  ]
  const dev = { urls: { operator: url }, operator_tokens: operatorTokens }
  writeFileSync(join(directory, '.shardpay', 'dev.json'), JSON.stringify(dev))
  const runWith = (env: Readonly<Record<string, string>>, ...args: readonly string[]) => runIn(directory, env, args)
  return { ...edge, directory, url, runWith, run: (...args) => runWith({}, ...args) }
}

async function runIn(directory: string, env: Readonly<Record<string, string>>, args: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCli(args, {
    ...{ env, directory, clock: systemClock, isTerminal: false },
    out: (text) => (out += text),
    err: (text) => (err += text),
  })
  return { code, out, err }
}

// oxlint-disable-next-line no-control-regex
export const uncoloured = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '')

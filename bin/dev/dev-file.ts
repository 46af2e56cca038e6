/**
 * `.shardpay/dev.json`: what the box says, for scripts. Written when all is ready and when a
 * process was started again, removed at the end; a supervisor that
 * was killed leaves it behind, and the next start removes it first.
 */
import { rm } from 'node:fs/promises'
import { writeAtomically } from './atomic-file.ts'

export interface DevFile {
  /** Base addresses by audience, `simulators` by PSP. */
  readonly urls: {
    readonly merchant: string
    readonly simulators: Readonly<Record<string, string>>
    readonly [audience: string]: string | Readonly<Record<string, string>>
  }
  readonly api_keys: readonly { readonly merchant: string; readonly key: string }[]
  /** For the operators' API and the CLI `shardpay`. */
  readonly operator_tokens: readonly { readonly role: string; readonly name: string; readonly token: string }[]
  readonly database_url: string
  readonly processes: readonly { readonly role: string; readonly id: string; readonly pid: number }[]
}

export async function writeDevFile(path: string, content: DevFile): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(content, null, 2)}\n`)
}

export async function removeDevFile(path: string): Promise<void> {
  await rm(path, { force: true })
}

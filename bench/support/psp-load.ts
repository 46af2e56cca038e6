/** Load by a process of its own (psp-process.ts), started, asked and stopped from outside; one question at a time. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CallPlan, CallResult } from './psp-calling.ts'
import type { MessageSubject, PushingPsp } from './psp-messages.ts'
import type { PspReply, PspRequest } from './psp-process.ts'
import type { PushResult } from './psp-pushing.ts'

const file = fileURLToPath(new URL('./psp-process.ts', import.meta.url))

export class PspLoad {
  readonly #child: ChildProcess

  /** @param certificate file of a certificate that it trusts beside the system's. */
  constructor(certificate?: string) {
    this.#child = fork(file, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...(certificate !== undefined && { NODE_EXTRA_CA_CERTS: certificate }) },
    })
  }

  /** Signs messages for `url`; returns under which the inboxes will know them. */
  async prepare(psp: PushingPsp, url: string, subjects: readonly MessageSubject[]): Promise<readonly string[]> {
    return (await this.#ask({ kind: 'prepare', psp, url, subjects }, 'prepared')).noticeIds
  }

  /** Pushes all that is prepared. */
  async push(connections: number): Promise<PushResult> {
    return (await this.#ask({ kind: 'push', connections }, 'pushed')).result
  }

  async call(plan: CallPlan): Promise<CallResult> {
    return (await this.#ask({ kind: 'call', plan }, 'called')).result
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise<void>((resolve) => void this.#child.once('exit', () => resolve()))
    this.#child.disconnect() // it ends then
    await exited
  }

  #ask<Kind extends PspReply['kind']>(request: PspRequest, kind: Kind): Promise<Extract<PspReply, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const heard = (reply: PspReply): void => {
        this.#child.off('exit', ended)
        if (reply.kind === kind) resolve(reply as Extract<PspReply, { kind: Kind }>)
        else reject(new Error(`a loading process answered ${reply.kind} instead of ${kind}`))
      }
      const ended = (code: number | null): void => {
        this.#child.off('message', heard)
        reject(new Error(`a loading process ended with exit code ${code}`))
      }
      this.#child.once('message', heard).once('exit', ended)
      this.#child.send(request)
    })
  }
}

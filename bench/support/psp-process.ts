/**
 * A process that loads from outside: it pushes webhooks as a PSP, or calls PSPs as a client. Started with an IPC channel, it
 * does what {@link PspRequest} says, one thing at a time; it ends when the channel does.
 */
import { callAll, type CallPlan, type CallResult } from './psp-calling.ts'
import { messageOf, type MessageSubject, type PushingPsp } from './psp-messages.ts'
import { pushAll, type PushResult, requestBytes } from './psp-pushing.ts'

export type PspRequest =
  /** Signs messages, ahead of what is measured; they take the place of those before. */
  | {
      readonly kind: 'prepare'
      readonly psp: PushingPsp
      /** Where they are pushed to. */
      readonly url: string
      readonly subjects: readonly MessageSubject[]
    }
  /** Pushes all that is prepared; doing so again pushes copies. */
  | { readonly kind: 'push'; readonly connections: number }
  | { readonly kind: 'call'; readonly plan: CallPlan }

export type PspReply =
  /** Under which the inboxes will know them. */
  | { readonly kind: 'prepared'; readonly noticeIds: readonly string[] }
  | { readonly kind: 'pushed'; readonly result: PushResult }
  | { readonly kind: 'called'; readonly result: CallResult }

let prepared: { readonly url: string; readonly requests: readonly Buffer[] } | undefined

async function perform(request: PspRequest): Promise<PspReply> {
  switch (request.kind) {
    case 'prepare': {
      const { psp, url, subjects } = request
      const messages = subjects.map((subject) => messageOf(psp, subject, Date.now()))
      prepared = { url, requests: messages.map((message) => requestBytes(url, message)) }
      return { kind: 'prepared', noticeIds: messages.map(({ noticeId }) => noticeId) }
    }
    case 'push': {
      if (prepared === undefined) throw new Error('messages are prepared before they are pushed')
      const { url, requests } = prepared
      return { kind: 'pushed', result: await pushAll(url, requests, request.connections) }
    }
    case 'call':
      return { kind: 'called', result: await callAll(request.plan) }
  }
}

process.on('disconnect', () => process.exit(0))
process.on('message', (request: PspRequest) => {
  perform(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

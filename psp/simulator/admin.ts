/**
 * The simulator's own controls, for this machine alone: the book, misbehaviour, the shopper's part of an authentication.
 * Stripe has nothing of the kind; everything here is under `/_admin`.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Behaviours, parseBehaviour } from './behaviour.ts'
import type { Book, BookEntry } from './book.ts'
import type { Engine } from './engine.ts'

export interface AdminOptions {
  readonly book: Pick<Book, 'entries' | 'entriesOf'>
  readonly behaviours: Behaviours
  readonly engine: Pick<Engine, 'concludeAction'>
  /** Add controls of their own. */
  readonly parts?: readonly ((admin: FastifyInstance) => void)[]
}

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

export function addAdmin(app: FastifyInstance, { book, behaviours, engine, parts = [] }: AdminOptions): void {
  void app.register(
    async (admin) => {
      admin.addHook('onRequest', async (request, reply) => {
        if (!loopback.has(request.socket.remoteAddress ?? '')) {
          return reply.code(403).send({ error: 'the controls are for this machine alone' })
        }
      })

      for (const add of parts) add(admin)

      admin.get<{ Querystring: { payment?: string } }>('/book', (request, reply) => {
        const { payment } = request.query
        const entries = payment === undefined ? book.entries() : book.entriesOf(payment)
        void reply.type('application/x-ndjson')
        return reply.send(Readable.from(asLines(entries)))
      })

      admin.get('/behaviour', () => ({ rules: behaviours.list() }))
      admin.post('/behaviour', (request, reply) => {
        const parsed = parseBehaviour(request.body)
        if ('problem' in parsed) return reply.code(400).send({ error: parsed.problem })
        behaviours.replace(parsed.rules)
        return reply.send({ rules: behaviours.list() })
      })
      admin.delete('/behaviour', () => {
        behaviours.replace([])
        return { rules: [] }
      })

      admin.post<{ Params: { intent: string }; Body: unknown }>('/3ds/:intent', (request, reply) => {
        const outcome = (request.body as { outcome?: unknown } | null)?.outcome
        if (outcome !== 'complete' && outcome !== 'fail') {
          return reply.code(400).send({ error: 'outcome is "complete" or "fail"' })
        }
        const concluded = engine.concludeAction(request.params.intent, outcome === 'complete')
        return concluded
          ? reply.send({ concluded })
          : reply.code(409).send({ error: 'this intent waits for no action' })
      })
    },
    { prefix: '/_admin' },
  )
}

async function* asLines(entries: Iterable<BookEntry> | AsyncIterable<BookEntry>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(entry)}\n`
}

/**
 * The simulator, put together: a PSP that speaks Stripe's protocol, keeps a book of every request and effect, and
 * misbehaves when asked to. A process of its own (`main.ts`), or inside another one (tests, development).
 *
 * Not a security boundary: any test key is accepted, and it is all one account.
 */
import { fastify } from 'fastify'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { seededRandom } from '../../runtime/random.ts'
import { addAdmin } from './admin.ts'
import { addAdyenAdmin } from './adyen/admin.ts'
import { addAdyenEdge } from './adyen/edge.ts'
import { type AdyenKept, AdyenEngine, adyenKeyLifeMs, applyAdyenLine } from './adyen/engine.ts'
import { type AdyenSettings, defaultSettings } from './adyen/execution.ts'
import { addAdyenPages } from './adyen/pages.ts'
import { AdyenWorld } from './adyen/world.ts'
import { type BehaviourRule, Behaviours } from './behaviour.ts'
import { Book } from './book.ts'
import { addBookPage } from './book-page.ts'
import { applyLine, Engine } from './engine.ts'
import { IdempotencyStore } from './idempotency.ts'
import { IdSource } from './ids.ts'
import { addPages } from './pages.ts'
import { addReportControls, DriftControl } from './reports/admin.ts'
import { AdyenLedger } from './reports/adyen-ledger.ts'
import { Daily, dayMsDefault } from './reports/daily.ts'
import { addReportFiles } from './reports/files.ts'
import { StripeLedger } from './reports/stripe-ledger.ts'
import { addStripeAdmin } from './stripe-admin.ts'
import { addStripeEdge } from './stripe-edge.ts'
import { StripeEventLog } from './stripe-events-log.ts'
import { addWebhookControls } from './webhooks/admin.ts'
import type { WebhookConfig } from './webhooks/endpoints.ts'
import { Outbox } from './webhooks/outbox.ts'
import type { Transport } from './webhooks/ports.ts'
import { concurrencyMax, WebhookSender } from './webhooks/sender.ts'
import { httpTransport } from './webhooks/transport.ts'
import { World } from './world.ts'

export interface SimulatorOptions {
  /** Where the book is kept; made where it does not exist. */
  readonly directory: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Of ids and of draws for misbehaviour; default 1. Of a book that was begun, the ids go on. */
  readonly seed?: number
  /** How browsers reach the authentication page; default: the address it listens on. */
  readonly publicUrl?: string
  readonly behaviour?: readonly BehaviourRule[]
  /** Of Adyen's merchant account. */
  readonly adyen?: Partial<AdyenSettings>
  /** How long a settlement day is, in whole seconds up to a day; default: a day, which ends at midnight UTC. */
  readonly settlementDayMs?: number
  /** Where webhooks go. What is absent stays as it was when the book was closed; secrets are not in the book. */
  readonly webhooks?: WebhookConfig
  /** How webhooks leave; default: HTTP. */
  readonly transport?: Transport
  readonly clock?: Clock
}

export interface Simulator {
  /** What a connector takes as base URL. */
  readonly url: string
  /** `<url>/_admin`: `/book`, `/behaviour`, `/webhooks`, `/3ds/<intent>`, `/stripe/…`, `/adyen/…`. */
  readonly adminUrl: string
  /** Ends connections, also those it leaves hanging on purpose, and closes the book. */
  close(): Promise<void>
}

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { directory, port = 0, host = '127.0.0.1', seed = 1, clock = systemClock } = options
  const { settlementDayMs = dayMsDefault } = options
  const world = new World()
  const ids = new IdSource(seed)
  const idempotency = new IdempotencyStore()
  const behaviours = new Behaviours(seededRandom(seed))
  behaviours.replace(options.behaviour ?? [])
  const outbox = new Outbox()
  const events = new StripeEventLog((event) => outbox.takeEvent(event))
  const ledgers = { stripe: new StripeLedger(), adyen: new AdyenLedger() }
  const stripeMemory = { world, ids, idempotency, events, ledger: ledgers.stripe }
  const adyenMemory = {
    world: new AdyenWorld(),
    idempotency: new IdempotencyStore<AdyenKept>(adyenKeyLifeMs),
    ledger: ledgers.adyen,
  }
  const book = await Book.open(directory, (line) => {
    applyLine(line, stripeMemory)
    if (line.adyen !== undefined) applyAdyenLine(line.adyen, line.at, adyenMemory)
    for (const item of line.adyen?.notifications ?? []) outbox.takeItem(item)
    if (line.webhooks !== undefined) outbox.apply(line.webhooks)
  })

  let url = ''
  const publicUrl = (): string => options.publicUrl ?? url
  const driftControl = new DriftControl()
  const drift = () => driftControl.current
  const engine = new Engine({ ...stripeMemory, book, drift, clock, publicUrl })
  const settings = { ...defaultSettings, ...options.adyen }
  const adyen = new AdyenEngine({ ...adyenMemory, book, ids, drift, clock, settings, publicUrl })
  adyen.onNotification((item) => outbox.takeItem(item))
  const sender = new WebhookSender({
    outbox,
    transport: options.transport ?? httpTransport(concurrencyMax),
    clock,
    random: seededRandom(seed),
    write(webhooks) {
      book.append({ at: clock.now(), request_id: null, entries: [], records: [], ids: ids.count, webhooks })
      outbox.apply(webhooks)
    },
  })
  const app = fastify({ forceCloseConnections: true, bodyLimit: 256 * 1024, keepAliveTimeout: 72_000 })
  app.addHook('onSend', async (request) => {
    if (!request.url.startsWith('/_admin')) await sender.beforeAnswer()
  })
  const eventReads = { events, standing: (event: string) => outbox.standing(event) }
  addStripeEdge(app, { engine, behaviours, world, ledger: ledgers.stripe, eventReads, ids, clock })
  addAdyenEdge(app, { engine: adyen, behaviours, ids, clock })
  addReportFiles(app, { world, ...ledgers })
  addAdmin(app, {
    book,
    behaviours,
    engine,
    parts: [
      (admin) => addStripeAdmin(admin, { engine, world }),
      (admin) => addAdyenAdmin(admin, adyen),
      (admin) => addWebhookControls(admin, sender),
      (admin) => addReportControls(admin, { engine, adyen, world, ledgers, drift: driftControl }),
    ],
  })
  addBookPage(app, { book, sender })
  addPages(app, { world, engine, clock })
  addAdyenPages(app, adyen)
  try {
    url = await app.listen({ port, host })
  } catch (error) {
    book.close()
    throw error
  }
  const days = [
    new Daily({
      clock,
      dayMs: settlementDayMs,
      openSince: () => ledgers.stripe.openSince,
      end: (endMs) => engine.endDay(endMs / 1000),
    }),
    new Daily({
      clock,
      dayMs: settlementDayMs,
      openSince: () => ledgers.adyen.openSince,
      end: () => adyen.closeBatches(),
    }),
  ]
  engine.start()
  adyen.start()
  for (const each of days) each.start()
  sender.configure(options.webhooks ?? {})
  return {
    url,
    adminUrl: `${url}/_admin`,
    async close() {
      await app.close()
      for (const each of days) each.stop()
      engine.stop()
      adyen.stop()
      await sender.stop()
      book.close()
    },
  }
}

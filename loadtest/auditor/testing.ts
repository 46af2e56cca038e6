/**
 * A small world for tests of the auditor: one payment, authorized, captured and refunded in part, in three books that
 * agree. A test changes what it likes before the audit.
 */
import { createSecretKey } from 'node:crypto'
import { Packr } from 'msgpackr'
import type { HistoryLine, Invocation } from '../history.ts'
import { audit, type AuditOptions } from './audit.ts'
import type { BookEntry } from './book.ts'
import { derivedId, entityOfId, shardOfEntity } from './ids.ts'
import type { JournalRow, JournalSource } from './journal-source.ts'
import type { AuditReport } from './report.ts'

const packr = new Packr({ useRecords: false, variableMapSize: true })
export const idKey: Buffer = Buffer.alloc(32, 7)
export const merchant = 'mer_1'
const second = 1_000_000_000
const startedAt = Date.UTC(2026, 10, 20)

export type ForgedRow = { -readonly [K in keyof Omit<JournalRow, 'data'>]: JournalRow[K] } & {
  events: Record<string, unknown>[]
  transfers: Record<string, unknown>[]
  /** Instead of events: the bytes, or an epoch record's owner. */
  data?: Buffer
}
export type ForgedLine = { -readonly [K in keyof HistoryLine]: HistoryLine[K] } & Record<string, unknown>
export type ForgedEntry = { -readonly [K in keyof BookEntry]: BookEntry[K] }

export interface World {
  readonly payment: string
  readonly entity: string
  readonly shard: number
  rows: ForgedRow[]
  /** Rows of a second database. */
  otherRows: ForgedRow[]
  history: ForgedLine[]
  book: ForgedEntry[]
  readonly due: Map<string, number>
  readonly cursors: Map<number, number>
  options: Partial<AuditOptions> & { readonly withoutIdKey?: boolean }
}

export function epochRecord(shard: number, position: number, epoch: number, owner = 'node-1'): ForgedRow {
  const data = packr.pack({ v: 1, node: owner, incarnation: 'i1' })
  const none = '0'.repeat(32)
  const row = { shard, position, entity: none, seq: epoch, epoch, command: none, type: 'epoch', at: startedAt, data }
  return { ...row, events: [], transfers: [] }
}

/** An invocation and its end, one second later, at `atSeconds`. */
export function told(
  i: number,
  atSeconds: number,
  invocation: Partial<Invocation>,
  end: Record<string, unknown> = {},
): ForgedLine[] {
  const begin = {
    ...{ i, t_mono_ns: atSeconds * second, proc: 'c1', type: 'invoke', f: 'read', phase: 'load', merchant },
    ...{ mode: 'test', key: null, body_hash: null, gateway: 'g1' },
    ...invocation,
  }
  return [begin, { i, t_mono_ns: (atSeconds + 1) * second, type: 'ok', status: 200, ...end }] as ForgedLine[]
}

export function effect(
  operation: BookEntry['operation'],
  operationId: string,
  payment: string,
  amount: number,
  n: number,
): ForgedEntry {
  return {
    ...{ at: startedAt + n * 1_000 + 500, operation, operation_id: operationId, idempotency_key: operationId, amount },
    ...{
      currency: 'eur',
      effect: true,
      payment,
      psp_reference: `pi_${operation === 'refund' ? 're' : 1}`,
      status: 'succeeded',
    },
  }
}

const posted = (debit: string, credit: string, operationId: string, amountMinor: number, phase = 'posted') => ({
  ...{ debit, credit, amountMinor, phase, connection: 'stripe-test', operationId },
})
export const capturing = (operationId: string, amountMinor: number, phase?: string): Record<string, unknown> =>
  posted('psp_receivable', 'merchant_payable', operationId, amountMinor, phase)
export const refunding = (operationId: string, amountMinor: number, phase?: string): Record<string, unknown> =>
  posted('merchant_payable', 'psp_receivable', operationId, amountMinor, phase)
export const holding = (operationId: string, amountMinor: number): Record<string, unknown> =>
  amountMinor > 0
    ? posted('auth_hold', 'auth_hold_contra', operationId, amountMinor)
    : posted('auth_hold_contra', 'auth_hold', operationId, -amountMinor)

export const terms = { connection: 'stripe-test', psp: 'stripe' }

/** `key`: of the creation; another one is another payment. */
export function world(key = 'k-create'): World {
  const payment = derivedId(createSecretKey(idKey), merchant, 'test', key)
  const entity = entityOfId(payment) ?? ''
  const shard = shardOfEntity(entity)
  const [att, cap, re] = (['att', 'cap', 're'] as const).map((kind) => `${kind}_${payment.slice(4)}_1`) as [
    string,
    string,
    string,
  ]
  const row = (
    seq: number,
    type: string,
    events: ForgedRow['events'],
    transfers: ForgedRow['transfers'] = [],
  ): ForgedRow => ({
    ...{
      shard,
      position: seq + 1,
      entity,
      seq,
      epoch: 1,
      command: String(seq).padStart(32, '0'),
      type: `payment.${type}`,
    },
    ...{ at: startedAt + seq * 1_000, events, transfers },
  })
  const request = (key: string) => ({ key, fingerprint: 'f', requestId: 'req_1', apiVersion: '2026-11-01' })
  const view = (status: string, captured: number, refunded: number) => ({
    value: { object: 'payment', status, authorized: 1000, captured, refunded },
  })
  const asked = (f: Invocation['f'], more: Partial<Invocation> = {}): Partial<Invocation> => ({
    ...{ f, key: `k-${f}`, body_hash: `b-${f}`, ...(f !== 'create' && { payment_id: payment }) },
    ...more,
  })
  const done = (version: number, more: object) => ({
    status: 201,
    payment_id: payment,
    version,
    resp_hash: `r${version}`,
    ...more,
  })
  return {
    payment,
    entity,
    shard,
    rows: [
      epochRecord(shard, 1, 1),
      row(1, 'create_payment', [
        {
          type: 'PaymentCreated',
          payment,
          request: request(key),
          merchant,
          mode: 'test',
          amountMinor: 1000,
          currency: 'EUR',
          captureMethod: 'manual',
        },
        { type: 'AttemptPlanned', operationId: att, nonce: '00', terms },
      ]),
      row(
        2,
        'record_outcome',
        [{ type: 'Authorized', operationId: att, pspReference: 'pi_1', amountMinor: 1000, captureBefore: 1 }],
        [holding(att, 1000)],
      ),
      row(
        3,
        'capture',
        [
          { type: 'RequestAccepted', operation: 'capture', request: request('k-capture'), operationId: cap },
          {
            type: 'CapturePlanned',
            operationId: cap,
            attemptId: att,
            amountMinor: 1000,
            final: true,
            cause: 'merchant',
            terms,
          },
        ],
        [capturing(cap, 1000, 'pending')],
      ),
      row(
        4,
        'record_outcome',
        [{ type: 'CaptureSucceeded', operationId: cap, pspReference: 'pi_1' }],
        [holding(att, -1000), capturing(cap, 1000, 'released'), capturing(cap, 1000)],
      ),
      row(
        5,
        'refund',
        [
          { type: 'RequestAccepted', operation: 'refund', request: request('k-refund'), operationId: re },
          { type: 'RefundPlanned', operationId: re, attemptId: att, amountMinor: 400, cause: 'merchant', terms },
        ],
        [refunding(re, 400, 'pending')],
      ),
      row(
        6,
        'record_outcome',
        [{ type: 'RefundSucceeded', operationId: re, pspReference: 're_1' }],
        [refunding(re, 400, 'released'), refunding(re, 400)],
      ),
    ],
    otherRows: [],
    history: [
      ...told(1, 1, asked('create', { key }), done(2, view('authorized', 0, 0))),
      ...told(2, 3, asked('capture'), done(4, view('captured', 1000, 0))),
      ...told(
        3,
        5,
        asked('refund'),
        done(6, { value: { object: 'refund', id: re, status: 'succeeded', amount: 400 } }),
      ),
      ...told(4, 7, { payment_id: payment, phase: 'final' }, { version: 6, ...view('captured', 1000, 400) }),
    ],
    book: [
      effect('authorize', att, payment, 1000, 1),
      effect('capture', cap, payment, 1000, 3),
      effect('refund', re, payment, 400, 5),
    ],
    due: new Map(),
    cursors: new Map(),
    options: {},
  }
}

export async function auditOf(forged: World): Promise<AuditReport> {
  const journals = [source('first', forged.rows, forged)]
  if (forged.otherRows.length > 0) journals.push(source('second', forged.otherRows, forged))
  return audit({
    history: each(forged.history as unknown as HistoryLine[]),
    journals,
    books: [each(forged.book)],
    ...(forged.options.withoutIdKey !== true && { idKey }),
    monotonic: () => 0,
    ...forged.options,
  })
}

function source(name: string, rows: readonly ForgedRow[], { due, cursors }: World): JournalSource {
  return {
    name,
    timers: async () => ({ due, cursors }),
    async *rows(first, last) {
      const within = rows.filter(({ shard }) => shard >= first && shard <= last)
      yield within.map(({ events, transfers, data, ...row }) => ({
        ...row,
        data: data ?? packr.pack({ v: 1, e: events, ...(transfers.length > 0 && { t: transfers }) }),
      }))
    },
  }
}

async function* each<T>(of: readonly T[]): AsyncGenerator<T> {
  yield* of
}

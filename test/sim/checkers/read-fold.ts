/**
 * What one shard's read side has to show after a number of rows of its journal. Members have the names of the tables' columns,
 * sums are texts; the shard, which is the same for all, and the encoded states are left out.
 */
import type { JournalRow } from '../../../actors/journal.ts'
import {
  type Decoded,
  type DecodedEvent,
  type DecodedTransfer,
  decodeDecision,
  type Members,
} from '../../../loadtest/auditor/decode.ts'
import { PaymentLife } from '../../../loadtest/auditor/payment-life.ts'
import { claim } from './violation.ts'

interface Told {
  readonly entity: string
  readonly life: PaymentLife
  readonly createdAt: number
  updatedAt: number
  reference: unknown
  /** When the first attempt was planned. */
  attemptedAt: number | undefined
  /** Of the attempt that was planned last. */
  connection: unknown
  psp: unknown
  /** Operation → the connection it was planned on. */
  readonly connections: Map<string, unknown>
  /** By id. */
  readonly disputes: Map<string, ToldDispute>
}

interface ToldDispute {
  /** As it was told last. */
  dispute: Members
  /** When it was told of first. */
  readonly createdAt: number
}

/** A decoded transfer with what the format says of it beyond the auditor's needs. */
type Booked = DecodedTransfer & { readonly connection: string }

interface Sums {
  readonly of: Members
  debits: bigint
  credits: bigint
  reservedDebits: bigint
  reservedCredits: bigint
}

export class ReadFold {
  /** Rows that were added. */
  position = 0
  readonly transfers: Members[] = []
  readonly #payments = new Map<string, Told>()
  readonly #sums = new Map<string, Sums>()

  add(row: JournalRow): void {
    this.position += 1
    if (!row.type.startsWith('payment.')) return
    const decoded = decodeDecision(row.data)
    const told = this.#told(row)
    told.life.decide(row.seq, row.at, decoded)
    told.updatedAt = row.at
    for (const event of decoded.events) note(told, event, row.at)
    this.#book(row, told, decoded)
  }

  payments(): Members[] {
    return [...this.#payments.values()].map((told) => {
      const { entity, life, createdAt, updatedAt, attemptedAt, reference, connection, psp } = told
      const { status, authorized, captured, refunded } = life.view()
      return {
        ...ownerOf(life),
        ...{ entity, createdAt, updatedAt, status, authorized, captured, refunded, disputed: disputed(told) },
        ...{ seq: life.seq, amount: life.amountMinor, review: life.review, attemptedAt: attemptedAt ?? null },
        ...{ connection: connection ?? null, psp: psp ?? null, merchantReference: reference ?? null },
      }
    })
  }

  refunds(): Members[] {
    return [...this.#payments.values()].flatMap(({ entity, life, createdAt, connections }) =>
      life.operations.all
        .filter(({ kind }) => kind === 'refund')
        .map(({ id, plannedAt, amountMinor, state, reversed }) => ({
          ...ownerOf(life),
          ...{ payment: entity, paymentCreatedAt: createdAt, ordinal: ordinalOf(id) },
          ...{ createdAt: plannedAt, amount: amountMinor, status: state, reversed, connection: connections.get(id) },
        })),
    )
  }

  disputes(): Members[] {
    return [...this.#payments.values()].flatMap(({ entity, life, createdAt: paymentCreatedAt, disputes }) =>
      [...disputes].map(([id, { dispute, createdAt }]) => ({
        ...ownerOf(life),
        ...{ payment: entity, paymentCreatedAt, ordinal: ordinalOf(id), createdAt, status: dispute['status'] },
        ...{ amount: dispute['amountMinor'], fee: dispute['feeMinor'], evidenceBy: dispute['evidenceBy'] ?? null },
      })),
    )
  }

  balances(): Members[] {
    return [...this.#sums.values()].map(({ of, ...sums }) => ({
      ...of,
      ...Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)])),
    }))
  }

  #told({ entity, at }: JournalRow): Told {
    let told = this.#payments.get(entity)
    if (told === undefined) {
      const life = new PaymentLife((code, detail) =>
        claim(false, 'illegal_decision', 'the payment machine allows what was decided', () => ({
          entity,
          code,
          detail,
        })),
      )
      const unknown = { reference: undefined, attemptedAt: undefined, connection: undefined, psp: undefined }
      told = { entity, life, createdAt: at, updatedAt: at, ...unknown, connections: new Map(), disputes: new Map() }
      this.#payments.set(entity, told)
    }
    return told
  }

  #book({ position, entity, at }: JournalRow, { life }: Told, decoded: Decoded): void {
    const owner = ownerOf(life)
    for (const [n, transfer] of (decoded.transfers as readonly Booked[]).entries()) {
      const { debit, credit, amountMinor, phase, operationId, connection } = transfer
      this.transfers.push({
        ...owner,
        ...{ position, n, entity, postedAt: at, amount: amountMinor, debit, credit, phase, connection },
        operation: operationId,
      })
      const amount = BigInt(amountMinor)
      const from = this.#sumsOf({ ...owner, connection, account: debit })
      const to = this.#sumsOf({ ...owner, connection, account: credit })
      if (phase === 'posted') {
        from.debits += amount
        to.credits += amount
        continue
      }
      const change = phase === 'pending' ? amount : -amount
      from.reservedDebits += change
      to.reservedCredits += change
    }
  }

  #sumsOf(of: Members): Sums {
    const key = JSON.stringify(of)
    let sums = this.#sums.get(key)
    if (sums === undefined) {
      sums = { of, debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }
      this.#sums.set(key, sums)
    }
    return sums
  }
}

function ownerOf({ merchant, mode, currency }: PaymentLife): Members {
  return { merchant, live: mode === 'live', currency }
}

function ordinalOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('_') + 1))
}

/** In disputes of the authorization that carries the payment, which are open or lost. */
function disputed({ life, disputes }: Told): number {
  const carrying = life.operations.carrying?.id
  return [...disputes.values()]
    .filter(({ dispute }) => dispute['attemptId'] === carrying && ['open', 'lost'].includes(String(dispute['status'])))
    .reduce((sum, { dispute }) => sum + Number(dispute['amountMinor']), 0)
}

function note(told: Told, event: DecodedEvent, at: number): void {
  if (event.type === 'PaymentCreated') told.reference = event['merchantReference']
  if (event.type === 'DisputeRecorded') noteDispute(told, event['dispute'] as Members, at)
  if (event.type === 'DisputeEvidenceDue') {
    const due = told.disputes.get(String(event['disputeId']))
    if (due !== undefined) due.dispute = { ...due.dispute, evidenceBy: undefined }
  }
  const terms = event['terms'] as Members | undefined
  if (terms === undefined) return
  told.connections.set(String(event['operationId']), terms['connection'])
  if (event.type !== 'AttemptPlanned') return
  told.attemptedAt ??= at
  told.connection = terms['connection']
  told.psp = terms['psp']
}

function noteDispute({ disputes }: Told, dispute: Members, at: number): void {
  const id = String(dispute['id'])
  disputes.set(id, { dispute, createdAt: disputes.get(id)?.createdAt ?? at })
}

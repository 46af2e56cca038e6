/**
 * What a shard's ledger should hold, as the very bytes in which Postgres copies it out. A ledger that is as the journal says
 * is known by comparing these, which costs a tenth of reading rows as objects; where they differ, somebody has to read them
 * and name the place (domain/ledger/proof.ts).
 *
 * Guarantees: `isStored` is true only where every transfer and every payment's amounts are there once, as they should be, and
 * nothing else is. It holds bytes of one shard, no payment. Leaves to others: folding, balances, and what differs.
 */
import type { Client } from 'pg'
import { amounts, statusOf } from '../domain/payment/derive.ts'
import type { Payment } from '../domain/payment/state.ts'
import type { Transfer } from '../domain/ledger/transfer.ts'
import { CopiedBytes } from './copied-bytes.ts'
import { copyRows } from './copy-rows.ts'
import { paymentsText, transfersText } from './ledger-reading.ts'

export class ShardImage {
  readonly #shard: number
  readonly #transfers = new CopiedBytes()
  /** Where the transfers of a position begin. */
  readonly #starts = new Map<number, number>()
  readonly #payments = new CopiedBytes()
  #transfersCount = 0
  #paymentsCount = 0

  constructor(shard: number) {
    this.#shard = shard
  }

  get transfers(): number {
    return this.#transfersCount
  }

  get payments(): number {
    return this.#paymentsCount
  }

  /** A payment after its last decision; they come in order of `entity`, 16 bytes. */
  payment(entity: Buffer, state: Payment): void {
    const { authorized, captured, refunded, disputed } = amounts(state)
    this.#payments.row(7).bytes(entity).int4(state.seq)
    this.#payments.int8(authorized).int8(captured).int8(refunded).int8(disputed).text(statusOf(state))
    this.#paymentsCount += 1
  }

  /** Of one decision of a payment; in any order. @param postedAt Unix milliseconds. */
  posted(position: number, postedAt: number, entity: Buffer, owner: Payment, transfers: readonly Transfer[]): void {
    if (transfers.length === 0) return
    this.#starts.set(position, this.#transfers.length)
    this.#transfersCount += transfers.length
    const live = owner.mode === 'live'
    for (const [n, transfer] of transfers.entries()) {
      const { debit, credit, amountMinor, phase, operationId } = transfer
      this.#transfers.row(13).int8(position).int2(n).int8(postedAt).int8(amountMinor).bytes(entity).boolean(live)
      this.#transfers.text(owner.merchant).text(owner.currency).text(debit).text(credit).text(phase)
      // a database takes no text with a zero byte
      this.#transfers.text(transfer.connection).text(operationId.replaceAll('\0', ''))
    }
  }

  /** Whether the database holds this and nothing else. */
  async isStored(client: Client): Promise<boolean> {
    return (await this.#hasTransfers(client)) && (await this.#hasPayments(client))
  }

  async #hasTransfers(client: Client): Promise<boolean> {
    const expected = this.#transfers.all
    let isSame = true
    let rows = 0
    let last = 0
    let at = 0
    await copyRows(client, transfersText(this.#shard), (row) => {
      if (!isSame) return
      const position = row.int8()
      // A row that is not the next of its position is the first of a later one, or wrong.
      if (position > last) at = this.#starts.get(position) ?? expected.length
      isSame = position >= last && row.equals(expected, at)
      last = position
      at += row.length
      rows += 1
    })
    return isSame && rows === this.#transfersCount
  }

  async #hasPayments(client: Client): Promise<boolean> {
    const expected = this.#payments.all
    let isSame = true
    let at = 0
    await copyRows(client, paymentsText(this.#shard), (row) => {
      isSame &&= row.equals(expected, at)
      at += row.length
    })
    return isSame && at === expected.length
  }
}

/** The read side's tables of one shard, in memory: the checks and keys that the database's have. */
import type { AccountSums, DisputeRow, PaymentRow, ReadAdvance, RefundRow, TransferRow } from './read-rows.ts'

/** Rows by key. */
export interface MemoryRead {
  readonly payments: Map<string, PaymentRow>
  readonly refunds: Map<string, RefundRow>
  readonly disputes: Map<string, DisputeRow>
  readonly transfers: Map<string, TransferRow>
  readonly balances: Map<string, AccountSums>
}

export function emptyMemoryRead(): MemoryRead {
  return {
    payments: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    transfers: new Map(),
    balances: new Map(),
  }
}

export function copyMemoryRead(read: MemoryRead): MemoryRead {
  return {
    payments: new Map(read.payments),
    refunds: new Map(read.refunds),
    disputes: new Map(read.disputes),
    transfers: new Map(read.transfers),
    balances: new Map(read.balances),
  }
}

/** Whether the tables take all of its rows. */
export function accepts({ transfers }: MemoryRead, advance: ReadAdvance): boolean {
  return (
    advance.payments.every(
      ({ amount, authorized, captured, refunded, disputed, createdAt, updatedAt }) =>
        amount > 0 &&
        captured <= authorized &&
        updatedAt >= createdAt &&
        [authorized, captured, refunded, disputed].every((each) => each >= 0),
    ) &&
    advance.refunds.every(({ amount }) => amount > 0) &&
    advance.disputes.every(({ amount, fee }) => amount >= 0 && fee >= 0) &&
    advance.transfers.every((row) => row.amount > 0 && row.debit !== row.credit && !transfers.has(keyOfTransfer(row)))
  )
}

export function store(read: MemoryRead, { payments, refunds, disputes, transfers }: ReadAdvance): void {
  for (const row of payments) {
    const present = read.payments.get(row.entity)
    if (present === undefined || present.seq < row.seq) read.payments.set(row.entity, row)
  }
  for (const row of refunds) read.refunds.set(`${row.payment} ${row.ordinal}`, row)
  for (const row of disputes) read.disputes.set(`${row.payment} ${row.ordinal}`, row)
  for (const row of transfers) {
    read.transfers.set(keyOfTransfer(row), row)
    post(read.balances, row, row.debit, 'debits', 'reservedDebits')
    post(read.balances, row, row.credit, 'credits', 'reservedCredits')
  }
}

function keyOfTransfer({ position, n }: TransferRow): string {
  return `${position} ${n}`
}

function post(
  balances: Map<string, AccountSums>,
  { merchant, live, currency, connection, amount, phase }: TransferRow,
  account: AccountSums['account'],
  posted: 'debits' | 'credits',
  reserved: 'reservedDebits' | 'reservedCredits',
): void {
  const key = [merchant, live, currency, connection, account].join(' ')
  const zero = { debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }
  const row = balances.get(key) ?? { merchant, live, currency, connection, account, ...zero }
  const column = phase === 'posted' ? posted : reserved
  const change = phase === 'released' ? -BigInt(amount) : BigInt(amount)
  balances.set(key, { ...row, [column]: row[column] + change })
}

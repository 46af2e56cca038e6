/** For tests of the operators' edge: books in memory, over transfers that a test puts in. */
import { shardCount } from '../../domain/ids.ts'
import type { BookedBefore } from '../../domain/ledger/closes.ts'
import type { EntryFilter, LedgerEntry, LedgerState, OpenAccount } from '../../domain/ledger/report.ts'
import type { Account } from '../../domain/ledger/transfer.ts'
import type { AccountSums } from '../../domain/ledger/trial-balance.ts'
import type { LedgerReader } from './deps.ts'

export class LedgerInMemory implements LedgerReader {
  /** In order of time. */
  transfers: LedgerEntry[] = []
  opened: OpenAccount[] = []
  behindSince: number | undefined
  broken = false

  async sums(booked: BookedBefore, merchant?: string): Promise<readonly AccountSums[]> {
    this.#ask()
    return Promise.resolve(
      this.transfers
        .filter((each) => each.phase === 'posted' && isBefore(each, booked))
        .filter((each) => merchant === undefined || each.merchant === merchant)
        .flatMap(({ live, currency, debit, credit, amount }) => [
          { live, currency, account: debit as Account, debits: BigInt(amount), credits: 0n },
          { live, currency, account: credit as Account, debits: 0n, credits: BigInt(amount) },
        ]),
    )
  }

  async open(accounts: readonly Account[]): Promise<readonly OpenAccount[]> {
    this.#ask()
    return Promise.resolve(this.opened.filter(({ account }) => accounts.includes(account)))
  }

  async state(): Promise<LedgerState> {
    this.#ask()
    const positions = Array.from({ length: shardCount }, () => 0)
    for (const { shard, position } of this.transfers) positions[shard] = Math.max(positions[shard] ?? 0, position)
    return Promise.resolve({ positions, behindSince: this.behindSince })
  }

  async *entries({ from, to, account, merchant }: EntryFilter): AsyncGenerator<readonly LedgerEntry[]> {
    this.#ask()
    const found = this.transfers
      .filter((each) => isBefore(each, to) && !isBefore(each, from))
      .filter(({ debit, credit }) => account === undefined || debit === account || credit === account)
      .filter((each) => merchant === undefined || each.merchant === merchant)
    for (const entry of found) yield await Promise.resolve([entry])
  }

  #ask(): void {
    if (this.broken) throw new Error('connect ECONNREFUSED postgres://user:secret@db')
  }
}

function isBefore({ postedAt, shard, position }: LedgerEntry, { before, positions }: BookedBefore): boolean {
  return postedAt < before && position <= (positions?.[shard] ?? position)
}

/** Names what is wrong with balances that are not what their account's transfers come to. */

const sumMembers = ['debits', 'credits', 'reservedDebits', 'reservedCredits'] as const
type Sums = Readonly<Record<(typeof sumMembers)[number], bigint>>

/** An account whose balance is not the sum of its transfers, over all shards of a database. */
export interface DifferingBalance {
  readonly merchant: string
  readonly live: boolean
  readonly currency: string
  readonly connection: string
  readonly account: string
  /** What balances say, in decimal digits: whole numbers, unless somebody changed them. Undefined: there is none. */
  readonly held: Readonly<Record<(typeof sumMembers)[number], string>> | undefined
  /** What the transfers come to. */
  readonly posted: Sums
}

/** Transfers debit and credit alike, so a currency that does not sum to zero has such accounts too: it is named behind them. */
export function balanceProblems(differing: readonly DifferingBalance[]): readonly string[] {
  const problems: string[] = []
  const differences = new Map<string, bigint>()
  for (const { merchant, live, currency, connection, account, held, posted } of differing) {
    const about = `${account} of ${merchant} (${live ? 'live' : 'test'}, ${currency}, "${connection}")`
    if (held === undefined) problems.push(`${about}: it has no balance`)
    for (const member of held === undefined ? [] : sumMembers) {
      if (held?.[member] === String(posted[member])) continue
      problems.push(`${about}: ${member} are ${held?.[member]}, the transfers come to ${posted[member]}`)
    }
    const sums = held === undefined ? noSums : wholeOf(held)
    if (sums === undefined) continue
    differences.set(currency, (differences.get(currency) ?? 0n) + standing(sums) - standing(posted))
  }
  for (const [currency, difference] of differences) {
    if (difference !== 0n) problems.push(`${currency}: debits less credits are ${difference}, and not zero`)
  }
  return problems
}

const noSums: Sums = { debits: 0n, credits: 0n, reservedDebits: 0n, reservedCredits: 0n }

/** Undefined where one of them is none. */
function wholeOf(held: NonNullable<DifferingBalance['held']>): Sums | undefined {
  if (!sumMembers.every((member) => /^-?\d+$/.test(held[member]))) return undefined
  const { debits, credits, reservedDebits, reservedCredits } = held
  return {
    ...{ debits: BigInt(debits), credits: BigInt(credits) },
    ...{ reservedDebits: BigInt(reservedDebits), reservedCredits: BigInt(reservedCredits) },
  }
}

function standing(sums: Sums): bigint {
  return sums.debits - sums.credits + sums.reservedDebits - sums.reservedCredits
}

/** `ledger verify`. */
import { proveLedger } from '../ledger-proof.ts'
import type { CommandContext } from './context.ts'
import { provedDatabases } from './databases.ts'
import { CliError, exitCodes } from './errors.ts'
import { asked, shardsOf } from './journal-commands.ts'
import { whole } from './output.ts'

const problemsMax = 20

/** Exit 1 where the books and the journal differ anywhere. */
export async function verifyLedger(context: CommandContext, only: readonly string[]): Promise<void> {
  const { json, out, err, isTerminal } = context
  const shards = shardsOf(only)
  const progress = (shard: number, transfers: number): void => {
    if (isTerminal && !json) err(`\r\u001b[Kshard ${shard}: ${whole(transfers)} transfers compared`)
  }
  const scope = { databases: provedDatabases(context), ...(shards !== undefined && { shards }), progress }
  const { problems, ...proof } = await asked(proveLedger(scope))
  if (isTerminal && !json) err('\r\u001b[K')
  const shown = problems.slice(0, problemsMax)
  if (json) out(`${JSON.stringify({ ...proof, problems: shown, problem_count: problems.length })}\n`)
  else {
    out(`${whole(proof.transfers)} transfers of ${whole(proof.payments)} payments in ${proof.shards} shards\n`)
    for (const problem of shown) out(`  ${problem}\n`)
    if (problems.length === 0) out('journal, transfers, balances and payments agree; every currency sums to zero\n')
  }
  if (problems.length === 0) return
  throw new CliError(exitCodes.failed, `the ledger and the journal differ at ${problems.length} places`, {
    fix: 'shardpay journal verify tells whether the journal is whole; then the ledger can be rebuilt from it',
  })
}

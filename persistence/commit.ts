/**
 * Transactions of several statements. Postgres answers the COMMIT of an aborted transaction with success and the tag
 * ROLLBACK; who looks at errors alone takes a rollback for a commit.
 */
import type { ClientBase } from 'pg'

/** The transaction was rolled back, though COMMIT reported no error. */
export class NotCommitted extends Error {
  override readonly name = 'NotCommitted'
  readonly code = 'not_committed'
}

/** Sends COMMIT. @throws {NotCommitted} unless the server says that it committed. */
export async function commit(client: Pick<ClientBase, 'query'>): Promise<void> {
  const { command } = await client.query('COMMIT')
  if (command !== 'COMMIT') throw new NotCommitted(`COMMIT was answered with ${command}`)
}

/** Runs `work` in one transaction. Rejects with what `work` or the commit failed with; nothing is stored then, unless the connection was lost during COMMIT. */
export async function inTransaction<Result>(
  client: Pick<ClientBase, 'query'>,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN')
  let result: Result
  try {
    result = await work()
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: unknown) => {
      throw new AggregateError([error, rollbackError], 'a transaction failed, and so did its rollback', {
        cause: error,
      })
    })
    throw error
  }
  await commit(client)
  return result
}

/** One connection for a few statements, closed whatever happens. */
import { Client } from 'pg'
import { safeIntegerTypes } from './int8.ts'

export async function withClient<Result>(
  databaseUrl: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({ connectionString: databaseUrl, types: safeIntegerTypes })
  // A connection that ends fails the statement that runs or the next one; without a listener it would end the process.
  let lost: Error | undefined
  client.on('error', (error) => {
    lost = error
  })
  await client.connect()
  try {
    return await work(client)
  } finally {
    if (lost === undefined) await client.end()
    else client.connection.stream.destroy()
  }
}

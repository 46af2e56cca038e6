/**
 * The database of `npm start`: an embedded server in `.shardpay/postgres`, or what `DATABASE_URL` names.
 *
 * The embedded server's data is reachable for the user it runs as also where the clone is not (root, a closed home
 * directory): then a stand-in outside the clone is used, the same one at every start. A server that a killed supervisor
 * left behind is ended first. Both are `persistence/embedded-postgres.ts`'s doing.
 */
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../../persistence/embedded-postgres.ts'
import { portInUse } from './ports.ts'
import { StartError } from './start-error.ts'

export interface DevDatabase {
  readonly url: string
  /** What the tick says. */
  readonly description: string
  /** Undefined where the database is not ours to end. */
  readonly embedded: EmbeddedPostgres | undefined
}

export interface DevDatabaseOptions {
  readonly databaseUrl: string | undefined
  readonly directory: string
  readonly port: number
  readonly fresh: boolean
}

export async function openDatabase(options: DevDatabaseOptions): Promise<DevDatabase> {
  if (options.databaseUrl !== undefined) {
    return { url: options.databaseUrl, description: 'Postgres of DATABASE_URL', embedded: undefined }
  }
  try {
    const { directory, port, fresh } = options
    const embedded = await startEmbeddedPostgres({ directory, port, fresh, persistent: true })
    const where = embedded.directory === directory ? '' : `, data in ${embedded.directory}`
    return { url: embedded.url, description: `Postgres, embedded, port ${embedded.port}${where}`, embedded }
  } catch (error) {
    if (!(error instanceof EmbeddedPostgresError)) throw error
    if (error.code === 'postgres_port_in_use') throw portInUse(options.port, 'SHARDPAY_POSTGRES_PORT')
    throw new StartError('postgres_failed', error.message, { cause: error })
  }
}

/**
 * The settings of the processes. `npm run docs` writes docs/config.md from them; a test holds that page to them.
 *
 * Permanent: `SHARDPAY_ID_KEY_FILE`. Payment ids are derived from that key; with another one a retry would reach another
 * payment and charge again. Its fingerprint is in the journal's database and checked at every start.
 */
import { Type } from 'typebox'
import { ConfigError, optionalSetting, type Settings, setting } from '../runtime/config.ts'
import { logLevels } from '../runtime/log.ts'

const port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: fallback, description })

const key = Type.String({ pattern: '^[0-9a-f]{64}$' })

const logLevel = setting(
  'SHARDPAY_LOG_LEVEL',
  Type.Enum([...logLevels], { default: 'info', description: 'Least level that is logged (JSON lines on stderr).' }),
)

const roles = ['node', 'gateway', 'operator'] as const

/** `bin/server.ts`: one process of a cluster; its roles say which part it plays. */
export const serverSettings = {
  roles: setting(
    'SHARDPAY_ROLES',
    Type.String({
      pattern: `^(${roles.join('|')})(,(${roles.join('|')})){0,2}$`,
      default: 'node,gateway,operator',
      description:
        "What this process does: `node` owns shards, `gateway` takes merchants' requests, `operator` serves the operators' API and page. The flag `--roles` goes before it.",
    }),
    { expected: `one or several of ${roles.join(', ')}, separated by commas` },
  ),
  databaseUrl: optionalSetting(
    'DATABASE_URL',
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'The Postgres server of the journal and everything else, where there is one.',
    }),
    { source: 'value or file', expected: 'a postgres:// URL' },
  ),
  journalDatabaseUrls: optionalSetting(
    'JOURNAL_DATABASE_URLS',
    Type.String({
      minLength: 1,
      description:
        'Several Postgres servers, each with a range of shards: `0-511=postgres://…,512-1023=postgres://…`. The first one holds the membership too. Instead of `DATABASE_URL`; the same in every process, and never changed for a range that holds data.',
    }),
    { source: 'value or file', expected: 'ranges that cover the shards 0 to 1023, each with a postgres:// URL' },
  ),
  readDatabaseUrls: optionalSetting(
    'SHARDPAY_READ_DATABASE_URLS',
    Type.String({
      minLength: 1,
      description:
        'Replicas that lists, balances and the ledger are read from instead (docs/reading.md), one for each journal database: a URL, or the same ranges of shards.',
    }),
    { source: 'value or file', expected: 'the ranges of the journal databases, each with a postgres:// URL' },
  ),
  nodeId: setting(
    'SHARDPAY_NODE_ID',
    Type.String({
      pattern: '^[a-z0-9][a-z0-9-]{0,23}$',
      default: 'node-1',
      description:
        'Name of this process in the cluster, shared with no other, gateways included. A node that starts under a name ends the incarnation before it, so two machines under one name end each other again and again.',
    }),
    { expected: 'lower-case letters, digits and hyphens, at most 24' },
  ),
  linkHost: setting(
    'SHARDPAY_LINK_HOST',
    Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description: "Address a node listens on for links of the cluster's other processes.",
    }),
  ),
  linkPort: setting('SHARDPAY_LINK_PORT', port(0, 'Port for these links; 0 takes a free one, which others learn.')),
  linkAddress: optionalSetting(
    'SHARDPAY_LINK_ADDRESS',
    Type.String({
      pattern: '^[^\\s:/]+(:[0-9]{1,5})?$',
      description: 'Host, or host:port, under which others reach these links; where absent, what the node listens on.',
    }),
    { expected: 'host or host:port' },
  ),
  linkTlsDirectory: optionalSetting(
    'SHARDPAY_LINK_TLS_DIRECTORY',
    Type.String({
      description:
        'Directory of `cert.pem`, `key.pem` and `ca.pem`: links are mutual TLS 1.3 then, in every process or in none. Changed files are taken up without a restart (docs/links.md).',
    }),
  ),
  merchantHost: setting(
    'SHARDPAY_MERCHANT_HOST',
    Type.String({ minLength: 1, default: '127.0.0.1', description: "Address the merchants' API listens on." }),
  ),
  merchantPort: setting(
    'SHARDPAY_MERCHANT_PORT',
    port(8080, "Port of the merchants' API; 0 takes a free one, named by the ready line."),
  ),
  operatorHost: setting(
    'SHARDPAY_OPERATOR_HOST',
    Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description: "Address of metrics, probes and, with the role `operator`, of the operators' API and page.",
    }),
  ),
  operatorPort: setting(
    'SHARDPAY_OPERATOR_PORT',
    port(8081, 'Port of the same; 0 takes a free one, named by the ready line.'),
  ),
  operatorTokens: optionalSetting(
    'SHARDPAY_OPERATOR_TOKENS',
    Type.String({
      description:
        'JSON list of `{"role": "viewer" | "operator" | "approver", "name": …, "token": …}`: who may use the operators\' API. Absent: nobody.',
    }),
    { source: 'file', expected: 'a JSON list of tokens (docs/operator-api.md)' },
  ),
  publicUrl: optionalSetting(
    'SHARDPAY_PUBLIC_URL',
    Type.String({
      pattern: '^https?://[^/]+$',
      description:
        'Address of the API as shoppers reach it, for returning from 3-D Secure; host and port where absent.',
    }),
    { expected: 'an http:// or https:// URL without a path' },
  ),
  idKey: setting(
    'SHARDPAY_ID_KEY',
    { ...key, description: 'The key payment ids are derived from. Made once; losing it lets retries charge again.' },
    { source: 'file', expected: '64 hexadecimal digits' },
  ),
  keySecret: setting(
    'SHARDPAY_KEY_SECRET',
    { ...key, description: 'The key under which API keys are hashed. Another one invalidates every API key.' },
    { source: 'file', expected: '64 hexadecimal digits' },
  ),
  seedFile: optionalSetting(
    'SHARDPAY_SEED_FILE',
    Type.String({
      description:
        'Development: JSON file of merchants and PSP connections that are made at the start where they do not exist yet.',
    }),
  ),
  testModePatienceMs: optionalSetting(
    'SHARDPAY_TEST_MODE_PATIENCE_MS',
    Type.Integer({
      minimum: 1_000,
      maximum: 86_400_000,
      description:
        'PSP connections of test mode alone, for tests against simulators: nothing waits longer than this for a PSP, neither for an answer nor between inquiries nor for what is still on its way (milliseconds). Absent: the times of docs/psp.md. Live connections always keep those.',
    }),
  ),
  logLevel,
} satisfies Settings

/** `npm start`: the development supervisor. */
export const startSettings = {
  databaseUrl: optionalSetting(
    'DATABASE_URL',
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'Use this Postgres instead of the embedded one; its data is never emptied.',
    }),
    { source: 'value or file', expected: 'a postgres:// URL' },
  ),
  directory: optionalSetting(
    'SHARDPAY_DIRECTORY',
    Type.String({ description: 'Where data and secrets are kept; `.shardpay` in the project where absent.' }),
  ),
  nodes: setting(
    'SHARDPAY_NODES',
    Type.Integer({ minimum: 1, maximum: 8, default: 3, description: 'How many nodes are started, each a process.' }),
  ),
  merchantPort: setting('SHARDPAY_MERCHANT_PORT', port(8080, "Port of the merchants' API.")),
  operatorPort: setting('SHARDPAY_OPERATOR_PORT', port(8081, "Port of the operators' API and page.")),
  simulatorPort: setting('SHARDPAY_SIMULATOR_PORT', port(12_111, 'Port of the simulated Stripe and Adyen.')),
  postgresPort: setting('SHARDPAY_POSTGRES_PORT', port(54_329, 'Port of the embedded Postgres.')),
  logLevel: setting(
    'SHARDPAY_LOG_LEVEL',
    Type.Enum([...logLevels], { default: 'warn', description: 'Least level that the server logs on stderr.' }),
  ),
} satisfies Settings

export type ServerRole = (typeof roles)[number]

/** @throws {ConfigError} where the settings contradict the roles. */
export function rolesOf(text: string): ReadonlySet<ServerRole> {
  const named = text.split(',') as ServerRole[]
  if (new Set(named).size < named.length) {
    throw new ConfigError([{ variable: 'SHARDPAY_ROLES', problem: 'names a role twice' }])
  }
  return new Set(named)
}

/**
 * The settings of the processes. `npm run docs` writes docs/config.md from them; a test holds that page to them.
 *
 * Permanent: `SHARDPAY_ID_KEY_FILE`. Payment ids are derived from that key; with another one a retry would reach another
 * payment and charge again. Its fingerprint is in the journal's database and checked at every start.
 */
import { Type } from 'typebox'
import { optionalSetting, type Settings, setting } from '../runtime/config.ts'
import { logLevels } from '../runtime/log.ts'

const port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: fallback, description })

const key = Type.String({ pattern: '^[0-9a-f]{64}$' })

const logLevel = setting(
  'SHARDPAY_LOG_LEVEL',
  Type.Enum([...logLevels], { default: 'info', description: 'Least level that is logged (JSON lines on stderr).' }),
)

/** `bin/server.ts`: node and gateway in one process. */
export const serverSettings = {
  databaseUrl: setting(
    'DATABASE_URL',
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'The Postgres server of the journal and everything else.',
    }),
    { source: 'value or file', expected: 'a postgres:// URL' },
  ),
  nodeId: setting(
    'SHARDPAY_NODE_ID',
    Type.String({
      pattern: '^[a-z0-9][a-z0-9-]{0,30}$',
      default: 'node-1',
      description: 'Name of this node. A start under the same name ends the incarnation before it.',
    }),
    { expected: 'lower-case letters, digits and hyphens, at most 31' },
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
      description: 'Address of metrics and probes; it asks for no token.',
    }),
  ),
  operatorPort: setting(
    'SHARDPAY_OPERATOR_PORT',
    port(8081, 'Port of metrics and probes; 0 takes a free one, named by the ready line.'),
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
  stripeTestUrl: setting(
    'SHARDPAY_STRIPE_TEST_URL',
    Type.String({
      pattern: '^https?://',
      default: 'https://api.stripe.com',
      description: 'Where the connection `stripe-test` sends its requests; the simulator under `npm start`.',
    }),
    { expected: 'an http:// or https:// URL' },
  ),
  stripeTestSecretKey: setting(
    'SHARDPAY_STRIPE_TEST_SECRET_KEY',
    Type.String({ pattern: '^[!-~]{1,255}$', description: 'Secret key of the connection `stripe-test`.' }),
    { source: 'file', expected: 'a key of visible ASCII characters' },
  ),
  seedFile: optionalSetting(
    'SHARDPAY_SEED_FILE',
    Type.String({
      description: 'Development: JSON file of merchants to create at the start where they do not exist yet.',
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
  merchantPort: setting('SHARDPAY_MERCHANT_PORT', port(8080, "Port of the merchants' API.")),
  operatorPort: setting('SHARDPAY_OPERATOR_PORT', port(8081, 'Port of metrics and probes.')),
  simulatorPort: setting('SHARDPAY_SIMULATOR_PORT', port(12_111, 'Port of the simulated Stripe.')),
  postgresPort: setting('SHARDPAY_POSTGRES_PORT', port(54_329, 'Port of the embedded Postgres.')),
  logLevel: setting(
    'SHARDPAY_LOG_LEVEL',
    Type.Enum([...logLevels], { default: 'warn', description: 'Least level that the server logs on stderr.' }),
  ),
} satisfies Settings

/**
 * `npm run dev-ca -- --dir <directory> --node <name> --role <role>…`: a certificate for the links of one process, and the
 * authority that issues it where the directory has none yet. For development: production certificates come from an
 * authority with a register.
 *
 *   node bin/dev-ca.ts --dir .shardpay/tls --node node-1 --role node
 *   node bin/dev-ca.ts --dir .shardpay/tls --node gateway-1 --role gateway --role operator --days 7
 *
 * Writes the authority's `ca.pem` and `ca-key.pem`, and `<node>/` with the `cert.pem`, `key.pem` and `ca.pem` that a process
 * takes (SHARDPAY_LINK_TLS_DIRECTORY, which it prints); keys are readable by their owner alone. Running it again for a node
 * renews its certificate, and running processes take that over by themselves.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Role } from '../cluster/member.ts'
import { DevelopmentAuthority, type Validity } from '../cluster/tls-authority.ts'
import { systemClock } from '../runtime/clock.ts'

const dayMs = 24 * 3_600_000
/** Clocks of machines differ a little. */
const backdatedMs = 5 * 60_000
const roles: readonly Role[] = ['node', 'gateway', 'operator']

interface Options {
  readonly dir: string
  readonly node: string
  readonly role: readonly Role[]
  readonly days: number
}

function parseNode(text: string): string {
  if (!/^[a-z0-9-]{1,24}$/.test(text)) throw new InvalidArgumentError('1 to 24 of a-z, 0-9 and -')
  return text
}

function parseDays(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new InvalidArgumentError('a whole number of days, 1 to 9999')
  return Number(text)
}

const options = new Command('dev-ca')
  .description('Makes certificates for the links of a development cluster')
  .requiredOption('--dir <directory>', 'where the authority and its certificates are kept')
  .requiredOption('--node <name>', 'the process that the certificate names', parseNode)
  .addOption(new Option('--role <role...>', 'what that process may be').choices(roles).makeOptionMandatory())
  .option('--days <days>', 'how long the certificate is valid', parseDays, 30)
  .parse()
  .opts<Options>()

/** Whole at any moment: processes look at these files while they are replaced. */
function write(file: string, text: string, mode: number): void {
  const path = join(options.dir, file)
  writeFileSync(`${path}.new`, text, { mode })
  renameSync(`${path}.new`, path)
}

function validFor(days: number): Validity {
  const now = systemClock.now()
  return { notBefore: new Date(now - backdatedMs), notAfter: new Date(now + days * dayMs) }
}

async function openAuthority(): Promise<DevelopmentAuthority> {
  const [certificate, key] = [join(options.dir, 'ca.pem'), join(options.dir, 'ca-key.pem')]
  if (existsSync(certificate) && existsSync(key)) {
    return DevelopmentAuthority.from({ certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') })
  }
  const authority = await DevelopmentAuthority.create('shardpay development', validFor(3_650))
  write('ca-key.pem', authority.key, 0o600)
  write('ca.pem', authority.certificate, 0o644)
  return authority
}

const directory = join(options.dir, options.node)
mkdirSync(directory, { recursive: true, mode: 0o700 })
const authority = await openAuthority()
const identity = { node: options.node, roles: [...new Set(options.role)] }
const issued = await authority.issue(identity, validFor(options.days))
write(join(options.node, 'key.pem'), issued.key, 0o600)
write(join(options.node, 'cert.pem'), issued.certificate, 0o644)
write(join(options.node, 'ca.pem'), authority.certificate, 0o644)

console.log(`SHARDPAY_LINK_TLS_DIRECTORY=${directory}`)

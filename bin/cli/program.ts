/**
 * The commands of `shardpay`, their options and examples. It speaks to the operators' API; `doctor` asks the
 * surroundings, proofs read the databases, `recon check` a file. Names, exit codes and the members of `--json` are permanent; texts for people are not.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { archive, type ArchiveOptions, closedForDays, restore } from './archive-commands.ts'
import { actions, drain, move, nodes, pin, shards, status, undrain } from './cluster-commands.ts'
import type { CommandContext, CommonOptions, Surroundings } from './context.ts'
import { doctor } from './doctor.ts'
import { CliError, type ExitCode, exitCodes } from './errors.ts'
import { limitNames } from '../../domain/merchant/limits.ts'
import { showJournal, showPayment, type VerifyOptions, verifyJournal } from './journal-commands.ts'
import { ledgerCommands } from './ledger-commands.ts'
import { changeLimits, limitNameOf, limitOf, type LimitOptions, showMerchant } from './limit-commands.ts'
import {
  addConnection,
  changeConnection,
  type ConnectionOptions,
  addKey,
  changeMerchant,
  createMerchant,
  listConnections,
  listMerchants,
  revokeKey,
} from './merchant-commands.ts'
import { projectionsCommands } from './projections-commands.ts'
import { OperatorClient } from './operator-client.ts'
import { reconCommands } from './recon-commands.ts'
import { type Connection, connectionOf } from './settings.ts'
import { changeCompensation, listCompensations } from './compensation-commands.ts'
import { decideUnknown, listUnknowns, listWebhooks, type ResolveOptions, resolveUnknown } from './unknown-commands.ts'

type WithReason = { readonly reason?: string }
export type Add = (parent: Command, name: string, description: string, examples: readonly string[]) => Command
/** @param role whose token of a clone's own is used; default: an operator's. */
export type ContextOf = (command: Command, role?: 'approver') => CommandContext

/** Runs one command line (without `node` and script) to its end. Never throws, prints what went wrong. */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  try {
    await buildProgram(surroundings).parseAsync([...args], { from: 'user' })
    return exitCodes.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const isJson = args.includes('--json')
    if (error instanceof CliError) {
      surroundings.err(
        isJson ? jsonOf(error) : `shardpay: ${error.message}\n${error.fix === undefined ? '' : `  → ${error.fix}\n`}`,
      )
      return error.exitCode
    }
    surroundings.err(`shardpay: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return exitCodes.failed
  }
}

function jsonOf({ message, code, fix, exitCode }: CliError): string {
  return `${JSON.stringify({ error: { code: code ?? null, message, fix: fix ?? null, exit_code: exitCode } })}\n`
}

function buildProgram(surroundings: Surroundings): Command {
  const program = new Command('shardpay')
    .description('Operates a Shardpay cluster through its operators’ API.')
    .exitOverride()
    .configureOutput({ writeOut: surroundings.out, writeErr: surroundings.err })
    .showHelpAfterError('(shardpay --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 well, 1 failed, 2 wrong command line, 3 not reachable, 4 refused.\n' +
        'In a clone: npm run shardpay -- status, while npm start runs. Elsewhere: --url and --token-file, or\n' +
        'SHARDPAY_OPERATOR_URL and SHARDPAY_OPERATOR_TOKEN_FILE.',
    )

  /** Adds a command with what all have; examples stand in its help. */
  const add: Add = (parent, name, description, examples) =>
    parent
      .command(name)
      .description(description)
      .option('--json', 'one JSON object on stdout, nothing else')
      .option('--url <url>', 'address of the operators’ API')
      .option('--token-file <path>', 'file that holds an operator’s token')
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ shardpay ${example}`).join('\n')}`)

  const contextOf: ContextOf = (command, role) => {
    const options = command.opts<CommonOptions>()
    // asked for where it is used: a proof reads databases and needs no cluster
    let known: Connection | undefined
    const connection = (): Connection => (known ??= connectionOf(surroundings, options, role))
    return {
      ...surroundings,
      get client() {
        return new OperatorClient(connection())
      },
      json: options.json === true,
      reason(given) {
        if (given !== undefined) return given
        if (connection().isDevelopment) return 'development'
        throw new CliError(exitCodes.usage, 'an action needs its reason', {
          fix: '--reason "…", kept for ever with it',
        })
      },
    }
  }
  const reason = () => new Option('--reason <text>', 'why, kept for ever with who and what (in development: optional)')

  add(program, 'status', 'The cluster in one look.', ['status', 'status --json']).action((_options, command: Command) =>
    status(contextOf(command)),
  )
  add(program, 'nodes', 'Every process: state, shards, load.', ['nodes']).action((_options, command: Command) =>
    nodes(contextOf(command)),
  )
  add(program, 'shards', 'Owner, epoch and pin of each shard.', ['shards --node node-2', 'shards --unowned --json'])
    .option('--node <node>', 'only those of this node')
    .option('--unowned', 'only those that nobody serves')
    .action((options: { node?: string; unowned?: true }, command: Command) => shards(contextOf(command), options))
  add(program, 'move', 'Moves a shard and prints the measured blackout.', ['move 17 node-2 --reason "ticket 12"'])
    .argument('<shard>', '0 to 1023')
    .argument('<node>', 'the node it should be on')
    .addOption(reason())
    .action((shard: string, node: string, options: WithReason, command: Command) =>
      move(contextOf(command), shard, node, options.reason),
    )
  add(program, 'pin', 'Keeps a shard on a node while that lives.', ['pin 17 node-2 --reason "ticket 12"'])
    .argument('<shard>')
    .argument('<node>')
    .addOption(reason())
    .action((shard: string, node: string, options: WithReason, command: Command) =>
      pin(contextOf(command), shard, node, options.reason),
    )
  add(program, 'unpin', 'Lets a shard go where placement puts it.', ['unpin 17 --reason "ticket 12 is done"'])
    .argument('<shard>')
    .addOption(reason())
    .action((shard: string, options: WithReason, command: Command) =>
      pin(contextOf(command), shard, null, options.reason),
    )
  add(program, 'drain', 'Moves all shards off a node; the process stays. Prints the measured blackout (p50, max).', [
    'drain node-2 --reason "kernel update"',
    'drain node-2 --no-wait --reason "kernel update"',
  ])
    .argument('<node>')
    .addOption(reason())
    .option('--timeout <seconds>', 'how long to wait for it', secondsOf, 120)
    .option('--no-wait', 'do not wait until the last shard has moved')
    .action((node: string, options: WithReason & { timeout: number; wait: boolean }, command: Command) =>
      drain(contextOf(command), node, options),
    )
  add(program, 'undrain', 'Lets a node take its share of shards again.', ['undrain node-2 --reason "updated"'])
    .argument('<node>')
    .addOption(reason())
    .action((node: string, options: WithReason, command: Command) => undrain(contextOf(command), node, options.reason))
  add(program, 'actions', 'Who did what and why, on one day.', ['actions', 'actions --day 2026-11-21 --json'])
    .option('--day <date>', 'a day of UTC; today where none is given')
    .action((options: { day?: string }, command: Command) => actions(contextOf(command), options.day))

  const payment = program.command('payment').description('Payments, as the journal has them.')
  add(payment, 'show', 'State and decisions of a payment, without personal data.', ['payment show pay_…'])
    .argument('<id>')
    .action((id: string, _options, command: Command) => showPayment(contextOf(command), id))

  const journal = program.command('journal').description('The journal: what was decided, where, under which epoch.')
  add(journal, 'show', 'Decisions of one entity.', ['journal show pay_…', 'journal show mer_a --json'])
    .argument('<entity>', 'a payment, a merchant, psp-connections, operator-log:<day>, or 32 hexadecimal digits')
    .action((entity: string, _options, command: Command) => showJournal(contextOf(command), entity))
  add(journal, 'verify', 'Proves whole shards: gapless, contiguous, epochs never falling, and the hash chain.', [
    'journal verify',
    'journal verify 17 18',
    'journal verify --json > heads.json',
    'journal verify --against heads.json',
    'journal verify --archive /srv/shardpay-archive',
  ])
    .argument('[shards...]', 'all of them where none is named')
    .option('--against <file>', 'what --json printed earlier: the chain must still have the heads it had then')
    .option('--archive <directory>', 'where the files of archived payments are: they are proved as well')
    .action((only: string[], options: VerifyOptions, command: Command) =>
      verifyJournal(contextOf(command), only, options),
    )
  archiveCommands(journal, add, contextOf)

  ledgerCommands(program, add, contextOf, reason)
  reconCommands(program, add, contextOf)
  projectionsCommands(program, add, contextOf)
  unknownCommands(program, add, contextOf, reason)
  compensationCommands(program, add, contextOf, reason)
  merchantCommands(program, add, contextOf, reason)

  add(program, 'doctor', 'Is this machine fit to run Shardpay? Asks the surroundings, not the cluster.', [
    'doctor',
  ]).action((options: CommonOptions) => doctor(surroundings, options.json === true))
  return program
}

function archiveCommands(journal: Command, add: Add, contextOf: ContextOf): void {
  add(journal, 'archive', 'Moves payments that were closed long ago into files. Changes the databases.', [
    'journal archive --to /srv/shardpay-archive',
    'journal archive 17 --to /srv/shardpay-archive --closed-for 800',
  ])
    .argument('[shards...]', 'all of them where none is named')
    .requiredOption('--to <directory>', 'where the files go: a directory that is backed up')
    .option('--closed-for <days>', 'days since the payment’s last decision', daysOf, closedForDays)
    .action((only: string[], options: ArchiveOptions, command: Command) => archive(contextOf(command), only, options))
  add(journal, 'restore', 'Puts the rows of archived payments back. Changes the databases.', [
    'journal restore /srv/shardpay-archive/*.archive',
    'journal restore /srv/shardpay-archive/*.archive --payment pay_…',
  ])
    .argument('<files...>')
    .option('--payment <id>', 'this payment alone')
    .action((files: string[], options: { payment?: string }, command: Command) =>
      restore(contextOf(command), files, options),
    )
}

function unknownCommands(program: Command, add: Add, contextOf: ContextOf, reason: () => Option): void {
  const unknowns = program.command('unknowns').description('Operations whose outcome nobody knows.')
  add(unknowns, 'list', 'All of them, the oldest doubt first, with rulings that wait for an approver.', [
    'unknowns list',
    'unknowns list --json',
  ]).action((_options, command: Command) => listUnknowns(contextOf(command)))
  add(unknowns, 'resolve', 'Proposes what became of an operation. An approver has to agree.', [
    'unknowns resolve att_…_1 --outcome succeeded --psp-reference pi_… --evidence "PSP page" --reason "ticket 12"',
    'unknowns resolve re_…_1 --outcome absent --evidence "not in the report of 2026-11-20" --reason "ticket 12"',
  ])
    .argument('<operation>', 'its id: att_…, cap_…, void_… or re_…')
    .addOption(
      new Option('--outcome <outcome>', 'what became of it')
        .choices(['succeeded', 'declined', 'absent'])
        .makeOptionMandatory(),
    )
    .requiredOption('--evidence <text>', 'what proves it: a PSP’s reference, the line of a report')
    .option('--psp-reference <reference>', 'under which the PSP has it; needed where it succeeded')
    .option('--amount <minor>', 'minor units, where an authorization is of less than was asked for', minorOf)
    .option('--captured', 'an authorization whose money the PSP took in the same step')
    .addOption(reason())
    .action((operation: string, options: ResolveOptions, command: Command) =>
      resolveUnknown(contextOf(command), operation, options),
    )
  add(unknowns, 'approve', 'Agrees to what was proposed: it is the outcome then. With an approver’s token.', [
    'unknowns approve att_…_1 --reason "compared with the PSP’s pages"',
  ])
    .argument('<operation>')
    .addOption(reason())
    .action((operation: string, options: WithReason, command: Command) =>
      decideUnknown(contextOf(command, 'approver'), operation, 'approve', options.reason),
    )
  add(unknowns, 'reject', 'Refuses, or takes back, what was proposed.', [
    'unknowns reject att_…_1 --reason "another payment’s reference"',
  ])
    .argument('<operation>')
    .addOption(reason())
    .action((operation: string, options: WithReason, command: Command) =>
      decideUnknown(contextOf(command), operation, 'reject', options.reason),
    )
  const webhooks = program.command('webhooks').description('What PSPs pushed.')
  add(webhooks, 'list', 'Those that no payment has taken, the oldest first.', [
    'webhooks list',
    'webhooks list --orphaned',
  ])
    .option('--orphaned', 'only those that were given up on')
    .action((options: { orphaned?: true }, command: Command) => listWebhooks(contextOf(command), options))
}

function compensationCommands(program: Command, add: Add, contextOf: ContextOf, reason: () => Option): void {
  const compensations = program.command('compensations').description('Captured money that nobody wanted any more.')
  add(compensations, 'list', 'All of it, the oldest first, with proposals that wait for an approver.', [
    'compensations list',
    'compensations list --json',
  ]).action((_options, command: Command) => listCompensations(contextOf(command)))
  for (const [step, description, example] of [
    ['propose', 'Proposes to give a capture back. An approver has to agree.', 'the shopper paid otherwise'],
    ['approve', 'Agrees: the refund is sent. With an approver’s token.', 'compared with the PSP’s pages'],
    ['reject', 'Refuses, or takes back, what was proposed.', 'the merchant has delivered'],
  ] as const) {
    add(compensations, step, description, [`compensations ${step} cap_…_1 --reason "${example}"`])
      .argument('<capture>', 'its id: cap_…')
      .addOption(reason())
      .action((capture: string, options: WithReason, command: Command) => {
        const context = step === 'approve' ? contextOf(command, 'approver') : contextOf(command)
        return changeCompensation(context, capture, step, options.reason)
      })
  }
}

function merchantCommands(program: Command, add: Add, contextOf: ContextOf, reason: () => Option): void {
  const mode = () =>
    new Option('--mode <mode>', 'test and live stay apart').choices(['test', 'live']).makeOptionMandatory()
  const merchant = program.command('merchant').description('Merchants and their API keys.')
  add(merchant, 'list', 'All merchants.', ['merchant list']).action((_options, command: Command) =>
    listMerchants(contextOf(command)),
  )
  add(merchant, 'create', 'Makes a merchant.', ['merchant create mer_shop --name "Corner Shop" --route stripe-test'])
    .argument('<id>', 'mer_ and letters, digits or _')
    .requiredOption('--name <name>', 'as people know it')
    .option('--rate-tier <tier>', 'standard or high')
    .option('--route <connection>', 'a PSP connection, in order of preference; may be repeated', listOf, [])
    .addOption(reason())
    .action((id: string, options: Parameters<typeof createMerchant>[2], command: Command) =>
      createMerchant(contextOf(command), id, options),
    )
  for (const [name, description] of [
    ['suspend', 'Refuses all requests of a merchant from now on.'],
    ['resume', 'Lets a suspended merchant in again.'],
  ] as const) {
    add(merchant, name, description, [`merchant ${name} mer_shop --reason "ticket 12"`])
      .argument('<id>')
      .addOption(reason())
      .action((id: string, options: WithReason, command: Command) =>
        changeMerchant(contextOf(command), id, name, options.reason),
      )
  }
  add(merchant, 'show', 'A merchant, and what limits its payments.', ['merchant show mer_shop'])
    .argument('<id>')
    .action((id: string, _options: object, command: Command) => showMerchant(contextOf(command), id))
  add(merchant, 'limits', 'Limits of payments, per mode and currency: shows them, or changes some.', [
    'merchant limits mer_shop',
    'merchant limits mer_shop --mode live --currency EUR --set max_amount=100000 --set hourly_count=500',
    'merchant limits mer_shop --mode live --currency EUR --clear hourly_count',
  ])
    .argument('<id>')
    .addOption(new Option('--mode <mode>', 'whose payments').choices(['test', 'live']))
    .option('--currency <currency>', 'whose payments: EUR')
    .option('--set <limit=value>', `${limitNames.join(', ')}; amounts in minor units; may be repeated`, limitOf, {})
    .option('--clear <limit>', 'takes a limit away; may be repeated', limitNameOf, [])
    .addOption(reason())
    .action((id: string, options: LimitOptions, command: Command) => changeLimits(contextOf(command), id, options))
  const key = merchant.command('key').description('API keys: a secret is shown once, when it is made.')
  add(key, 'add', 'Makes an API key and prints its secret.', [
    'merchant key add mer_shop --mode test --reason "first key"',
  ])
    .argument('<id>')
    .addOption(mode())
    .option(
      '--scope <scope>',
      'payments:read, payments:write or refunds:write; may be repeated; all where none is given',
      listOf,
      [],
    )
    .addOption(reason())
    .action((id: string, options: Parameters<typeof addKey>[2], command: Command) =>
      addKey(contextOf(command), id, options),
    )
  add(key, 'revoke', 'Revokes an API key, for ever.', ['merchant key revoke mer_shop sk_test_ab12 --reason "leaked"'])
    .argument('<id>')
    .argument('<key>', 'its id, or what people see of it')
    .addOption(reason())
    .action((id: string, prefix: string, options: WithReason, command: Command) =>
      revokeKey(contextOf(command), id, prefix, options.reason),
    )

  const connection = program
    .command('psp-connection')
    .description('PSP connections; their secrets never leave their files.')
  add(connection, 'list', 'Registered connections, and those that nodes serve.', ['psp-connection list']).action(
    (_options, command: Command) => listConnections(contextOf(command)),
  )
  const withSettings = (command: Command): Command =>
    command
      .requiredOption('--secret-setting <name>', 'the setting whose file holds the API key, with the mode in its name')
      .option('--webhook-secret-setting <name>', 'the setting whose file holds the secrets of webhooks, one per line')
      .option('--webhook-login-setting <name>', 'Adyen: the setting whose file holds user:password, one per line')
      .option('--merchant-account <account>', 'Adyen: the merchant account')
      .option('--psp-url <url>', "where requests go, if not to the PSP's own address")
      .option('--multicapture', 'the account takes several captures of one authorization')
      .addOption(reason())
  withSettings(
    add(connection, 'add', 'Registers a connection; processes take it up within seconds.', [
      'psp-connection add stripe-live --psp stripe --mode live --secret-setting SHARDPAY_STRIPE_LIVE_SECRET_KEY_FILE',
    ])
      .argument('<name>', 'ends with its mode: stripe-live')
      .requiredOption('--psp <psp>', 'stripe or adyen')
      .addOption(mode()),
  ).action((name: string, options: Parameters<typeof addConnection>[2], command: Command) =>
    addConnection(contextOf(command), name, options),
  )
  withSettings(
    add(connection, 'change', 'Replaces the settings of a connection; what is left out is taken away.', [
      'psp-connection change stripe-test --secret-setting SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE --webhook-secret-setting SHARDPAY_STRIPE_TEST_WEBHOOK_SECRET_FILE',
    ]).argument('<name>'),
  ).action((name: string, options: ConnectionOptions, command: Command) =>
    changeConnection(contextOf(command), name, options),
  )
}

function listOf(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

function minorOf(text: string): number {
  const minor = Number(text)
  if (!Number.isSafeInteger(minor) || minor < 1) throw new InvalidArgumentError('A whole number of minor units.')
  return minor
}

function daysOf(text: string): number {
  const days = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || days > 36_500) throw new InvalidArgumentError('Days, such as 400.')
  return days
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3_600) throw new InvalidArgumentError('1 to 3600 seconds.')
  return seconds
}

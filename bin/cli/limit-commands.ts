/** `merchant show` and `merchant limits`. */
import { InvalidArgumentError } from 'commander'
import { isLimitName, type LimitName, limitNames } from '../../domain/merchant/limits.ts'
import type { MerchantView } from '../../gateway/operator/routes/merchants.ts'
import type { CommandContext } from './context.ts'
import { CliError, exitCodes } from './errors.ts'
import { plain, table } from './output.ts'

export async function showMerchant(context: CommandContext, id: string): Promise<void> {
  const { client, json, out } = context
  const merchant = await client.get<MerchantView>(`/merchants/${encodeURIComponent(id)}`)
  if (json) return out(`${JSON.stringify(merchant)}\n`)
  const { name, status, rate_tier: tier, routes, keys } = merchant
  const working = keys.filter(({ revoked_at: revoked }) => revoked === null).map(({ prefix }) => prefix)
  out(
    `${merchant.id}  ${plain(name)}\nstatus ${status}, rate tier ${tier}, ${routes.length} routes, working keys ${working.join(' ') || 'none'}\n\n`,
  )
  showLimits(context, merchant)
}

export interface LimitOptions {
  readonly mode?: string
  readonly currency?: string
  readonly set: Readonly<Partial<Record<LimitName, number>>>
  readonly clear: readonly LimitName[]
  readonly reason?: string
}

export async function changeLimits(context: CommandContext, id: string, options: LimitOptions): Promise<void> {
  const { client, json, out } = context
  const { mode, currency, set, clear } = options
  const path = `/merchants/${encodeURIComponent(id)}`
  const isChange = Object.keys(set).length + clear.length > 0
  if (isChange && (mode === undefined || currency === undefined)) {
    throw new CliError(exitCodes.usage, 'a limit is of one mode and one currency', {
      fix: 'add --mode test or --mode live, and --currency EUR',
    })
  }
  const merchant = isChange
    ? await client.send<MerchantView>('POST', `${path}/limits`, {
        ...{ mode, currency, set, clear, reason: context.reason(options.reason) },
      })
    : await client.get<MerchantView>(path)
  if (json) return out(`${JSON.stringify(merchant.limits)}\n`)
  showLimits(context, merchant)
}

function showLimits({ out }: CommandContext, { limits }: MerchantView): void {
  const columns = limitNames.map((name) => ({
    title: name.replace('_', ' '),
    of: (row: MerchantView['limits'][number]) => row[name] ?? '–',
    right: true as const,
  }))
  out(
    table(
      limits,
      [{ title: 'mode', of: ({ mode }) => mode }, { title: 'currency', of: ({ currency }) => currency }, ...columns],
      'no limits',
    ),
  )
}

/** `hourly_count=100`, once more for each limit. */
export function limitOf(text: string, before: LimitOptions['set']): LimitOptions['set'] {
  const [name = '', value = '', ...more] = text.split('=')
  const number = Number(value)
  if (!isLimitName(name)) throw new InvalidArgumentError(`Limits are ${limitNames.join(', ')}.`)
  if (!/^[0-9]+$/.test(value) || more.length > 0 || number < 1 || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('A limit is a whole number from 1 on: minor units, or payments.')
  }
  return { ...before, [name]: number }
}

export function limitNameOf(text: string, before: readonly LimitName[]): readonly LimitName[] {
  if (!isLimitName(text)) throw new InvalidArgumentError(`Limits are ${limitNames.join(', ')}.`)
  return [...before, text]
}

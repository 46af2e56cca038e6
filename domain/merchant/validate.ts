/**
 * Whether a merchant command's fields are what they claim to be: the name of the first that is not, or undefined.
 * Says nothing about whether a PSP connection exists; the journal would outlive that answer.
 */
import { unreachable } from '../../runtime/assert.ts'
import { isKnownCurrency } from '../money/currency.ts'
import type { PaymentMethod } from '../payment/operations.ts'
import { type ChangeLimits, type MerchantCommand, type NewApiKey, routesMax, routeWeightMax } from './commands.ts'
import { isLimitName } from './limits.ts'
import type { RateTier, RouteRule } from './state.ts'

const merchantIdPattern = /^mer_[0-9A-Za-z_]{1,60}$/
const keyIdPattern = /^key_[0-9A-Za-z_]{1,60}$/
const operatorPattern = /^[a-z0-9][a-z0-9_.:-]{0,63}$/
const hashPattern = /^[0-9a-f]{64}$/
/** Shows at most 8 characters of the secret, so a whole secret cannot slip into the journal. */
const prefixPatterns = { live: /^sk_live_[0-9A-Za-z]{2,8}…?$/, test: /^sk_test_[0-9A-Za-z]{2,8}…?$/ } as const
const scopePattern = /^[a-z_]{1,32}:[a-z_]{1,32}$/
const apiVersionPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/
const connectionPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/
const controlCharacter = /\p{Cc}/u
const rateTiers: Readonly<Record<RateTier, true>> = { standard: true, high: true, development: true }
const paymentMethods: Readonly<Record<PaymentMethod['type'], true>> = { card: true, apple_pay: true, google_pay: true }

const nameCharactersMax = 200
const reasonCharactersMax = 500
const scopesMax = 32

export function invalidParam(command: MerchantCommand): string | undefined {
  if (!merchantIdPattern.test(command.merchant)) return 'merchant'
  if (!operatorPattern.test(command.operator)) return 'operator'
  if (!isText(command.reason, reasonCharactersMax)) return 'reason'
  switch (command.type) {
    case 'CreateMerchant':
      if (!isText(command.name, nameCharactersMax)) return 'name'
      if (!isRateTier(command.rateTier)) return 'rate_tier'
      return invalidRoutes(command.routes)
    case 'AddApiKey':
      return invalidKey(command.key)
    case 'RevokeApiKey':
      return keyIdPattern.test(command.keyId) ? undefined : 'key_id'
    case 'ChangeRoutes':
      return invalidRoutes(command.routes)
    case 'ChangeRateTier':
      return isRateTier(command.rateTier) ? undefined : 'rate_tier'
    case 'ChangeLimits':
      return invalidLimits(command)
    case 'SuspendMerchant':
    case 'ResumeMerchant':
      return undefined
    default:
      return unreachable(command)
  }
}

function isText(text: string, charactersMax: number): boolean {
  return text.trim() !== '' && text.length <= charactersMax && !controlCharacter.test(text)
}

function isRateTier(tier: string): boolean {
  return Object.hasOwn(rateTiers, tier)
}

function isWithoutRepeats(list: readonly string[]): boolean {
  return new Set(list).size === list.length
}

function invalidKey(key: NewApiKey): string | undefined {
  if (!keyIdPattern.test(key.id)) return 'key.id'
  if (!hashPattern.test(key.hash)) return 'key.hash'
  if (!Object.hasOwn(prefixPatterns, key.mode)) return 'key.mode'
  if (!prefixPatterns[key.mode].test(key.prefix)) return 'key.prefix'
  if (key.scopes.length === 0 || key.scopes.length > scopesMax || !isWithoutRepeats(key.scopes)) return 'key.scopes'
  if (!key.scopes.every((scope) => scopePattern.test(scope))) return 'key.scopes'
  return apiVersionPattern.test(key.apiVersion) ? undefined : 'key.api_version'
}

function invalidRoutes(routes: readonly RouteRule[]): string | undefined {
  if (routes.length > routesMax) return 'routes'
  const wrong = routes.findIndex((route) => !isRoute(route))
  return wrong === -1 ? undefined : `routes[${wrong}]`
}

function invalidLimits({ mode, currency, set, clear }: ChangeLimits): string | undefined {
  if (!Object.hasOwn(prefixPatterns, mode)) return 'mode'
  if (!isKnownCurrency(currency)) return 'currency'
  const values = Object.entries(set)
  const wrong = values.find(([name, value]) => !isLimitName(name) || !Number.isSafeInteger(value) || value < 1)
  if (wrong !== undefined) return `set.${wrong[0]}`
  if (values.length + clear.length === 0) return 'set'
  const isClear = isWithoutRepeats(clear) && clear.every((name) => isLimitName(name) && !Object.hasOwn(set, name))
  return isClear ? undefined : 'clear'
}

function isRoute(route: RouteRule): boolean {
  if (!connectionPattern.test(route.connection)) return false
  if (!Object.hasOwn(prefixPatterns, route.mode)) return false
  // A connection's name ends with its mode: live payments never go to a test account, nor test payments to a live one.
  if (route.connection.endsWith(route.mode === 'live' ? '-test' : '-live')) return false
  const { currencies, methods, amountMinorMin, amountMinorMax, weight } = route
  if (currencies !== undefined && !(isChoice(currencies) && currencies.every(isKnownCurrency))) return false
  if (methods !== undefined && !(isChoice(methods) && methods.every(isPaymentMethod))) return false
  if (!isAmount(amountMinorMin) || !isAmount(amountMinorMax)) return false
  if (amountMinorMin !== undefined && amountMinorMax !== undefined && amountMinorMin > amountMinorMax) return false
  return weight === undefined || (Number.isInteger(weight) && weight >= 1 && weight <= routeWeightMax)
}

/** An empty list would read as "every" to one reader and as "none" to another. */
function isChoice(list: readonly string[]): boolean {
  return list.length > 0 && isWithoutRepeats(list)
}

function isPaymentMethod(type: string): boolean {
  return Object.hasOwn(paymentMethods, type)
}

function isAmount(minor: number | undefined): boolean {
  return minor === undefined || (Number.isSafeInteger(minor) && minor > 0)
}

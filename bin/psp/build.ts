/** From a registered connection and its secrets to the connector that calls the PSP and the receiver that hears it. */
import type { PspConnection } from '../../domain/operator/psp-connections.ts'
import { createAdyenConnector } from '../../psp/adyen/connector.ts'
import { createAdyenReceiver } from '../../psp/adyen/webhook.ts'
import type { Connector } from '../../psp/connector.ts'
import { defaultHttpLimits, type HttpLimits } from '../../psp/http/client.ts'
import { createStripeConnector } from '../../psp/stripe/connector.ts'
import { createStripeReceiver } from '../../psp/stripe/webhook.ts'
import type { WebhookReceiver } from '../../psp/webhook.ts'
import { assert, unreachable } from '../../runtime/assert.ts'
import { systemClock } from '../../runtime/clock.ts'
import type { Environment } from '../../runtime/config.ts'
import { withPatience } from './patience.ts'
import { readSecret, readSecrets } from './secret-file.ts'

/** What a process does with connections: nodes call PSPs, gateways hear them. */
export interface Uses {
  readonly connectors: boolean
  readonly receivers: boolean
}

export interface Secrets {
  /** Empty where the process calls nobody. */
  readonly apiKey: string
  /** Of webhooks; empty where the connection takes none, or the process hears none. */
  readonly signing: readonly string[]
  /** Of webhooks, `user:password`. */
  readonly logins: readonly string[]
}

/** Those that the process has a use for: what it does not hold nobody can take from it. @throws {SecretUnreadable} */
export function secretsOf(connection: PspConnection, environment: Environment, uses: Uses): Secrets {
  const { secretSetting, webhookSecretSetting, webhookLoginSetting } = connection
  const ofWebhooks = (setting: string | undefined): readonly string[] =>
    uses.receivers && setting !== undefined ? readSecrets(setting, environment) : []
  return {
    apiKey: uses.connectors ? readSecret(secretSetting, environment) : '',
    signing: ofWebhooks(webhookSecretSetting),
    logins: ofWebhooks(webhookLoginSetting),
  }
}

/**
 * @param testModePatienceMs for connections of test mode alone (patience.ts).
 * @throws where the address is none that the key may be sent to, or the key has not the form of one of this PSP and mode.
 */
export function buildConnector(
  registered: PspConnection,
  secrets: Pick<Secrets, 'apiKey'>,
  testModePatienceMs?: number,
): Connector {
  if (testModePatienceMs === undefined || registered.mode !== 'test') return connectorOf(registered, secrets, {})
  const deadlineMs = Math.min(defaultHttpLimits.deadlineMs, testModePatienceMs)
  return withPatience(connectorOf(registered, secrets, { deadlineMs }), testModePatienceMs)
}

function connectorOf(
  registered: PspConnection,
  { apiKey }: Pick<Secrets, 'apiKey'>,
  limits: Partial<HttpLimits>,
): Connector {
  const { name: connection, mode, url, merchantAccount = '', multicapture = false } = registered
  const common = { connection, clock: systemClock, limits, ...(url !== undefined && { baseUrl: url }) }
  switch (registered.psp) {
    case 'stripe':
      assert(apiKey.split('_')[1] === mode, 'a Stripe key is of its connection’s mode', { connection })
      return createStripeConnector({ ...common, secretKey: apiKey })
    case 'adyen':
      return createAdyenConnector({ ...common, mode, apiKey, merchantAccount, multicapture })
    default:
      return unreachable(registered.psp)
  }
}

/** Its secrets are asked for at every message. Undefined where the connection takes no webhooks. */
export function buildReceiver(
  registered: PspConnection,
  secrets: () => Pick<Secrets, 'signing' | 'logins'>,
): WebhookReceiver | undefined {
  const { name: connection, mode, merchantAccount = '' } = registered
  if (registered.webhookSecretSetting === undefined) return undefined
  switch (registered.psp) {
    case 'stripe':
      return createStripeReceiver({ connection, mode, secrets: () => secrets().signing })
    case 'adyen':
      return createAdyenReceiver({
        ...{ connection, mode, merchantAccount },
        hmacKeys: () => secrets().signing,
        logins: () => secrets().logins,
      })
    default:
      return unreachable(registered.psp)
  }
}

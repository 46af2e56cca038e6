/** What a payment's decider is told beside state and command. Everything that is not in here, it does not know. */
import type { MerchantConfiguration } from '../merchant/state.ts'
import type { AcceptedPayments } from '../merchant/velocity.ts'
import type { ConnectionProfile } from './operations.ts'

export interface PaymentContext {
  readonly paymentId: string
  /** Unix milliseconds; never before the payment's last decision. */
  readonly now: number
  /** Epoch under which the deciding node owns the shard. */
  readonly epoch: number
  /** Configuration of the command's (or the payment's) merchant as this node knows it. */
  readonly merchant: MerchantConfiguration | undefined
  /** By currency what was accepted lately of the merchant, in the payment's mode, as this node knows it. */
  readonly accepted: ReadonlyMap<string, AcceptedPayments>
  /** PSP connections by name. */
  readonly connections: ReadonlyMap<string, ConnectionProfile>
  /** 128 random bits, hexadecimal, for a new attempt's return address. */
  readonly nonce: string
  /** Public address of the gateways' return page; an attempt's id and nonce are appended to it. */
  readonly returnUrlBase: string
}

/**
 * The directory of merchants as every process holds it: a copy of their configuration, at most seconds old. Gateways find
 * API keys in it, actor hosts the configuration that a decision is made on.
 */
import type { ApiKey, MerchantConfiguration } from './state.ts'

export interface MerchantDirectory {
  get(merchant: string): MerchantConfiguration | undefined
  /** The key whose secret has this hash, revoked ones included: what that means is the caller's to say. */
  findByKeyHash(hash: string): { readonly merchant: MerchantConfiguration; readonly key: ApiKey } | undefined
  /** True where the copy may be too old to act on: nobody who answers outside requests may use it then. */
  readonly stale: boolean
}

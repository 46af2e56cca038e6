/** What a merchant's actor answers. */
import type { MerchantRejection } from './commands.ts'
import type { MerchantConfiguration } from './state.ts'

export type MerchantAnswer =
  | { readonly kind: 'merchant'; readonly configuration: MerchantConfiguration }
  | { readonly kind: 'rejected'; readonly rejection: MerchantRejection }

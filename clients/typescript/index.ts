export {
  type Client,
  createClient,
  type CreatedFilter,
  type List,
  type ListDisputesParameters,
  type ListParameters,
  type ListPaymentsParameters,
  type ListRefundsParameters,
  type Page,
  type PageParameters,
  type PaymentExpansion,
  type RefundExpansion,
  type SearchPaymentsParameters,
  type WaitOptions,
} from './client.ts'
export { type ClientCode, ShardpayError } from './errors.ts'
export type { ClientOptions, ReadOptions, WriteOptions } from './transport.ts'
export type * from './types.ts'

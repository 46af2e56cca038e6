export {
  type Client,
  createClient,
  type List,
  type ListParameters,
  type PaymentExpansion,
  type RefundExpansion,
  type WaitOptions,
} from './client.ts'
export { type ClientCode, ShardpayError } from './errors.ts'
export type { ClientOptions, ReadOptions, WriteOptions } from './transport.ts'
export type * from './types.ts'

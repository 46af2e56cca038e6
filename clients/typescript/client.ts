/**
 * The merchants' API as functions. Each call is one logical request: it is repeated under one idempotency key until there
 * is an answer (transport.ts), and its promise either has the object or throws a `ShardpayError` (errors.ts).
 *
 * A payment that was accepted and whose outcome is open is no error: its status is `pending`; `payments.wait` asks until
 * it is known.
 */
import { ShardpayError } from './errors.ts'
import { type ClientOptions, pause, type ReadOptions, Transport, type WriteOptions } from './transport.ts'
import type {
  Attempt,
  Balance,
  CancelPaymentBody,
  CapturePaymentBody,
  ConfirmPaymentBody,
  CreatePaymentBody,
  CreateRefundBody,
  Dispute,
  Event,
  LedgerAccount,
  LedgerEntry,
  Payment,
  Refund,
  RefundPaymentBody,
} from './types.ts'

/** The key is an option of the call, so that there is one place for it. */
type Unkeyed<Body> = Omit<Body, 'idempotency_key'>

export type PaymentExpansion = 'latest_attempt' | 'captures' | 'refunds' | 'disputes'
export type RefundExpansion = 'payment' | `payment.${PaymentExpansion}`

export interface ListParameters {
  /** 1 to 100; 10 where left out. */
  readonly limit?: number
  /** The id of an item: only what is older. */
  readonly starting_after?: string
  /** The id of an item: only what is newer. */
  readonly ending_before?: string
}

/** A page, newest first. */
export interface List<Item> {
  readonly object: 'list'
  readonly url: string
  readonly has_more: boolean
  readonly data: readonly Item[]
}

/** All that are given must hold. Times are Unix seconds. */
export interface CreatedFilter {
  readonly 'created[gte]'?: number
  readonly 'created[gt]'?: number
  readonly 'created[lte]'?: number
  readonly 'created[lt]'?: number
  readonly currency?: string
}

/** Lists across payments also go on by the `next_page` of an answer. */
export interface PageParameters extends ListParameters {
  readonly page?: string
}

export interface ListPaymentsParameters extends PageParameters, CreatedFilter {
  readonly status?: Payment['status']
  readonly merchant_reference?: string
  readonly psp?: string
  readonly expand?: readonly `data.${PaymentExpansion}`[]
}

export interface SearchPaymentsParameters extends Pick<PageParameters, 'limit' | 'page'> {
  /** Terms that must all hold, such as `status:captured amount>=1000`. */
  readonly query: string
  readonly expand?: readonly `data.${PaymentExpansion}`[]
}

export interface ListRefundsParameters extends PageParameters, CreatedFilter {
  readonly payment?: string
  readonly expand?: readonly `data.${RefundExpansion}`[]
}

export interface ListDisputesParameters extends PageParameters, CreatedFilter {
  readonly payment?: string
}

/** A page of a list across payments. */
export interface Page<Item> extends List<Item> {
  /** `page` of the next call; null where nothing more follows. */
  readonly next_page: string | null
  /** Unix milliseconds. What was decided until then is in it; what came later may be. */
  readonly as_of: number
}

export interface WaitOptions {
  /** Default 60,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Left out: until the payment is no longer `pending`. */
  readonly until?: (payment: Payment) => boolean
}

export interface Client {
  readonly payments: {
    create(parameters: Unkeyed<CreatePaymentBody>, options?: WriteOptions): Promise<Payment>
    retrieve(
      id: string,
      parameters?: { readonly expand?: readonly PaymentExpansion[] },
      options?: ReadOptions,
    ): Promise<Payment>
    confirm(id: string, parameters?: Unkeyed<ConfirmPaymentBody>, options?: WriteOptions): Promise<Payment>
    capture(id: string, parameters?: Unkeyed<CapturePaymentBody>, options?: WriteOptions): Promise<Payment>
    cancel(id: string, parameters?: Unkeyed<CancelPaymentBody>, options?: WriteOptions): Promise<Payment>
    refund(id: string, parameters?: Unkeyed<RefundPaymentBody>, options?: WriteOptions): Promise<Refund>
    events(id: string, parameters?: ListParameters, options?: ReadOptions): Promise<List<Event>>
    attempts(id: string, parameters?: ListParameters, options?: ReadOptions): Promise<List<Attempt>>
    list(parameters?: ListPaymentsParameters, options?: ReadOptions): Promise<Page<Payment>>
    search(parameters: SearchPaymentsParameters, options?: ReadOptions): Promise<Page<Payment>>
    ledgerEntries(id: string, parameters?: PageParameters, options?: ReadOptions): Promise<Page<LedgerEntry>>
    /**
     * Reads the payment until its outcome is known, with growing pauses. A payment that failed is an answer here, not an
     * error: look at `status` and `last_error`.
     * @throws {ShardpayError} `deadline_exceeded`, with the payment as it was read last.
     */
    wait(id: string, options?: WaitOptions): Promise<Payment>
  }
  readonly refunds: {
    create(parameters: Unkeyed<CreateRefundBody>, options?: WriteOptions): Promise<Refund>
    retrieve(
      id: string,
      parameters?: { readonly expand?: readonly RefundExpansion[] },
      options?: ReadOptions,
    ): Promise<Refund>
    list(parameters?: ListRefundsParameters, options?: ReadOptions): Promise<Page<Refund>>
  }
  readonly disputes: {
    retrieve(id: string, options?: ReadOptions): Promise<Dispute>
    list(parameters?: ListDisputesParameters, options?: ReadOptions): Promise<Page<Dispute>>
  }
  readonly balance: {
    retrieve(options?: ReadOptions): Promise<Balance>
  }
  readonly ledger: {
    accounts(parameters?: PageParameters, options?: ReadOptions): Promise<Page<LedgerAccount>>
    entries(account: string, parameters?: PageParameters, options?: ReadOptions): Promise<Page<LedgerEntry>>
  }
}

/** @throws {TypeError} where an option is wrong. */
export function createClient(options: ClientOptions): Client {
  const transport = new Transport(options)

  const change =
    <Body extends object, Answer>(action: string, expects: string) =>
    async (id: string, parameters?: Unkeyed<Body>, options?: WriteOptions): Promise<Answer> =>
      transport.send({ path: `${pathOf('pay', id)}/${action}`, expects, body: parameters ?? {} }, options)

  const create =
    <Body extends object, Answer>(path: string, expects: string) =>
    async (parameters: Unkeyed<Body>, options?: WriteOptions): Promise<Answer> =>
      transport.send({ path, expects, body: parameters }, options)

  const retrieve =
    <Answer>(prefix: Prefix, expects: string) =>
    async (id: string, { expand = [] }: { readonly expand?: readonly string[] } = {}, options?: ReadOptions) => {
      const query = expand.map((path) => ['expand[]', path] as const)
      return transport.send<Answer>({ path: pathOf(prefix, id), expects, query }, options)
    }

  const list =
    <Answer, Parameters extends object = ListParameters>(prefix: Prefix, name: string) =>
    async (id: string, parameters?: Parameters, options?: ReadOptions): Promise<Answer> =>
      transport.send({ path: `${pathOf(prefix, id)}/${name}`, expects: 'list', query: queryOf(parameters) }, options)

  const listAll =
    <Item, Parameters extends object = PageParameters>(path: string) =>
    async (parameters?: Parameters, options?: ReadOptions): Promise<Page<Item>> =>
      transport.send({ path, expects: 'list', query: queryOf(parameters) }, options)

  const retrievePayment = retrieve<Payment>('pay', 'payment')
  return {
    payments: {
      create: create<CreatePaymentBody, Payment>('/v1/payments', 'payment'),
      retrieve: retrievePayment,
      confirm: change<ConfirmPaymentBody, Payment>('confirm', 'payment'),
      capture: change<CapturePaymentBody, Payment>('capture', 'payment'),
      cancel: change<CancelPaymentBody, Payment>('cancel', 'payment'),
      refund: change<RefundPaymentBody, Refund>('refunds', 'refund'),
      events: list<List<Event>>('pay', 'events'),
      attempts: list<List<Attempt>>('pay', 'attempts'),
      list: listAll<Payment, ListPaymentsParameters>('/v1/payments'),
      search: listAll<Payment, SearchPaymentsParameters>('/v1/payments/search'),
      ledgerEntries: list<Page<LedgerEntry>, PageParameters>('pay', 'ledger_entries'),
      wait: async (id, options = {}) => wait((limits) => retrievePayment(id, {}, limits), options),
    },
    refunds: {
      create: create<CreateRefundBody, Refund>('/v1/refunds', 'refund'),
      retrieve: retrieve<Refund>('re', 'refund'),
      list: listAll<Refund, ListRefundsParameters>('/v1/refunds'),
    },
    disputes: {
      retrieve: async (id, options) =>
        transport.send({ path: pathOf('dp', id), expects: 'dispute', query: [] }, options),
      list: listAll<Dispute, ListDisputesParameters>('/v1/disputes'),
    },
    balance: {
      retrieve: async (options) => transport.send({ path: '/v1/balance', expects: 'balance', query: [] }, options),
    },
    ledger: {
      accounts: listAll<LedgerAccount>('/v1/ledger/accounts'),
      entries: list<Page<LedgerEntry>, PageParameters>('acc', 'entries'),
    },
  }
}

const waitTimeoutMs = 60_000
const waitPauseMs = { first: 250, max: 5_000 } as const

async function wait(read: (limits: ReadOptions) => Promise<Payment>, options: WaitOptions): Promise<Payment> {
  const { timeoutMs = waitTimeoutMs, signal, until = (payment) => payment.status !== 'pending' } = options
  const deadline = performance.now() + timeoutMs
  for (let pauseMs: number = waitPauseMs.first; ; pauseMs = Math.min(pauseMs * 1.6, waitPauseMs.max)) {
    const leftMs = Math.max(1, Math.ceil(deadline - performance.now()))
    const payment = await read({ timeoutMs: leftMs, ...(signal === undefined ? {} : { signal }) })
    if (until(payment)) return payment
    const nextMs = pauseMs * (0.8 + Math.random() * 0.4)
    const inTime = performance.now() + nextMs < deadline
    if (inTime && (await pause(nextMs, signal))) continue
    throw new ShardpayError({
      code: inTime ? 'aborted' : 'deadline_exceeded',
      message: `what was waited for had not happened yet: the payment is ${payment.status}`,
      retryable: true,
      payment,
      cause: inTime ? signal?.reason : undefined,
    })
  }
}

const paths = { pay: '/v1/payments', re: '/v1/refunds', dp: '/v1/disputes', acc: '/v1/ledger/accounts' } as const
type Prefix = keyof typeof paths

/** An id that is none must not become another path. */
function pathOf(prefix: Prefix, id: string): string {
  const rest = prefix === 'acc' ? '[0-9a-z_.-]{1,124}' : '[0-9a-z_]{1,64}'
  if (!new RegExp(`^${prefix}_${rest}$`).test(id)) throw new TypeError(`an id of the form ${prefix}_… is needed`)
  return `${paths[prefix]}/${id}`
}

type QueryValue = string | number | readonly string[] | undefined

function queryOf(parameters: object = {}): [string, string][] {
  return (Object.entries(parameters) as [string, QueryValue][]).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return []
    return typeof value === 'object' ? value.map((each) => [`${name}[]`, each]) : [[name, String(value)]]
  })
}

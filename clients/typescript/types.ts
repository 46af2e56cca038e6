/**
 * What the API takes and answers. Made from its OpenAPI document by `npm run docs`; not edited by hand.
 */

/** A payment. */
export interface Payment {
  readonly id: string
  readonly object: 'payment'
  readonly status:
    | 'created'
    | 'requires_action'
    | 'pending'
    | 'authorized'
    | 'partially_captured'
    | 'captured'
    | 'canceled'
    | 'expired'
    | 'failed'
  /** Minor units that were asked for. */
  readonly amount: number
  readonly amount_authorized: number
  /** What a capture may still take. */
  readonly amount_capturable: number
  /** What the PSP took back again is subtracted. */
  readonly amount_captured: number
  readonly amount_refunded: number
  /** In disputes that are open or lost. */
  readonly amount_disputed: number
  /** ISO 4217, lower case. */
  readonly currency: string
  /** Why the outcome is open; null unless the status is `pending`. */
  readonly pending_reason: 'awaiting_psp' | 'psp_outcome_unknown' | 'awaiting_webhook' | 'cancel_requested' | null
  readonly refund_status: 'none' | 'partial' | 'full'
  readonly dispute_status: 'none' | 'open' | 'won' | 'lost'
  readonly settlement_status: 'none' | 'partial' | 'settled'
  /** A person looks at it, because a PSP said something that does not fit. */
  readonly review: boolean
  readonly capture_method: 'automatic' | 'manual'
  /** Until when it can be captured. Unix seconds. */
  readonly capture_before: number | null
  readonly payment_method: {
    readonly type: 'card' | 'apple_pay' | 'google_pay'
  } | null
  /** What the shopper has to do; null unless the status is `requires_action`. */
  readonly next_action: {
    readonly type: 'redirect'
    readonly url: string
    readonly expires_at: number
  } | null
  /** Id of the newest attempt; the attempt itself where `latest_attempt` is expanded. */
  readonly latest_attempt: string | Attempt | null
  /** Why it failed; null unless the status is `failed`. */
  readonly last_error: {
    readonly code: string
    readonly decline_code: string | null
    readonly message: string
  } | null
  /** Ids, oldest first; captures where `captures` is expanded. */
  readonly captures: ReadonlyArray<string | Capture>
  /** Ids, oldest first; refunds where `refunds` is expanded. */
  readonly refunds: ReadonlyArray<string | Refund>
  /** Ids, oldest first; disputes where `disputes` is expanded. */
  readonly disputes: ReadonlyArray<string | Dispute>
  readonly merchant_reference: string | null
  readonly description: string | null
  readonly statement_descriptor: string | null
  readonly customer: string | null
  readonly return_url: string | null
  readonly metadata: Readonly<Record<string, string>>
  /** When it was created. Unix seconds. */
  readonly created: number
  readonly created_at: string
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** An open payment. */
export interface PendingPayment extends Payment {
  /** Seconds after which it is worth asking again. */
  readonly next_poll_after: number
}

/** A refund of a captured payment. */
export interface Refund {
  readonly id: string
  readonly object: 'refund'
  /** Id of its payment; the payment where `payment` is expanded. */
  readonly payment: string | Payment
  readonly amount: number
  readonly currency: string
  readonly status: 'pending' | 'requires_action' | 'succeeded' | 'declined' | 'failed' | 'reversed'
  readonly reason: string | null
  /** Why it came to nothing; null where it did not. */
  readonly failure: {
    /** A code of the table of errors. */
    readonly code: string
    /** Why the issuer or PSP declined, as far as it told. */
    readonly decline_code: string | null
  } | null
  /** When it was accepted. Unix seconds. */
  readonly created: number
  readonly created_at: string
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** An open refund. */
export interface PendingRefund extends Refund {
  /** Seconds after which it is worth asking again. */
  readonly next_poll_after: number
}

/** One try to authorize a payment at one PSP. */
export interface Attempt {
  readonly id: string
  readonly object: 'attempt'
  readonly payment: string
  /** The provider that was asked, such as `stripe`. */
  readonly psp: string
  readonly status: 'pending' | 'requires_action' | 'succeeded' | 'declined' | 'failed' | 'reversed'
  /** Minor units that were asked for. */
  readonly amount: number
  /** Minor units that were authorized. */
  readonly amount_authorized: number
  /** Why it came to nothing; null where it did not. */
  readonly failure: {
    /** A code of the table of errors. */
    readonly code: string
    /** Why the issuer or PSP declined, as far as it told. */
    readonly decline_code: string | null
  } | null
  /** When it was planned. Unix seconds. */
  readonly created: number
  readonly created_at: string
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** One capture of an authorized payment. */
export interface Capture {
  readonly id: string
  readonly object: 'capture'
  readonly payment: string
  readonly amount: number
  /** Minor units that the PSP took back after success. */
  readonly amount_reversed: number
  /** Whether the rest of the authorization is released with it. */
  readonly final: boolean
  readonly status: 'pending' | 'requires_action' | 'succeeded' | 'declined' | 'failed' | 'reversed'
  /** Why it came to nothing; null where it did not. */
  readonly failure: {
    /** A code of the table of errors. */
    readonly code: string
    /** Why the issuer or PSP declined, as far as it told. */
    readonly decline_code: string | null
  } | null
  /** When it was planned. Unix seconds. */
  readonly created: number
  readonly created_at: string
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** A dispute of a captured payment. */
export interface Dispute {
  readonly id: string
  readonly object: 'dispute'
  readonly payment: string
  readonly amount: number
  readonly currency: string
  readonly status: 'inquiry' | 'open' | 'won' | 'lost'
  /** Until when evidence can be sent. Unix seconds. */
  readonly evidence_by: number | null
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** Something that happened to a payment. */
export interface Event {
  readonly id: string
  readonly object: 'event'
  readonly type:
    | 'payment.created'
    | 'payment.requires_action'
    | 'payment.pending'
    | 'payment.authorized'
    | 'payment.partially_captured'
    | 'payment.captured'
    | 'payment.canceled'
    | 'payment.expired'
    | 'payment.failed'
    | 'payment.review'
    | 'refund.created'
    | 'refund.succeeded'
    | 'refund.failed'
    | 'refund.reversed'
    | 'dispute.opened'
    | 'dispute.updated'
    | 'dispute.won'
    | 'dispute.lost'
  /** The version that `data` is rendered in. */
  readonly api_version: string
  /** When it was decided. Unix seconds. */
  readonly created: number
  readonly created_at: string
  readonly livemode: boolean
  /** The request that caused it; null where no request of the merchant did. */
  readonly request: {
    readonly id: string
    readonly idempotency_key: string
  } | null
  readonly payment: string
  /** Orders the events of a payment; events of one decision share it. */
  readonly sequence: number
  readonly data: {
    /** The payment, refund or dispute, nothing expanded, as it was right after the event. */
    readonly object: Readonly<Record<string, unknown>>
    /** The members of `object` that the event changed, with what they were before; empty for what is new. */
    readonly previous_attributes: Readonly<Record<string, unknown>>
  }
}

/** What the accounts say, over all PSP connections. */
export interface Balance {
  readonly object: 'balance'
  /** Those that were ever booked in, in order. */
  readonly currencies: ReadonlyArray<{
    /** ISO 4217, lower case. */
    readonly currency: string
    /** What PSPs have settled, fees taken off: on its way to your bank. */
    readonly available: number
    /** Captured and not yet settled: what PSPs still owe. Below zero where refunds exceed it. */
    readonly pending: number
    /** What PSPs have withdrawn for disputes that are open. */
    readonly disputed: number
    /** What PSPs have kept, of settlements and for disputes. */
    readonly fees: number
    /** Losses, and what is not yet known what it belongs to. */
    readonly other: number
    /** Captured less refunded and lost in disputes: the sum of the five above. */
    readonly payable: number
    /** In captures whose outcome is open. */
    readonly pending_captures: number
    /** In refunds whose outcome is open. */
    readonly pending_refunds: number
    /** Held on cards and not captured. No money yet. */
    readonly authorized: number
  }>
  /** False for what was made with a test key. */
  readonly livemode: boolean
  /** Unix milliseconds. What was decided until then is in the answer; what came later may be. */
  readonly as_of: number
}

/** One account of your books. */
export interface LedgerAccount {
  /** Connection, currency and name. */
  readonly id: string
  readonly object: 'ledger_account'
  /** Of the chart of accounts, such as `psp_receivable`. */
  readonly name: string
  /** PSP connection; null where it is not known which one. */
  readonly connection: string | null
  /** ISO 4217, lower case. */
  readonly currency: string
  /** Debits less credits. */
  readonly balance: number
  /** All that was ever debited. */
  readonly debits: number
  /** All that was ever credited. */
  readonly credits: number
  /** Reserved by operations that are open. */
  readonly pending_debits: number
  /** Reserved by operations that are open. */
  readonly pending_credits: number
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

/** An amount moved from one account to another. `posted` moves balances; `pending` reserves, until it is `released`, also when what was reserved is posted. Entries are never changed: a correction is another entry. */
export interface LedgerEntry {
  readonly id: string
  readonly object: 'ledger_entry'
  /** Id of the account that is debited. */
  readonly debit: string
  /** Id of the account that is credited. */
  readonly credit: string
  /** Minor units, above zero. */
  readonly amount: number
  /** ISO 4217, lower case. */
  readonly currency: string
  readonly phase: 'posted' | 'pending' | 'released'
  readonly payment: string
  /** Id of the operation or dispute, or the settlement line’s key. */
  readonly operation: string
  /** When it was decided. Unix seconds. */
  readonly created: number
  readonly created_at: string
  /** False for what was made with a test key. */
  readonly livemode: boolean
}

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly error: {
    readonly type: string
    readonly code: string
    readonly decline_code?: string | undefined
    readonly message: string
    readonly param: string | null
    readonly retryable: boolean
    readonly request_id: string
    readonly doc_url: string
    readonly current_status?: string | undefined
    readonly allowed_statuses?: ReadonlyArray<string> | undefined
    readonly amount_available?: number | undefined
    readonly limit?: number | undefined
    readonly limit_name?: string | undefined
    readonly operation?: string | undefined
    /** The payment as it is; its id alone where nothing more is known. */
    readonly payment?: (Partial<Payment> & Pick<Payment, 'id'>) | undefined
  }
}

export interface CreatePaymentBody {
  /** Minor units: 1099 is 10.99 EUR, or 1099 JPY. */
  readonly amount: number
  /** ISO 4217, in any case. */
  readonly currency: string
  /** The PSP’s token of a card, such as `pm_card_visa`; or an object, for wallets too. */
  readonly payment_method?:
    | string
    | {
        readonly type: 'card' | 'apple_pay' | 'google_pay'
        /** The PSP’s token, or a JSON text: what a wallet gave your page, or the card that the PSP’s page has encrypted. */
        readonly token: string
      }
    | undefined
  readonly capture_method?: 'automatic' | 'manual' | undefined
  /** Default true. False: the payment waits for `confirm`. */
  readonly confirm?: boolean | undefined
  /** Your own name for it, such as an order’s number. */
  readonly merchant_reference?: string | undefined
  readonly description?: string | undefined
  /** Texts of your own, given back as they are. No card numbers, nothing that only shoppers should know. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Your own id of the customer. */
  readonly customer?: string | undefined
  /** Where the shopper is sent after an action of the PSP. https, in test mode http too. */
  readonly return_url?: string | undefined
  /** Narrows the account’s routes for this payment. */
  readonly routing?:
    | {
        /** Of the account’s routes only those of this PSP connection, such as `adyen-test`. */
        readonly connection?: string | undefined
      }
    | undefined
  /** What the card’s statement shows: 2 to 22 characters, a letter among them. */
  readonly statement_descriptor?: string | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface ConfirmPaymentBody {
  /** The PSP’s token of a card, such as `pm_card_visa`; or an object, for wallets too. */
  readonly payment_method?:
    | string
    | {
        readonly type: 'card' | 'apple_pay' | 'google_pay'
        /** The PSP’s token, or a JSON text: what a wallet gave your page, or the card that the PSP’s page has encrypted. */
        readonly token: string
      }
    | undefined
  /** Where the shopper is sent after an action of the PSP. https, in test mode http too. */
  readonly return_url?: string | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface AuthorizePaymentBody {
  /** The PSP’s token of a card, such as `pm_card_visa`; or an object, for wallets too. */
  readonly payment_method?:
    | string
    | {
        readonly type: 'card' | 'apple_pay' | 'google_pay'
        /** The PSP’s token, or a JSON text: what a wallet gave your page, or the card that the PSP’s page has encrypted. */
        readonly token: string
      }
    | undefined
  /** Where the shopper is sent after an action of the PSP. https, in test mode http too. */
  readonly return_url?: string | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface CapturePaymentBody {
  /** Minor units: 1099 is 10.99 EUR, or 1099 JPY. */
  readonly amount?: number | undefined
  /** Default true: the rest of the authorization is released. */
  readonly final?: boolean | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface CancelPaymentBody {
  readonly reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer' | 'abandoned' | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface RefundPaymentBody {
  /** Minor units: 1099 is 10.99 EUR, or 1099 JPY. */
  readonly amount?: number | undefined
  readonly reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer' | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

export interface CreateRefundBody {
  readonly payment: string
  /** Minor units: 1099 is 10.99 EUR, or 1099 JPY. */
  readonly amount?: number | undefined
  readonly reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer' | undefined
  /** Which ids of the answer are replaced by what they stand for. Part of what a repeat has to have equal. */
  readonly expand?: ReadonlyArray<string> | undefined
  /** Instead of the header `Idempotency-Key`; both must be equal where both are given. */
  readonly idempotency_key?: string | undefined
}

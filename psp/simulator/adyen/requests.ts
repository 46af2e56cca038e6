/**
 * The bodies that the simulated Adyen takes. A member that changes what happens and is not simulated is refused, never
 * ignored; a refusal names members, never values.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { AdyenFailure, invalid, malformed } from './failure.ts'

export type JsonObject = Readonly<Record<string, unknown>>

const Amount = Type.Object(
  {
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    value: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  },
  { additionalProperties: false },
)
const merchantAccount = Type.String({ minLength: 1, maxLength: 80 })
const reference = Type.String({ minLength: 1, maxLength: 80 })
const text = Type.String({ minLength: 1, maxLength: 40_000 })

/** Taken and not looked at: they describe shopper, device and order. */
const descriptive = Object.fromEntries(
  `accountInfo applicationInfo billingAddress browserInfo channel company countryCode dateOfBirth deliveryAddress
  deviceFingerprint lineItems merchantOrderReference merchantRiskIndicator metadata origin redirectFromIssuerMethod
  redirectToIssuerMethod riskData shopperEmail shopperIP shopperLocale shopperName shopperStatement telephoneNumber`
    .split(/\s+/)
    .map((name) => [name, Type.Optional(Type.Unknown())]),
)

const PaymentMethod = Type.Object(
  {
    type: Type.Optional(Type.Enum(['scheme', 'card', 'bcmc', 'applepay', 'googlepay', 'paywithgoogle'])),
    storedPaymentMethodId: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    holderName: Type.Optional(Type.String({ maxLength: 15_000 })),
    encryptedCard: Type.Optional(text),
    encryptedCardNumber: Type.Optional(text),
    encryptedExpiryMonth: Type.Optional(text),
    encryptedExpiryYear: Type.Optional(text),
    encryptedSecurityCode: Type.Optional(text),
    encryptedPassword: Type.Optional(text),
    applePayToken: Type.Optional(text),
    googlePayToken: Type.Optional(text),
    brand: Type.Optional(text),
    checkoutAttemptId: Type.Optional(text),
    fundingSource: Type.Optional(text),
    sdkData: Type.Optional(text),
    threeDS2SdkVersion: Type.Optional(text),
  },
  { additionalProperties: false },
)

const Payment = Type.Object(
  {
    ...descriptive,
    amount: Amount,
    merchantAccount,
    reference,
    returnUrl: Type.String({ minLength: 1, maxLength: 1024 }),
    paymentMethod: PaymentMethod,
    shopperReference: Type.Optional(Type.String({ minLength: 3, maxLength: 256 })),
    shopperInteraction: Type.Optional(Type.Enum(['Ecommerce', 'ContAuth', 'Moto'])),
    recurringProcessingModel: Type.Optional(Type.Enum(['CardOnFile', 'Subscription', 'UnscheduledCardOnFile'])),
    captureDelayHours: Type.Optional(Type.Literal(0)),
    additionalData: Type.Optional(Type.Record(Type.String(), Type.String())),
    authenticationData: Type.Optional(
      Type.Object(
        {
          attemptAuthentication: Type.Optional(Type.Enum(['always', 'never'])),
          threeDSRequestData: Type.Optional(Type.Unknown()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

const Details = Type.Object(
  {
    details: Type.Object(
      { redirectResult: Type.String({ minLength: 1, maxLength: 20_000 }) },
      { additionalProperties: false },
    ),
    paymentData: Type.Optional(Type.String({ maxLength: 200_000 })),
  },
  { additionalProperties: false },
)

const common = { merchantAccount, reference: Type.Optional(reference), applicationInfo: Type.Optional(Type.Unknown()) }

const Capture = Type.Object({ ...common, amount: Amount }, { additionalProperties: false })
const Refund = Type.Object(
  {
    ...common,
    amount: Amount,
    capturePspReference: Type.Optional(Type.String({ minLength: 1, maxLength: 16 })),
    merchantRefundReason: Type.Optional(Type.Enum(['FRAUD', 'CUSTOMER REQUEST', 'RETURN', 'DUPLICATE', 'OTHER'])),
  },
  { additionalProperties: false },
)
const Cancel = Type.Object(common, { additionalProperties: false })
const CancelByReference = Type.Object({ ...common, paymentReference: reference }, { additionalProperties: false })
const AmountUpdate = Type.Object(
  {
    ...common,
    amount: Amount,
    industryUsage: Type.Optional(Type.Enum(['delayedCharge', 'installment', 'noShow'])),
  },
  { additionalProperties: false },
)

export const bodies = { Payment, Details, Capture, Refund, Cancel, CancelByReference, AmountUpdate }

export type PaymentBody = Static<typeof Payment>

/** The body as `schema` has it. @throws AdyenFailure where it is another */
export function readBody<Schema extends TSchema>(schema: Schema, body: JsonObject): Static<Schema> {
  if (Value.Check(schema, body)) {
    checkAccount((body as { readonly merchantAccount?: string }).merchantAccount)
    return body
  }
  const problems = Value.Errors(schema, body)
  const missing = problems.flatMap(({ instancePath, keyword, params }) =>
    keyword === 'required' ? params.requiredProperties.map((name) => `${instancePath}/${name}`) : [],
  )
  for (const path of missing) {
    const known = missingMembers[path]
    if (known !== undefined) throw invalid(...known)
  }
  for (const { instancePath } of problems) {
    const known = wrongMembers[instancePath]
    if (known !== undefined) throw invalid(...known)
  }
  const first = problems[0]
  const where = missing[0] ?? first?.instancePath ?? ''
  throw malformed(
    missing.length > 0
      ? `Required field '${where.slice(1)}' is not provided.`
      : `${where === '' ? 'body' : where.slice(1)}: ${first?.message ?? 'not understood'}, or not simulated`,
  )
}

const missingMembers: Readonly<Record<string, readonly [code: string, message: string]>> = {
  '/amount': ['100', "Required object 'amount' is not provided."],
  '/returnUrl': ['14_030', 'Return URL is missing.'],
}

const wrongMembers: Readonly<Record<string, readonly [code: string, message: string]>> = {
  '/amount/value': ['137', 'Invalid amount specified'],
  '/amount/currency': ['138', 'Unsupported currency specified'],
}

/** Accounts whose names begin with `Wrong` are not the caller's. */
function checkAccount(name: string | undefined): void {
  if (name?.startsWith('Wrong') !== true) return
  throw new AdyenFailure({ status: 403, errorCode: '901', message: 'Invalid Merchant Account', errorType: 'security' })
}

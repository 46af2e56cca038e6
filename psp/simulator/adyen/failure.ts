/** A request that Adyen would refuse, as the error it would answer. Thrown by handlers, caught by engine and edge. */

export interface ServiceError {
  readonly status: number
  readonly errorCode: string
  readonly message: string
  readonly errorType: 'validation' | 'security' | 'configuration' | 'internal'
}

export class AdyenFailure extends Error {
  override readonly name = 'AdyenFailure'
  readonly error: ServiceError
  /** Nothing was executed and nothing is stored for the key; said in the header `transient-error`. */
  readonly transient: boolean

  constructor(error: ServiceError, transient = false) {
    super(error.message)
    this.error = error
    this.transient = transient
  }
}

export function invalid(errorCode: string, message: string): AdyenFailure {
  return new AdyenFailure({ status: 422, errorCode, message, errorType: 'validation' })
}

export function malformed(message: string): AdyenFailure {
  return new AdyenFailure({ status: 400, errorCode: '702', message, errorType: 'validation' })
}

export function serverError(status: number): ServiceError {
  return { status, errorCode: '000', message: 'An unknown error occurred', errorType: 'internal' }
}

/** The merchants of a cluster under measurement, and the secret from which it derives ids. */
export interface BenchMerchant {
  readonly id: string
  /** Of its test mode. */
  readonly apiKey: string
}

export const benchIdKey = Buffer.alloc(32, 2)

export const benchMerchants: readonly BenchMerchant[] = Array.from({ length: 1000 }, (_, index) => {
  const name = `bench${String(index).padStart(4, '0')}`
  return { id: `mer_${name}`, apiKey: `sk_test_merchants${name}` }
})

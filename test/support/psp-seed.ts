/** PSP connections as seeds of development clusters name them. */

/** Stripe as the simulator plays it; its key is in the file that the setting names. */
export function stripeSeed(simulatorUrl: string) {
  return {
    name: 'stripe-test',
    psp: 'stripe',
    secret_setting: 'SHARDPAY_STRIPE_TEST_SECRET_KEY_FILE',
    url: simulatorUrl,
  }
}

import { describe, expect, it } from 'vitest'
import { checkedOrigin, OriginRefused } from './origin.ts'

const allowed = ['https://api.stripe.com']

describe('a PSP base URL', () => {
  it('is taken where its origin is listed, or this machine', () => {
    expect(checkedOrigin('https://api.stripe.com', allowed)).toBe('https://api.stripe.com')
    expect(checkedOrigin('https://api.stripe.com/', allowed)).toBe('https://api.stripe.com')
    expect(checkedOrigin('http://127.0.0.1:4242', allowed)).toBe('http://127.0.0.1:4242')
    expect(checkedOrigin('http://localhost:4242', allowed)).toBe('http://localhost:4242')
  })

  it('is refused where the secret would go to somebody else, or in the clear', () => {
    for (const url of [
      'https://api.stripe.com.evil.example',
      'https://evil.example',
      'http://api.stripe.com',
      'https://api.stripe.com:8443',
      'https://user:pass@api.stripe.com',
      'https://api.stripe.com/v1',
      'https://api.stripe.com/?x=1',
      'http://127.0.0.1.evil.example',
      'http://169.254.169.254',
      'file:///etc/passwd',
      'api.stripe.com',
      '',
    ]) {
      expect(() => checkedOrigin(url, allowed), url).toThrow(OriginRefused)
    }
  })
})

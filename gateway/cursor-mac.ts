/**
 * Page tokens: where a page of a list ended, and in which direction the next one goes. Clients hand them back and cannot
 * make, change or read one: a place may tell how much others do. Each carries an HMAC, which also binds it to the list, the
 * merchant, the mode and the filters it was given for, and is encrypted under it (a synthetic initialization vector: equal
 * places give equal tokens, and no nonce can repeat).
 *
 * Guarantees: what opens was made here, for exactly this list. Leaves to others: what the place means (read-port.ts). A token
 * is good as long as the `id_key` is, at every gateway.
 */
import { createCipheriv, createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Place } from './read-port.ts'

export type Direction = 'older' | 'newer'

export interface Cursor {
  readonly direction: Direction
  /** The next page begins right behind it. */
  readonly place: Place
}

const label = 'shardpay list cursor'
const keyBytes = 32
const macBytes = 16
/** Of the payload below: direction, then milliseconds, then the id. Permanent: clients may keep tokens. */
const olderTag = 1
const newerTag = 2
const headBytes = 1 + 8

export class CursorMac {
  readonly #macKey: Buffer
  readonly #cipherKey: Buffer

  /** @param idKey the cluster's; tokens have keys of their own derived from it. */
  constructor(idKey: KeyObject) {
    const keys = Buffer.from(hkdfSync('sha256', idKey, '', label, 2 * keyBytes))
    this.#macKey = keys.subarray(0, keyBytes)
    this.#cipherKey = keys.subarray(keyBytes)
  }

  /** @param list all that the token is bound to, as one text. */
  seal(list: string, { direction, place }: Cursor): string {
    const head = Buffer.alloc(headBytes)
    head.writeUInt8(direction === 'older' ? olderTag : newerTag)
    head.writeDoubleBE(place.at, 1)
    const payload = Buffer.concat([head, Buffer.from(place.id, 'utf8')])
    const mac = this.#mac(list, payload)
    return Buffer.concat([mac, this.#encrypted(mac, payload)]).toString('base64url')
  }

  /** Undefined where the token was not made for this list, or not here. */
  open(list: string, token: string): Cursor | undefined {
    const bytes = Buffer.from(token, 'base64url')
    // Decoding is lenient; of each token there is one spelling.
    if (bytes.length < macBytes + headBytes || bytes.toString('base64url') !== token) return undefined
    const mac = bytes.subarray(0, macBytes)
    const payload = this.#encrypted(mac, bytes.subarray(macBytes))
    if (!timingSafeEqual(mac, this.#mac(list, payload))) return undefined
    const direction = payload.readUInt8() === olderTag ? 'older' : 'newer'
    return { direction, place: { at: payload.readDoubleBE(1), id: payload.toString('utf8', headBytes) } }
  }

  #mac(list: string, payload: Buffer): Buffer {
    const bound = Buffer.from(list, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bound.length)
    return createHmac('sha256', this.#macKey)
      .update(length)
      .update(bound)
      .update(payload)
      .digest()
      .subarray(0, macBytes)
  }

  /** And back: the key stream is added again. */
  #encrypted(mac: Uint8Array, payload: Uint8Array): Buffer {
    return createCipheriv('aes-256-ctr', this.#cipherKey, mac).update(payload)
  }
}

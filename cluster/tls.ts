/**
 * Mutual TLS of links, 1.3 only, from three files: certificate (with intermediates), key, and the authorities that peers'
 * certificates are checked against. Files that change are taken over without a restart: the listener uses them for new
 * connections and forgets session tickets, dials use them at once, and listeners are told, so that links made under the
 * old certificate are recycled. A change that does not fit together, names somebody else or is not valid now keeps what
 * there was, and says so.
 *
 * Files are compared by content every few seconds: watching them misses what orchestrators do with symbolic links.
 * Left to others: whether a peer is the one that was dialled (links-connection.ts).
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type SecureContext, type Server, type TlsOptions } from 'node:tls'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { PipeIdentity } from './link.ts'
import { identityIn } from './tls-identity.ts'

export { identityOf } from './tls-identity.ts'

export interface LinkTlsFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** Under the names they have in a process's own directory. */
export function linkTlsFilesIn(directory: string): LinkTlsFiles {
  const file = (name: string): string => join(directory, name)
  return { certFile: file('cert.pem'), keyFile: file('key.pem'), caFile: file('ca.pem') }
}

export interface LinkTlsOptions {
  readonly files: LinkTlsFiles
  readonly clock: Clock
  /** How often the files are looked at. Default: 5,000. */
  readonly pollMs?: number
  readonly observer?: LinkTlsObserver
}

export interface LinkTlsObserver {
  reloaded?(expiresAt: number): void
  /** The files were not taken over; why, without their contents. Said once per change. */
  rejected?(error: LinkTlsError): void
}

export class LinkTlsError extends Error {
  override readonly name = 'LinkTlsError'
  readonly code = 'link_tls_unusable'
}

interface Credentials {
  readonly cert: string
  readonly key: string
  readonly ca: string
  readonly context: SecureContext
  readonly identity: PipeIdentity
  /** Unix ms. */
  readonly expiresAt: number
}

const defaultPollMs = 5_000

export class LinkTls {
  readonly #options: LinkTlsOptions
  readonly #listeners = new Set<() => void>()
  #credentials: Credentials
  /** Contents that were taken over. */
  #seen: string
  /** Files are replaced one after the other, so a mixture is looked at again; the same complaint is made once. */
  #rejectedFor = ''
  #cancelPoll: Cancel

  /** @throws {LinkTlsError} where the files cannot be used. */
  constructor(options: LinkTlsOptions) {
    this.#options = options
    const texts = readFiles(options.files)
    this.#seen = fingerprint(texts)
    this.#credentials = checked(texts, options.clock.now())
    this.#cancelPoll = this.#pollLater()
  }

  /** Whom our own certificate names. */
  get identity(): PipeIdentity {
    return this.#credentials.identity
  }

  /** Seconds until the loaded certificate expires, below zero once it has; for `tls_cert_expiry_seconds`. */
  get expirySeconds(): number {
    return (this.#credentials.expiresAt - this.#options.clock.now()) / 1_000
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  listenOptions(): TlsOptions {
    const { cert, key, ca } = this.#credentials
    return { cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }
  }

  dialOptions(): {
    readonly secureContext: SecureContext
    readonly minVersion: 'TLSv1.3'
    readonly rejectUnauthorized: true
    readonly checkServerIdentity: (host: string, certificate: { raw: Buffer }) => Error | undefined
  } {
    return {
      secureContext: this.#credentials.context,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: true,
      // names of hosts mean nothing: addresses come from the members' table, identities from certificates
      checkServerIdentity(_host, { raw }) {
        const identity = identityIn(new X509Certificate(raw))
        return identity?.roles.includes('node') === true ? undefined : new LinkTlsError('the certificate names no node')
      },
    }
  }

  /** Makes a listening server use the present files. Open connections stay as they are; sessions are not resumed. */
  renew(server: Pick<Server, 'setSecureContext' | 'setTicketKeys'>): void {
    server.setSecureContext(this.listenOptions())
    server.setTicketKeys(randomBytes(48))
  }

  /** Looks at the files now. */
  reload(): void {
    const { files, clock, observer } = this.#options
    try {
      const texts = readFiles(files)
      const seen = fingerprint(texts)
      if (seen === this.#seen) return
      const credentials = checked(texts, clock.now())
      const { node } = this.#credentials.identity
      if (credentials.identity.node !== node) throw new LinkTlsError(`the certificate names another node than ${node}`)
      this.#seen = seen
      this.#rejectedFor = ''
      this.#credentials = credentials
      observer?.reloaded?.(credentials.expiresAt)
      for (const listener of [...this.#listeners]) listener()
    } catch (error) {
      this.#reject(error)
    }
  }

  close(): void {
    this.#cancelPoll()
  }

  #reject(error: unknown): void {
    const problem =
      error instanceof LinkTlsError ? error : new LinkTlsError('the files cannot be read', { cause: error })
    if (problem.message === this.#rejectedFor) return
    this.#rejectedFor = problem.message
    this.#options.observer?.rejected?.(problem)
  }

  #pollLater(): Cancel {
    return this.#options.clock.schedule(this.#options.pollMs ?? defaultPollMs, () => {
      this.reload()
      this.#cancelPoll = this.#pollLater()
    })
  }
}

interface Texts {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

function readFiles({ certFile, keyFile, caFile }: LinkTlsFiles): Texts {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8')
    } catch (error) {
      throw new LinkTlsError(`${file} cannot be read`, { cause: error })
    }
  }
  return { cert: read(certFile), key: read(keyFile), ca: read(caFile) }
}

function fingerprint({ cert, key, ca }: Texts): string {
  return [cert, key, ca].join('\0')
}

function checked(texts: Texts, now: number): Credentials {
  try {
    const [leaf, ...intermediates] = certificatesIn(texts.cert)
    const authorities = certificatesIn(texts.ca)
    if (leaf === undefined || authorities.length === 0) throw new LinkTlsError('a file holds no certificate')
    const identity = identityIn(leaf)
    if (identity === undefined) throw new LinkTlsError('the certificate names no node or gateway of ours')
    if (!leaf.checkPrivateKey(createPrivateKey(texts.key))) throw new LinkTlsError('the key is of another certificate')
    const isIssued = [...authorities, ...intermediates].some(
      (issuer) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey),
    )
    if (!isIssued) throw new LinkTlsError('the certificate is of another authority')
    if (now < leaf.validFromDate.getTime()) throw new LinkTlsError('the certificate is not valid yet')
    const expiresAt = leaf.validToDate.getTime()
    if (now >= expiresAt) throw new LinkTlsError('the certificate has expired')
    const context = createSecureContext({ ...texts, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' })
    return { ...texts, context, identity, expiresAt }
  } catch (error) {
    if (error instanceof LinkTlsError) throw error
    throw new LinkTlsError('a file is no certificate or key', { cause: error })
  }
}

const pemPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesIn(text: string): X509Certificate[] {
  return (text.match(pemPattern) ?? []).map((pem) => new X509Certificate(pem))
}
